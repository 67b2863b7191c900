"""Leak check: finds features and columns that contain later data. It runs before training, since results cannot show it.

Features are computed again on bars that end earlier (`causal`). Columns come as they are, so they are asked what they know
of the bars to come, alone and in pairs, everywhere and where they are unusual. What no honest column can know is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np

from progressive_market.bars.bar_records import Bars, Floats
from progressive_market.bars.leaks.activity import explained_activity
from progressive_market.bars.leaks.averaged_innovations import explained_averages
from progressive_market.bars.leaks.causal import FeatureFunction, check_causal
from progressive_market.bars.leaks.column_pairs import pairs_that_explain
from progressive_market.bars.leaks.evidence import Evidence, stronger
from progressive_market.bars.leaks.exact_copies import exact_copies
from progressive_market.bars.leaks.held_values import held_values
from progressive_market.bars.leaks.innovations import explained_changes
from progressive_market.bars.leaks.leak_targets import Targets, further_targets, sampled, targets_of
from progressive_market.bars.leaks.rare_rows import in_a_stretch, where_unusual
from progressive_market.bars.leaks.single_columns import explained_alone
from progressive_market.bars.leaks.whole_file.fitted import fitted_to_the_whole_file
from progressive_training import DataError, get_logger

log = get_logger()

ROWS = 10_000  # bars that are predicted, at most: enough to distinguish an R² of 0.05 from one of 0.03
REACH = 1e100  # largest value, or 1 / smallest, whose powers are numbers


def check_leaks(
    bars: Bars, feature_function: FeatureFunction, allow: Sequence[str] = (), horizons: Sequence[int] = ()
) -> list[str]:
    """Check features and columns for later data.

    :param feature_function: see `check_causal`.
    :param allow: columns that may leak, on the user's word.
    :param horizons: spans in bars that the buckets predict; a column that holds the return over one of them is a leak.
    :return: the allowed columns that do leak.
    :raise DataError: one that is not allowed does, or an allowed one does not exist.
    """
    named = ["volume", *bars.extra]
    unknown = [name for name in allow if name not in named]
    if unknown:
        raise DataError(f"ALLOW_LEAK names {', '.join(unknown)}: no such column; there are {', '.join(named)}")
    check_causal(feature_function, bars)
    return _judged(bars, leak_evidence(bars, foreign_columns(bars), horizons, allow), allow)


def check_further_horizons(bars: Bars, allow: Sequence[str], horizons: Sequence[int]) -> list[str]:
    """Check bars in which `check_leaks` found nothing for further `horizons` alone; else as `check_leaks`."""
    columns, rows = foreign_columns(bars), np.arange(1, len(bars) - 2)
    if not columns or len(rows) < 2:
        return []
    targets = further_targets(bars, sampled(rows, ROWS), horizons)
    if not targets.names:
        return []
    leaking = _strongest(bars, columns, explained_alone(bars, columns, targets), targets, allow)
    return _judged(bars, leaking, allow)


def foreign_columns(bars: Bars) -> dict[str, Floats]:
    """The columns that came with the bars or that features made, in reach of powers; not the volume of a market that we made up."""
    columns = bars.extra if bars.synthetic else {"volume": bars.volume, **bars.extra}
    return {name: _in_reach(values) for name, values in columns.items()}


def _judged(bars: Bars, leaking: Sequence[Evidence], allow: Sequence[str]) -> list[str]:
    """The allowed columns that leak.

    :raise DataError: one that is not allowed does.
    """
    refused = [found for found in leaking if not set(found.columns) & set(allow)]
    if refused:
        flags = " ".join(f"--allow-leak {name}" for name in dict.fromkeys(found.columns[-1] for found in refused))
        raise DataError(
            f"{bars.report.source}: columns that know later bars: {'; '.join(map(str, refused))}. "
            f"Bars known by then cannot tell so much: drop or shift it, or use {flags}"
        )
    for found in leaking:
        named = " and ".join(name for name in found.columns if name in allow)
        log.warning("a column that knows the future is in use", column=named, r2=round(found.strength, 3))
    return list(dict.fromkeys(name for found in leaking for name in found.columns if name in allow))


def _in_reach(values: Floats) -> Floats:
    """`values`, or shares of the largest of them where their powers would be no numbers, or 0."""
    largest = float(np.fmax.reduce(np.abs(values), initial=0.0))
    return values if largest == 0 or 1 / REACH < largest < REACH else values / largest


def leak_evidence(
    bars: Bars, columns: Mapping[str, Floats], horizons: Sequence[int] = (), allow: Sequence[str] = ()
) -> list[Evidence]:
    """The strongest evidence for each column that contains later data, and for pairs of columns that do together; bars
    without a value are left out. Each column is in one pair; pairs without those to `allow` are looked for as well."""
    rows = np.arange(1, len(bars) - 2)
    if len(rows) < 2 or not columns:
        return []
    targets = targets_of(bars, sampled(rows, ROWS), horizons)
    looks = chain(
        explained_alone(bars, columns, targets),
        exact_copies(bars, columns),
        explained_changes(bars, columns, targets),
        explained_averages(bars, columns, targets),
        explained_activity(bars, columns, targets.rows),
        where_unusual(bars, columns),
        in_a_stretch(bars, columns),
        held_values(bars, columns),
        fitted_to_the_whole_file(bars, columns),
    )
    return _strongest(bars, columns, looks, targets, allow)


def _strongest(
    bars: Bars, columns: Mapping[str, Floats], looks: Iterable[Evidence], targets: Targets, allow: Sequence[str]
) -> list[Evidence]:
    """The strongest of all that `looks` find in each column, and of pairs of the other columns."""
    found: dict[str, Evidence] = {}
    for evidence in looks:
        (name,) = evidence.columns
        found[name] = stronger(found.get(name), evidence)
    innocent = {name: values for name, values in columns.items() if name not in found}
    pairs = pairs_that_explain(bars, innocent, targets)
    if any(set(pair.columns) & set(allow) for pair in pairs):
        others = {name: values for name, values in innocent.items() if name not in allow}
        known = [pair.columns for pair in pairs]
        pairs += [pair for pair in pairs_that_explain(bars, others, targets) if pair.columns not in known]
    return [*(found[name] for name in columns if name in found), *pairs]
