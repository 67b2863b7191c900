"""Which volume is counted in the base asset: names disagree between exchanges, the numbers do not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import field, frozen

from progressive_buckets.bars.records import Floats
from progressive_training import DataError

CLOSE_ENOUGH = 0.3  # log units: within a bar the average price is this near to its close


@frozen(kw_only=True)
class Volumes:
    """The columns to choose from: `roles` and `values` by label, and the close price of each row."""

    roles: Mapping[str, str]
    values: Mapping[str, Floats] = field(repr=False)
    close: Floats = field(repr=False)


@frozen(kw_only=True)
class Settled:
    """The volume in the base asset, the one in the quote asset in `extra` where there is one, and the labels of columns
    that only seemed to be one of these (`spare`)."""

    volume: Floats = field(repr=False)
    extra: dict[str, Floats] = field(repr=False)
    spare: tuple[str, ...] = ()


def settle(found: Volumes, where: str, notes: list[str]) -> Settled:
    """Choose the base volume and the quote volume; what was changed goes to `notes`.

    :raise DataError: no column can be the volume.
    """
    by_role = {kind: _labels(found, kind) for kind in ("base_volume", "volume", "quote_volume")}
    candidates = [*by_role["base_volume"], *by_role["volume"]]
    quotes = by_role["quote_volume"]
    if not candidates and not quotes:
        raise DataError(f"{where}: no column for the volume among {', '.join(found.roles)}")
    if not candidates:
        notes.append(f"only a quote volume is given ({quotes[0]}): the volume is that divided by the close price")
        return Settled(
            volume=found.values[quotes[0]] / found.close,
            extra={"quote_volume": found.values[quotes[0]]},
            spare=tuple(quotes[1:]),
        )
    base = candidates[0]
    others = [*quotes, *candidates[1:]]
    quote = next((label for label in others if _is_worth(found, base, label)), None)
    if quote is None and (worth := [label for label in others if _is_worth(found, label, base)]):
        notes.append(f"{base} is {worth[0]} times the price: {worth[0]} was taken as the volume")
        base, quote = worth[0], base
    if quote is None and quotes:
        quote = quotes[0]
    spare = tuple(label for label in (*candidates, *quotes) if label not in (base, quote))
    if quote is None:
        return Settled(volume=found.values[base], extra={}, spare=spare)
    volume, in_quote, exchanged = _put_right(found.values[base], found.values[quote], found.close)
    if exchanged:
        notes.append(f"{exchanged} rows had {base} and {quote} exchanged: put right")
    return Settled(volume=volume, extra={"quote_volume": in_quote}, spare=spare)


def _labels(found: Volumes, kind: str) -> list[str]:
    return [label for label in found.values if found.roles[label] == kind]


def _is_worth(found: Volumes, base: str, quote: str) -> bool:
    """Whether `quote` is what `base` cost."""
    ratio = _log_ratio(found.values[quote], found.values[base] * found.close)
    return bool(np.isfinite(ratio).any() and abs(np.nanmedian(ratio)) < CLOSE_ENOUGH)


def _put_right(volume: Floats, quote: Floats, close: Floats) -> tuple[Floats, Floats, int]:
    """Exchange the two in rows where they were written the wrong way round."""
    right = np.abs(_log_ratio(quote, volume * close)) < CLOSE_ENOUGH
    wrong = (np.abs(_log_ratio(volume, quote * close)) < CLOSE_ENOUGH) & ~right
    return np.where(wrong, quote, volume), np.where(wrong, volume, quote), int(wrong.sum())


def _log_ratio(numerator: Floats, denominator: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(numerator / denominator)
    return np.where(np.isfinite(ratio), ratio, np.nan)
