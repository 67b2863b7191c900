"""One search of the benchmark: through the program, on a market whose truth is known, judged on later bars of it."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import pandas as pd
import torch
from attrs import frozen
from honesty_markets import STRENGTHS, walk_bars, weak_bars
from planted import Kind, kalman_ceiling, planted_bars
from walk_forward_training import QUIET, silent, table_of

from progressive_buckets.learner_settings import DROPOUT, LEARNING_RATE
from progressive_market.bars import Bars
from progressive_market.market_settings import TEST_SHARE, VALIDATION_SHARE
from progressive_market.split import split_bars
from progressive_training import ProgressiveTrainer, Search, load_model

BUCKET, LONGEST, FEE = "Medium", 288, 0.001
BARS, LONG_BARS, FRESH, NULL_BARS, QUICK_BARS = 60_000, 120_000, 20_000, 12_000, 3_000
TRIALS, QUICK_TRIALS = 30, 3
MARKETS: dict[str, tuple[Kind, int]] = {"easy": ("easy", 1), "hard": ("hard", 1), "slow": ("easy", 4)}
"""Planted markets: the kind, and how many times longer the trends last."""
BADLY = ("bad", "long")
"""Parts whose incumbent is bad, the second one with more bars."""
PLANTED = ("default", *BADLY)
"""Parts on planted markets; of the others, "weak" and "walks", nothing is to be gained."""
BAD: dict[str, Any] = {"LEARNING_RATE": 0.03, "DROPOUT": 0.8}
"""A bad incumbent: thirty times the default's step, and little of the network left at each."""
DEFAULTS: dict[str, Any] = {"LEARNING_RATE": LEARNING_RATE.default, "DROPOUT": DROPOUT.default}
SMALL: dict[str, Any] = {
    "EPISODES": 12,
    "WIDTH": 32,
    "BATCH_SIZE": 128,
    "PARALLEL_EPISODES": 16,
    "UPDATES_PER_EPISODE": 10,
    "FEE": 0.0,
}
"""Where nothing is to be found a small training does: what counts is how often the guard is passed."""
ALWAYS_TRADES: dict[str, Any] = {"HOLDING": 0.0, "RELUCTANCE": 0.0}
IDLE_SPACE = {"EXPLORATION": "0.05..0.15"}
"""A setting that does not matter: it changes which random numbers are drawn for what."""
STYLES = {"LEARNING_RATE": "1e-4..1e-2:log", "DROPOUT": "0..0.6", "WEIGHT_DECAY": "0.01..10:log", "TRACE": "0..0.9"}
"""Of walks: settings that decide how a model trades, where nothing can be earned."""
QUICK: dict[str, Any] = {
    "EPISODES": 2,
    "UPDATES_PER_EPISODE": 1,
    "EPISODE_BARS": 16,
    "PARALLEL_EPISODES": 4,
    "WIDTH": 8,
    "HORIZON_RANGE": [1, 12],
}


@frozen
class Task:
    """One search. `market`: of the parts on planted markets, which one."""

    part: str
    market: str
    seed: int
    quick: bool = False


@frozen
class Row:
    """What came of a search: the number of the `best` trial, whether it was `adopted`, its paired t on the half that chose, the same deflated, and that
    on the half held back, which had to be `needed`; episodes as full `trainings` (fresh seeds aside) and how many trials were given up (`pruned`).

    The log return of strategies on fresh bars, as a share of the ceiling: with the settings as they were (`incumbent`), as the search leaves
    them (`tuned`), with those of the best trial whatever the guard says (`obvious`), and with the `default` ones; NaN where there is no
    ceiling. `flat`: share of the fresh bars that the incumbent spends so. `verdict`: on what was adopted. `values`: of the best trial. `seconds`:
    the processor's.
    """

    task: Task
    best: int
    adopted: bool
    t_choosing: float
    t_deflated: float
    t: float
    needed: float
    trainings: float
    pruned: int
    incumbent: float
    tuned: float
    obvious: float
    default: float
    flat: float
    verdict: str
    values: dict[str, Any]
    seconds: float


@frozen
class Ground:
    """The bars of a task, of which those from `fresh` on judge, the most that is earned on these (`ceiling`, NaN where there is nothing), and
    the settings and space of its search."""

    bars: Bars
    fresh: int
    ceiling: float
    settings: dict[str, Any]
    space: dict[str, str] | None


def measured(task: Task) -> Row:
    """Search as a user does, and judge what comes of it."""
    torch.set_num_threads(1)
    start, ground = process_time(), ground_of(task)
    with TemporaryDirectory() as directory:
        here = Path(directory)
        table_of(ground.bars.between(0, ground.fresh)).to_parquet(here / "bars.parquet")
        settings = {"DATA": str(here / "bars.parquet"), "DEVICE": "cpu", "SLIPPAGE": 0.0, "SEED": task.seed}
        settings |= ground.settings
        trials = QUICK_TRIALS if task.quick else TRIALS
        search = Search(
            here / "search", bucket=BUCKET, trials=trials, space=ground.space, settings=settings, plugins=QUIET
        )
        (found,) = search.train()["buckets"]
        values = found["trials"][found["best"]]["values"]

        def earned(name: str, **changed: Any) -> tuple[float, float]:
            """With a training of the settings, of which some are `changed`."""
            asked = {**settings, "PLUGINS": QUIET, **changed}
            ProgressiveTrainer(silent, settings=asked, run_dir=here / name).train_bucket(BUCKET)
            return on_fresh(here / name, ground)

        incumbent, flat = earned("incumbent")
        tuned = obvious = default = incumbent
        if found["adopted"]:
            tuned = obvious = on_fresh(here / "search" / "runs" / "choice", ground)[0]
        elif found["best"] and task.part in PLANTED:
            obvious = earned("obvious", **values)[0]
        if task.part in BADLY:
            default = earned("default", **DEFAULTS)[0]
    return Row(
        task=task,
        best=found["best"],
        adopted=found["adopted"],
        t_choosing=number_of(found["t_choosing"]),
        t_deflated=number_of(found["t_deflated"]),
        t=number_of(found["t"]),
        needed=number_of(found["needed"]),
        trainings=found["trainings"],
        pruned=sum(trial["status"] == "pruned" for trial in found["trials"]),
        incumbent=incumbent,
        tuned=tuned,
        obvious=obvious,
        default=default,
        flat=flat,
        verdict=(found["verdict"] or {}).get("verdict", ""),
        values=values,
        seconds=process_time() - start,
    )


def ground_of(task: Task) -> Ground:
    """The market and the search of a task."""
    quick = QUICK if task.quick else {}
    usual = LONG_BARS if task.part == "long" else BARS if task.part in PLANTED else NULL_BARS
    fresh = QUICK_BARS if task.quick else usual
    if task.part in PLANTED:
        bars, ceiling = planted_ground(task.market, fresh, task.seed)
        return Ground(bars, fresh, ceiling, {"FEE": FEE, **(BAD if task.part in BADLY else {}), **quick}, None)
    if task.part == "weak":
        kinds = list(STRENGTHS)
        kind = kinds[task.seed % len(kinds)]
        bars = weak_bars(kind, STRENGTHS[kind][0], task.seed, 2 * fresh)
        return Ground(bars, fresh, math.nan, {**SMALL, **quick}, IDLE_SPACE)
    bars = walk_bars("plain", task.seed, 2 * fresh)
    return Ground(bars, fresh, math.nan, {**SMALL, **ALWAYS_TRADES, **quick}, STYLES)


@lru_cache(maxsize=1)
def planted_ground(market: str, fresh: int, seed: int) -> tuple[Bars, float]:
    """The bars of a planted market, and what a filter that knows its dynamics earns on those from `fresh` on, its band tuned on the
    validation bars of the search."""
    kind, slowness = MARKETS[market]
    planted = planted_bars(kind, fresh + FRESH, seed, slowness=slowness)
    longest = 12 if fresh == QUICK_BARS else LONGEST
    split = split_bars(fresh, longest, VALIDATION_SHARE.default, TEST_SHARE.default, BUCKET).validation
    test = (fresh, fresh + FRESH - 2)
    return planted.bars, kalman_ceiling(planted, validation=(split.start, split.stop), test=test, fee=FEE).log_return


def on_fresh(run: Path, ground: Ground) -> tuple[float, float]:
    """What the strategy of a run's model earns on fresh bars, whatever its verdict says, of the ceiling; and the share of them it is flat."""
    model: Any = load_model(run / "models" / BUCKET, policy="strategy")
    since = pd.Timestamp(ground.bars.time[ground.fresh], tz="UTC")
    row = model.performance(ground.bars, since)[0]
    return row.log_return / ground.ceiling, row.flat


def number_of(value: float | None) -> float:
    """A number as JSON has it."""
    return math.nan if value is None else value
