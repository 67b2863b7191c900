"""Whether the detectors of regimes are right, and what they take.

    python benchmarks/regime_detection.py

Bars of the planted markets of two volatility regimes on which the most probable regime is the true one, on fresh bars: the last
quarter, where detectors are fitted on the first 60 %. Beside them a rolling mean of absolute returns over a day, cut where it is
right most often on the training bars by the truth that nobody knows. Then the processor's seconds of fitting and filtering beside
those of the market, and of a decision with and without regimes. With `--files`: on such bars, how many rows change where later bars
are taken away (a dozen cuts and some behind gaps), and on how many of 1,500 windows of as many bars as a model asks for the last row
is another than on all bars.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
from attrs import frozen
from planted_regimes import RegimeMarket, regime_bars

from progressive_market.features.feature_table import log_returns
from progressive_training import load_bars
from progressive_training.market import (
    Bars,
    Costs,
    RegimesAsked,
    Split,
    fit_regimes,
    open_market,
    split_bars,
    synthetic_bars,
)

DAY = 24
COSTS = Costs(side=0.0011, capital=1.0)
DETECTORS = ("hmm", "quantile")
SEEDS = range(10)


@frozen
class Right:
    """Shares of the fresh bars whose regime is the true one: of the detectors by name, and of the `rolling_mean`."""

    detectors: dict[str, float]
    rolling_mean: float


def bars_right(market: RegimeMarket) -> Right:
    """How often each detector is right on the last quarter of a market of two regimes."""
    bars, truth = market.truth.bars, market.regime
    split = parts_of(len(bars))
    training, fresh = split.train, split.test
    right = {}
    for name in DETECTORS:
        known = fit_regimes(bars, training, RegimesAsked(name, 2)).probabilities(bars).argmax(axis=1)
        right[name] = float((known == truth)[fresh].mean())
    day = np.convolve(np.abs(log_returns(bars)), np.ones(DAY) / DAY)[: len(bars)]
    borders = np.quantile(day[training], np.linspace(0.05, 0.95, 91))
    best = max(borders, key=lambda border: float(((day > border) == truth)[training].mean()))
    return Right(right, float(((day > best) == truth)[fresh].mean()))


def parts_of(count: int) -> Split:
    """The default parts of a bucket of short horizons."""
    return split_bars(count, 72, 0.15, 0.25, "Scalping")


@frozen
class Seconds:
    """Of the processor: to make a market `without` regimes, to `fit` a detector and to `filter` all bars, and of the last bar's
    market `alone` on a window of its history and `decided` with regimes."""

    without: float
    fit: float
    filter: float
    alone: float
    decided: float


def seconds(count: int, name: str, times: int = 3) -> Seconds:
    """Medians of so many `times`, on so many synthetic bars."""
    bars = synthetic_bars(count, 1)
    split = parts_of(count)
    market = open_market(bars, split, COSTS, "cpu")
    regimes = fit_regimes(bars, split.train, RegimesAsked(name, 2))
    window = bars.between(count - max(market.history, regimes.model.history), count)
    return Seconds(
        without=_taken(lambda: open_market(bars, split, COSTS, "cpu"), times),
        fit=_taken(lambda: fit_regimes(bars, split.train, RegimesAsked(name, 2)), times),
        filter=_taken(lambda: regimes.probabilities(bars), times),
        alone=_taken(lambda: open_market(window, market.scaler, COSTS, "cpu", 1), 20 * times),
        decided=_taken(lambda: open_market(window, market.scaler, COSTS, "cpu", 1, regimes), 20 * times),
    )


@frozen
class Changed:
    """`rows` that changed by truncation, of `of_rows`; `windows` whose last row is another one, of `of_windows`."""

    rows: int
    of_rows: int
    windows: int
    of_windows: int


def changed(bars: Bars, name: str) -> Changed:
    """Whether what a detector of two regimes says of a bar depends on later bars, or on where the bars begin."""
    random, gaps = np.random.default_rng(0), np.flatnonzero(np.diff(bars.segment)) + 1
    regimes = fit_regimes(bars, slice(0, 3 * len(bars) // 5), RegimesAsked(name, 2))
    whole, history = regimes.probabilities(bars), regimes.model.history
    stops = [*random.integers(history, len(bars), 12), *(gaps[:: len(gaps) // 4 + 1] + 7)]
    rows = sum(int((regimes.probabilities(bars.between(0, stop)) != whole[:stop]).any(axis=1).sum()) for stop in stops)
    ends = [*random.integers(history, len(bars), 1500), *(end for end in gaps + 20 if history <= end <= len(bars))]
    windows = sum(
        bool((regimes.probabilities(bars.between(end - history, end))[-1] != whole[end - 1]).any()) for end in ends
    )
    return Changed(rows, int(sum(stops)), windows, len(ends))


def _taken(work: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        begun = process_time()
        work()
        taken.append(process_time() - begun)
    return median(taken)


def main(asked: Sequence[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bars", type=int, nargs="+", default=[20_000, 60_000], help="of the planted markets")
    parser.add_argument("--timed", type=int, nargs="+", default=[60_000, 1_000_000], help="of the synthetic ones")
    parser.add_argument("--files", nargs="+", default=[], metavar="FILE", help="of real bars, in place of both tables")
    arguments = parser.parse_args(asked)
    for file in arguments.files:
        for name in DETECTORS:
            bars = load_bars(file)
            seen = changed(bars, name)
            print(
                f"{Path(file).name}, {len(bars):,} bars, {name}: {seen.rows} of {seen.of_rows:,} rows change where bars are cut off, "
                f"{seen.windows} of {seen.of_windows:,} windows differ"
            )
    if arguments.files:
        return
    print("share of fresh bars right, median of 10 seeds (worst), target of hmm 95 to 97 %")
    for count in arguments.bars:
        found = [bars_right(regime_bars("half", count, seed)) for seed in SEEDS]
        shares = {name: [each.detectors[name] for each in found] for name in DETECTORS}
        shares["rolling mean"] = [each.rolling_mean for each in found]
        shown = ", ".join(f"{name} {median(each):.1%} ({min(each):.1%})" for name, each in shares.items())
        print(f"{count:>10,} bars: {shown}")
    print("processor's seconds")
    for count in arguments.timed:
        for name in DETECTORS:
            took = seconds(count, name)
            print(
                f"{count:>10,} bars, {name}: market {took.without:.2f}, fit {took.fit:.2f}, filter {took.filter:.2f}; a decision's "
                f"market {1e3 * took.alone:.1f} ms without regimes, {1e3 * took.decided:.1f} with"
            )


if __name__ == "__main__":
    main()
