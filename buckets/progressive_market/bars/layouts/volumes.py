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
VOLUMES = ("base_volume", "volume", "quote_volume", "size", "tick_volume")  # roles of columns to choose from


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
    every = [label for kind in VOLUMES for label in _labels(found, kind)]
    if not every:
        raise DataError(f"{where}: no column for the volume among {', '.join(found.roles)}")
    candidates, quotes = _candidates(found, notes), _labels(found, "quote_volume")
    if candidates[0] in quotes:
        only = quotes[0]
        notes.append(f"only a quote volume is given ({only}): the volume is that divided by the close price")
        return Settled(
            volume=found.values[only] / found.close,
            extra={"quote_volume": found.values[only]},
            spare=tuple(label for label in every if label != only),
        )
    base, quote = _best_pair(found, candidates, [*quotes, *candidates, *_labels(found, "size")])
    spare = tuple(label for label in every if label not in (base, quote))
    volume = found.values[base]
    if quote is None:
        return Settled(volume=volume, extra={}, spare=spare)
    right, wrong = _compared(found, base, quote)
    cost, exchanged = found.values[quote], wrong & ~right
    if exchanged.any():
        volume, cost = np.where(exchanged, cost, volume), np.where(exchanged, volume, cost)
        count = "all" if exchanged[np.isfinite(volume) & (volume > 0)].all() else str(int(exchanged.sum()))
        notes.append(f"{base} and {quote} are exchanged in {count} rows: put right, the volume is in the base asset")
    return Settled(volume=volume, extra={"quote_volume": cost}, spare=spare)


def _candidates(found: Volumes, notes: list[str]) -> list[str]:
    """The columns of the best kind of volume that is not 0 in all rows; of the best kind, where all are."""
    named = [*_labels(found, "base_volume"), *_labels(found, "volume")]
    sizes, quotes = _labels(found, "size"), _labels(found, "quote_volume")
    paid = [size for size in sizes if any(_agreement(found, size, quote) >= MOSTLY for quote in quotes)]
    kinds = [labels for labels in (named, paid, quotes, sizes, _labels(found, "tick_volume")) if labels]
    traded = [[label for label in labels if (found.values[label] > 0).any()] for labels in kinds]
    best = next((labels for labels in traded if labels), kinds[0])
    if empty := [label for label in kinds[0] if label not in best and best is not kinds[0]]:
        notes.append(f"{', '.join(empty)} is 0 in all rows: took {best[0]}")
    return best


def _best_pair(found: Volumes, candidates: list[str], others: list[str]) -> tuple[str, str | None]:
    """The first candidate of which another column is what it cost, or the other way round, and that column; else the
    first one, and a quote volume by name."""
    for base in candidates:
        agreement = {label: _agreement(found, base, label) for label in others if label != base}
        quote = max(agreement, key=agreement.__getitem__, default=None)
        if quote is not None and agreement[quote] >= MOSTLY:
            return base, quote
    base, quotes = candidates[0], [label for label in others if found.roles[label] == "quote_volume"]
    return base, max(quotes, key=lambda label: _agreement(found, base, label), default=None)


def _agreement(found: Volumes, base: str, quote: str) -> float:
    right, wrong = _compared(found, base, quote)
    return float((right | wrong).mean())


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
