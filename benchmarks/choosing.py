"""Is it worth choosing less? One command, one table: nothing chosen on validation, one side, scaled rewards, slower averages.

    python benchmarks/choosing.py --rows rows.jsonl              # all arms, 3 seeds; some 35 minutes of one idle core
    python benchmarks/choosing.py --rows rows.jsonl --markets real --arms "default;fixed" --seeds 2
    python benchmarks/choosing.py --rows rows.jsonl --show       # the table of what is there

`easy` and `hard` are planted markets (see planted.py): the share that the policy earns on test of what a Kalman filter with
the true dynamics earns, in points. `real` are hourly bars of BTC at the default costs, walked forward: each year from July
2019 to June 2023 is the test part of a training on all bars before it; points of log return a year, and the t over the four
years. The last two years stay unread unless `--last` asks for them, once, when an arm has been decided on.

Every arm is one look; `looks` counts them. A cell is the mean over seeds, with the standard error of the mean difference to
the default with the same seeds. On real bars seeds tell of the training's luck alone: the four years are one history, and the
t is what says whether it was more than luck. Every arm is finished and its row written (JSON lines) before the next begins;
what is in the file is not trained again.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, stdev
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from attrs import asdict, frozen
from learnability import all_resources, alone, declared, filter_earns, train
from planted import Kind, PlantedMarket, planted_bars
from rich.console import Console
from rich.table import Table

from progressive_app.config.resolve import defaults
from progressive_buckets.learner.learner import MarketLearner
from progressive_buckets.learner.opening import learner_on
from progressive_market import market as market_module
from progressive_market.bars import Bars, configured_bars
from progressive_market.features import feature_table
from progressive_market.judging.block_statistics import t_statistic

FIXED = {"CHOOSE": "fixed", "EPISODES": 15}
LONG = {"SIDES": "long"}
VOLATILITY = {"REWARD": "volatility"}
ARMS: dict[str, dict[str, Any]] = {
    "default": {},
    "fixed": FIXED,
    "long": LONG,
    "volatility": VOLATILITY,
    "slow averages": {},
    "long, fixed": LONG | FIXED,
    "long, fixed, volatility": LONG | FIXED | VOLATILITY,
}
PLANTED: dict[str, Kind] = {"easy": "easy", "hard": "hard"}
REAL = "real"
REAL_BARS = Path(__file__).resolve().parents[1] / "../shared/data/binance_btcusdt_1h.parquet"
BARS = 60_000
SLOW = (1000, 2000)
"""Further spans of the averages, in bars."""
YEAR = 8_766
YEARS, LAST = (0, 1, 2, 3), (4, 5)
"""Years from July 2019 on: those that arms are compared on, and those that stay unread."""
FIRST = np.datetime64("2019-07-01", "ns").astype(np.int64)

Key = tuple[str, str, str, int, int]
"""Market, arm, bucket, seed and year of a training."""


@frozen
class Row:
    """One training: what its policy earned on test, as a share of the filter's or as log return, by block of its bars."""

    market: str
    arm: str
    bucket: str
    seed: int
    year: int
    points: float
    blocks: tuple[float, ...] = ()

    @property
    def key(self) -> Key:
        return self.market, self.arm, self.bucket, self.seed, self.year


@contextmanager
def averages_of(arm: str) -> Iterator[None]:
    """The features of an arm: with two slower averages of each, or as they are."""
    scales = feature_table.SCALES + (SLOW if arm == "slow averages" else ())
    with patch.object(feature_table, "SCALES", scales), patch.object(market_module, "SCALES", scales):
        yield


def trained(bars: Bars, arm: str, bucket: str, seed: int, **settings: Any) -> MarketLearner:
    """Train a bucket from scratch, as its arm says."""
    chosen = {**defaults(), **settings, **ARMS[arm]}
    with averages_of(arm):
        opened = declared(bucket)
        learner = learner_on(bars, opened, alone(opened, seed, chosen), all_resources(chosen))
    train(learner)
    return learner


def on_planted(planted: PlantedMarket, market: str, arm: str, bucket: str, seed: int) -> Row:
    """Train on a planted market; the share of what the filter earns on test."""
    learner = trained(planted.bars, arm, bucket, seed, SLIPPAGE=0.0)
    part = learner.market.part(learner.split.test)
    earned = float(learner.market.growth(learner.policy()(part), part).sum())
    return Row(market, arm, bucket, seed, 0, 100 * earned / filter_earns(planted, learner.split))


def year_of(bars: Bars, year: int) -> Bars:
    """All bars up to the end of a year, which is the test part of them."""
    return bars.between(0, int(np.searchsorted(bars.time, FIRST)) + (year + 1) * YEAR)


def on_year(bars: Bars, arm: str, bucket: str, seed: int, year: int) -> Row:
    """Train on the bars before a year; the log return of that year, and its sums over blocks."""
    until = year_of(bars, year)
    learner = trained(until, arm, bucket, seed, TEST_SHARE=YEAR / len(until))
    part = learner.market.part(learner.split.test)
    growth = learner.market.growth(learner.policy()(part), part)
    blocks = growth[: len(growth) // 16 * 16].view(16, -1).sum(dim=1)
    return Row(REAL, arm, bucket, seed, year, 100 * float(growth.sum()), tuple(blocks.tolist()))


def rows_of(file: Path) -> list[Row]:
    """The rows written so far."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [Row(**{**(values := json.loads(line)), "blocks": tuple(values["blocks"])}) for line in lines]


def measured(key: Key, real: Bars) -> Row:
    """Train what `key` names, on the planted market of its seed or on the `real` bars."""
    market, arm, bucket, seed, year = key
    if market == REAL:
        return on_year(real, arm, bucket, seed, year)
    return on_planted(planted_bars(PLANTED[market], BARS, seed), market, arm, bucket, seed)


def fill(file: Path, keys: Sequence[Key], real_bars: Path) -> None:
    """Train what the file lacks of `keys`, and add a row for each as it is done."""
    known = {row.key for row in rows_of(file)}
    real = configured_bars({**defaults(), "DATA": str(real_bars)})
    for key in keys:
        if key in known:
            continue
        row = measured(key, real)
        with file.open("a") as out:
            out.write(json.dumps(asdict(row)) + "\n")
        print(*key, f"{row.points:.1f}", flush=True)


def cell(rows: Sequence[Row], market: str, arm: str, bucket: str) -> str:
    """Mean points of an arm over seeds, and the paired difference to the default with its standard error."""
    own, other = (points_of(rows, market, name, bucket) for name in (arm, "default"))
    shared = own.keys() & other.keys()
    if not shared:
        return ""
    apart = [
        mean(own[key] - other[key] for key in shared if key[0] == seed) for seed in sorted({seed for seed, _ in shared})
    ]
    error = f" ± {stdev(apart) / math.sqrt(len(apart)):.1f}" if len(apart) > 1 else ""
    paired = "" if arm == "default" else f" ({mean(apart):+.1f}{error})"
    points = f"{mean(own[key] for key in shared):.1f}"
    return f"{points}{paired}{t_text(rows, arm, [bucket]) if market == REAL else ''}"


def points_of(rows: Sequence[Row], market: str, arm: str, bucket: str) -> dict[tuple[int, int], float]:
    """Points by seed and year."""
    return {
        (row.seed, row.year): row.points for row in rows if (row.market, row.arm, row.bucket) == (market, arm, bucket)
    }


def t_text(rows: Sequence[Row], arm: str, buckets: Sequence[str]) -> str:
    """The t of the years one after another, of the mean over seeds and buckets: all of them hold an equal share."""
    mine = [row for row in rows if (row.market, row.arm) == (REAL, arm) and row.bucket in buckets]
    years = sorted({row.year for row in mine})
    blocks = [torch.tensor([row.blocks for row in mine if row.year == year]).mean(dim=0) for year in years]
    return f", t {t_statistic(torch.cat(blocks)):.1f}" if blocks else ""


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the table: a line for each arm, a column for each market and bucket."""
    places = sorted({(row.market, row.bucket) for row in rows})
    arms = [arm for arm in ARMS if any(row.arm == arm for row in rows)]
    seeds = len({row.seed for row in rows})
    table = Table(title=f"Choosing less: {seeds} seeds, {len(arms)} arms looked at, {len(rows)} trainings")
    table.add_column("arm")
    for market, bucket in places:
        table.add_column(f"{market} {bucket}", justify="right")
    buckets = [bucket for market, bucket in places if market == REAL]
    if buckets:
        table.add_column("real, all", justify="right")
    for arm in arms:
        together = [t_text(rows, arm, buckets).removeprefix(", ")] if buckets else []
        table.add_row(arm, *(cell(rows, market, arm, bucket) for market, bucket in places), *together)
    console.print(table)


def main() -> int:
    """Train what is asked for and not yet in the file, and print the table of all that is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=Path, required=True, help="the file of what was measured, which is added to")
    parser.add_argument("--markets", default=",".join([*PLANTED, REAL]))
    parser.add_argument("--arms", default=";".join(ARMS), help="separated by semicolons")
    parser.add_argument("--buckets", default="Scalping,Medium")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=200)
    parser.add_argument("--last", action="store_true", help="the last two years, in place of the four before them")
    parser.add_argument("--real-bars", type=Path, default=REAL_BARS)
    parser.add_argument("--show", action="store_true", help="train nothing")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if not asked.show:
        years = LAST if asked.last else YEARS
        keys = [
            (market, arm, bucket, seed, year)
            for seed in range(asked.first_seed, asked.first_seed + asked.seeds)
            for market in asked.markets.split(",")
            for year in (years if market == REAL else (0,))
            for bucket in asked.buckets.split(",")
            for arm in asked.arms.split(";")
        ]
        fill(asked.rows, keys, asked.real_bars)
    show([row for row in rows_of(asked.rows) if (row.year in LAST) == asked.last], Console(width=200))
    return 0


if __name__ == "__main__":
    sys.exit(main())
