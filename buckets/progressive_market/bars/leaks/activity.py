"""Does a column know the range or the volume of later bars? Judged against what the past ranges and volumes explain: both
come in clusters, so that every honest measure of activity explains the next bar's well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from progressive_market.bars.bar_records import Bars, Floats
from progressive_market.bars.leaks.clock import follows_the_clock
from progressive_market.bars.leaks.column_forms import average, running
from progressive_market.bars.leaks.evidence import UNSURE, Evidence
from progressive_market.bars.leaks.leak_targets import Rows, solved
from progressive_market.bars.leaks.rare_rows import ranked

AHEAD = (1, 2, 3, 6, 12)  # bars ahead whose range and volume are asked about
PAST = (1, 2, 3, 6, 12, 24, 96)  # bars of the averages that are known
HOURS = 24
LEAST = 500  # rows without which nothing is asked
LIMIT = 0.1
"""Share of what past ranges, past volumes and the hour leave unexplained that no honest column explains. Measured: 0.01 of
columns computed from real bars, and 0.08 of the weekday, which is known long before and not asked."""


def explained_activity(bars: Bars, columns: Mapping[str, Floats], rows: Rows) -> Iterator[Evidence]:
    """Evidence that a column explains what a later bar's range or volume is beyond what is known at its own.

    :param rows: bars that are asked about.
    """
    longest, furthest = max(PAST), max(AHEAD)
    rows = rows[(rows > longest) & (rows + furthest < len(bars))]
    rows = rows[bars.segment[rows - 1] == bars.segment[rows + furthest]]
    if len(rows) < LEAST:
        return
    activity = {
        "range": np.log(np.maximum(bars.high / bars.low - 1, 1e-6)),
        "volume": np.log(bars.volume + 1e-3 * (float(np.median(bars.volume)) + 1e-12)),
    }
    known = known_activity(activity, bars, rows)
    targets = {(what, lag): series[rows + lag] for what, series in activity.items() for lag in AHEAD}
    later = np.stack(list(targets.values()), axis=1)
    for name, values in columns.items():
        present = np.isfinite(values[rows])
        if present.sum() < LEAST or name == "volume" or follows_the_clock(bars.time, values):
            continue
        level = values[rows][present, None]
        shares = partial_r2(later[present], np.concatenate([level, ranked(level)], axis=1), known[present]).max(axis=1)
        best, limit = int(shares.argmax()), max(LIMIT, UNSURE / present.sum())
        if shares[best] > limit:
            what, lag = list(targets)[best]
            finding = f"explains of the {what} of bar t + {lag} what past ranges and volumes do not"
            found = float(shares[best])
            yield Evidence(columns=(name,), form="its level", finding=finding, strength=found, limit=limit)


def partial_r2(targets: Floats, shown: Floats, known: Floats) -> Floats:
    """Share of what `known` [n, K] leaves of each of the `targets` [n, T] that what it leaves of each of `shown` [n, F]
    explains: [T, F]; 0 where it leaves nothing."""
    table = np.concatenate([targets, shown], axis=1)
    table = (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-300)
    left = table - known @ solved(known, table)
    sizes = left.std(axis=0)
    left /= np.where(sizes > 1e-6, sizes, np.inf)
    split = targets.shape[1]
    shares: Floats = (left[:, :split].T @ left[:, split:] / len(left)) ** 2
    return shares


def known_activity(activity: dict[str, Floats], bars: Bars, rows: Rows) -> Floats:
    """What is known of ranges and volumes at `rows`: averages over the last bars, and the hour [n, columns]."""
    columns = [np.ones(len(rows))]
    for series in activity.values():
        total = running(series)
        columns += [average(total, rows, span) for span in PAST]
    hour = bars.time[rows] // (3600 * 10**9) % HOURS
    columns += [(hour == each).astype(float) for each in range(1, HOURS)]
    return np.stack(columns, axis=1)
