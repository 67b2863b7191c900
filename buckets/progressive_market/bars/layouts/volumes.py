"""Which volume is counted in the base asset: names disagree between exchanges, the numbers do not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from progressive_market.bars.bar_records import Floats
from progressive_training import DataError

CLOSE_ENOUGH = 0.3  # log units: within a bar the average price is this near to its close
MOSTLY = 0.5  # of the rows


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
    pairs = {label: _compared(found, base, label) for label in (*quotes, *candidates[1:])}
    quote = max(pairs, key=lambda label: float((pairs[label][0] | pairs[label][1]).mean()), default=None)
    if quote is not None and quote not in quotes and (pairs[quote][0] | pairs[quote][1]).mean() < MOSTLY:
        quote = None  # two volumes of which neither is the price of the other: keep both as they are
    spare = tuple(label for label in (*candidates, *quotes) if label not in (base, quote))
    volume = found.values[base]
    if quote is None:
        return Settled(volume=volume, extra={}, spare=spare)
    cost, exchanged = found.values[quote], pairs[quote][1] & ~pairs[quote][0]
    if exchanged.any():
        volume, cost = np.where(exchanged, cost, volume), np.where(exchanged, volume, cost)
        count = "all" if exchanged[np.isfinite(volume) & (volume > 0)].all() else str(int(exchanged.sum()))
        notes.append(f"{base} and {quote} are exchanged in {count} rows: put right, the volume is in the base asset")
    return Settled(volume=volume, extra={"quote_volume": cost}, spare=spare)


def _labels(found: Volumes, kind: str) -> list[str]:
    return [label for label in found.values if found.roles[label] == kind]


def _compared(found: Volumes, base: str, quote: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """In which rows `quote` is what `base` cost, and in which it is the other way round."""
    volume, cost = found.values[base], found.values[quote]
    with np.errstate(over="ignore"):  # numbers that no market has; cleaning drops their rows
        right = _log_ratio(cost, volume * found.close)
        wrong = _log_ratio(volume, cost * found.close)
    return np.abs(right) < CLOSE_ENOUGH, np.abs(wrong) < CLOSE_ENOUGH


def _log_ratio(numerator: Floats, denominator: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(numerator / denominator)
    return np.where(np.isfinite(ratio), ratio, np.nan)
