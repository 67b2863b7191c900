"""What a stage is worth: Short, Medium and Long at the same time, beside the sequence in which each is taught by those before it.

    python benchmarks/stages.py                # planted markets, 5 seeds, some 20 minutes
    python benchmarks/stages.py --quick        # does it run: some seconds, numbers without meaning

Each run is what `progressive-training` does with the default settings, in this process. Score: the mean over the four buckets of the
strategy's log return on test, as a share of what a Kalman filter with the true dynamics earns there, in points. Critical path: the
seconds of the longest way through a run, each stage's longest member and the exchange at its end, where members are merged one after
the other; of a sequence the seconds of all buckets. `whole` is the time of the program from its start to its end, less what the members
other than the longest took: data, verdicts and report included. Seconds are the processor's, so that what else the machine does counts
for neither.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any
from unittest.mock import patch

import pandas as pd
from attrs import frozen
from learnability import filter_earns
from planted import Kind, PlantedMarket, planted_bars
from rich.console import Console
from rich.table import Table

from progressive_app.config.resolve import defaults
from progressive_market.market_settings import TEST_SHARE, VALIDATION_SHARE
from progressive_market.split import split_bars
from progressive_training import ProgressiveTrainer, read_run
from progressive_training.presentation import critical_path

BARS, QUICK_BARS = 60_000, 3_000
SEQUENCE = ("Scalping", "Short", "Medium", "Long")
STAGED = ("Scalping", ("Short", "Medium", "Long"))
LONGEST = 576
"""The longest horizon, in bars, by which the parts are purged."""
QUICK: dict[str, Any] = {"EPISODES": 1, "UPDATES_PER_EPISODE": 1, "HORIZON_RANGE": (1, 12), "PARALLEL_EPISODES": 4}
MOST_OF_THE_PATH, MOST_POINTS = 0.55, 2.0
"""Targets: the critical path of stages as a share of the sequence's, and how many points they may score less."""


@frozen
class Trained:
    """One run: its `score` in points, the `path` and the `whole` in seconds."""

    score: float
    path: float
    whole: float


@frozen
class Pair:
    """The sequence and the stages on one market."""

    kind: Kind
    seed: int
    sequence: Trained
    stages: Trained


def main(arguments: Sequence[str] | None = None) -> int:
    """Train every pair, print the table, and answer 0 when both targets are met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--markets", default="easy,hard", help="planted markets by name, separated by commas")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=600, help="nothing was tuned on these")
    parser.add_argument("--quick", action="store_true", help="few bars and episodes: shows that it runs, nothing else")
    asked = parser.parse_args(arguments)
    pairs = []
    for kind in asked.markets.split(","):
        for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
            pair = trained_pair(kind, seed, quick=asked.quick)
            pairs.append(pair)
            print(
                f"{kind} seed {seed}: {pair.sequence.score:.1f} points in {pair.sequence.path:.1f} s, in stages "
                f"{pair.stages.score:.1f} points in {pair.stages.path:.1f} s",
                flush=True,
            )
    console = Console(width=110)
    console.print(table_of(pairs))
    shares = [pair.stages.path / pair.sequence.path for pair in pairs]
    points = mean(pair.stages.score - pair.sequence.score for pair in pairs)
    fast, as_good = median(shares) <= MOST_OF_THE_PATH, points >= -MOST_POINTS
    console.print(
        f"critical path: {median(shares):.2f} of the sequence's (at most {MOST_OF_THE_PATH}) {_verdict(fast)}; score: "
        f"{points:+.1f} points (at least -{MOST_POINTS:.0f}) {_verdict(as_good)}"
    )
    return 0 if fast and as_good else 1


def trained_pair(kind: Kind, seed: int, *, quick: bool) -> Pair:
    """Train both on one market; its seed is the runs' too."""
    market = planted_bars(kind, QUICK_BARS, seed, noise_columns=0) if quick else planted_bars(kind, BARS, seed)
    settings = {**defaults(), "SLIPPAGE": 0.0, "SEED": seed, "DEVICE": "cpu", **(QUICK if quick else {})}
    best = 1.0 if quick else best_of(market, settings)
    return Pair(kind, seed, *(trained(market, settings, sequence, best) for sequence in (SEQUENCE, STAGED)))


def best_of(market: PlantedMarket, settings: dict[str, Any]) -> float:
    """Log return of the filter on the test part, which is the same for all buckets."""
    shares = settings[VALIDATION_SHARE.key], settings[TEST_SHARE.key]
    return filter_earns(market, split_bars(len(market.bars), LONGEST, *shares, "all"))


def trained(
    market: PlantedMarket, settings: dict[str, Any], sequence: Sequence[str | Sequence[str]], best: float
) -> Trained:
    """Train one run from its beginning to its end.

    :param best: log return on test that is 100 points.
    """
    with TemporaryDirectory() as folder:
        trainer = ProgressiveTrainer(
            lambda _: None,
            settings=settings,
            data=frame_of(market),
            run_dir=Path(folder) / "run",
            plugins=("no:report",),
        )
        start = process_time()
        with (
            patch("progressive_core.engine.sequence.perf_counter", process_time),
            patch("progressive_studies.stages.merging.perf_counter", process_time),
        ):
            trainer.train_progressively(sequence)
        seconds, results = process_time() - start, read_run(Path(folder) / "run").results
    path = critical_path(sequence, results)
    score = mean(100 * result.evaluation.test[0].log_return / best for result in results if result.evaluation)
    return Trained(score=score, path=path, whole=seconds - (sum(result.seconds for result in results) - path))


def frame_of(market: PlantedMarket) -> pd.DataFrame:
    """The market's bars as an exchange's file has them."""
    bars = market.bars
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"time": pd.to_datetime(bars.time, utc=True), **prices, **bars.extra})


def table_of(pairs: Sequence[Pair]) -> Table:
    """A line for each market: means over its seeds, and the medians of ratios."""
    table = Table(title="Short, Medium and Long in a stage, beside the sequence")
    for head in ("market", "seeds", "points", "in stages", "worst", "path, s", "in stages", "ratio", "worst", "whole"):
        table.add_column(head, justify="left" if head == "market" else "right")
    for kind in dict.fromkeys(pair.kind for pair in pairs):
        own = [pair for pair in pairs if pair.kind == kind]
        gains = [pair.stages.score - pair.sequence.score for pair in own]
        ratios = [pair.stages.path / pair.sequence.path for pair in own]
        table.add_row(
            kind,
            str(len(own)),
            f"{mean(pair.sequence.score for pair in own):.1f}",
            f"{mean(pair.stages.score for pair in own):.1f}",
            f"{min(gains):+.1f}",
            f"{median(pair.sequence.path for pair in own):.1f}",
            f"{median(pair.stages.path for pair in own):.1f}",
            f"{median(ratios):.2f}",
            f"{max(ratios):.2f}",
            f"{median(pair.stages.whole / pair.sequence.whole for pair in own):.2f}",
        )
    return table


def _verdict(met: bool) -> str:
    return "[green]pass[/]" if met else "[red]FAIL[/]"


if __name__ == "__main__":
    sys.exit(main())
