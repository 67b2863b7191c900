"""One training of the regimes benchmark: on a planted market, judged on later bars of it, or on a file of real bars."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
import torch
from attrs import frozen
from planted_regimes import NOISE_COLUMNS, RegimeKind, RegimeMarket, regime_bars, regime_ceiling
from walk_forward_training import QUIET, silent, table_of

from progressive_app.store.progress import read_progress
from progressive_market.bars import Bars
from progressive_market.judging.verdict import EVERYWHERE, NOWHERE
from progressive_market.regimes.detector import RegimesAsked, fit_regimes
from progressive_market.split import Split
from progressive_training import BucketResult, Edge, ProgressiveTrainer, load_model

QUICK: dict[str, Any] = {
    "EPISODES": 1,
    "UPDATES_PER_EPISODE": 1,
    "EPISODE_BARS": 16,
    "PARALLEL_EPISODES": 4,
    "WIDTH": 8,
    "MEMBERS": 1,
    "HORIZON_RANGE": [1, 12],
}
FEE = 0.001
DAY = 24


@frozen
class Task:
    """One training. `market`: a planted kind, or the name of a real market, whose `file` is given. `detector`: what REGIMES
    names, empty for none. `fresh`: later bars of a planted market, which judge it."""

    market: str
    bars: int
    seed: int
    detector: str
    bucket: str = "Medium"
    fresh: int = 0
    noise: int = NOISE_COLUMNS
    file: str = ""
    free: bool = False
    quick: bool = False


@frozen
class Row:
    """What came of a task: on fresh bars (on the test part of real ones) what the model earned `used` as its verdict lets it, and
    what its `strategy` earns whatever the verdict says: log returns, as a share of the `ceiling` (1 where there is none).
    `t`, `edge` and where it `trades` are the verdict's, `specialists` whether they vote, `seconds` the processor's."""

    task: Task
    used: float
    strategy: float
    ceiling: float
    t: float
    edge: str
    trades: str
    specialists: bool
    seconds: float

    @property
    def confirmed(self) -> bool:
        """Whether an edge is claimed, be it in some regimes."""
        return self.edge == Edge.CONFIRMED.value


def market_of(task: Task) -> RegimeMarket:
    """The planted market of a task, with its fresh bars; the same one for the next task on it."""
    kind: RegimeKind = task.market  # type: ignore[assignment]
    return _market(kind, task.bars + task.fresh, task.seed, task.noise)


@lru_cache(maxsize=1)
def _market(kind: RegimeKind, bars: int, seed: int, noise: int) -> RegimeMarket:
    return regime_bars(kind, bars, seed, noise)


def measured(task: Task) -> Row:
    """Train the bucket of a task through the program, as a user does, and judge its model."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as directory:
        if task.file:
            return _on_real(task, Path(directory))
        market = market_of(task)
        result, model, seconds = on_planted(task, market, Path(directory))
    bars = market.truth.bars
    strategy = model.strategy().performance(bars, since(task, bars))[0].log_return
    used = {EVERYWHERE: strategy, NOWHERE: 0.0}.get(model.card.trades)
    if used is None:
        used = model.performance(bars, since(task, bars))[0].log_return
    ceiling = 1.0 if task.market == "walk" else ceiling_of(task, market, result)
    return _row(task, result, model, seconds, (used, strategy, ceiling))


def on_planted(task: Task, market: RegimeMarket, directory: Path) -> tuple[BucketResult, Any, float]:
    """The result, the model and the processor's seconds of a training on the bars before the fresh ones."""
    file = directory / "bars.parquet"
    table_of(market.truth.bars.between(0, task.bars)).to_parquet(file)
    result, seconds = _trained(task, file, directory / "run", {"FEE": 0.0 if task.free else FEE, "SLIPPAGE": 0.0})
    return result, load_model(directory / "run" / "models" / task.bucket), seconds


def since(task: Task, bars: Bars) -> pd.Timestamp:
    """The time of the first fresh bar."""
    return pd.Timestamp(bars.time[task.bars], tz="UTC")


def ceiling_of(task: Task, market: RegimeMarket, result: BucketResult) -> float:
    """The most that is earned on the fresh bars, log return, tuned on the validation bars of the result."""
    assert result.evaluation is not None
    dates = [pd.Timestamp(date).value for date in result.evaluation.validation_dates]
    first, last = np.searchsorted(market.truth.bars.time, dates)
    return _ceiling(market, int(first), int(last), task.bars)


@lru_cache(maxsize=1)
def _ceiling(market: RegimeMarket, first: int, last: int, fresh: int) -> float:
    split = Split(train=slice(0, 0), validation=slice(first, last), test=slice(0, 0))
    return regime_ceiling(market, split, (fresh, len(market.regime) - 2), FEE).log_return


def _on_real(task: Task, directory: Path) -> Row:
    costs = {"FEE": 0.0, "SLIPPAGE": 0.0} if task.free else {}
    result, seconds = _trained(task, Path(task.file), directory / "run", costs)
    model: Any = load_model(directory / "run" / "models" / task.bucket)
    assert result.evaluation is not None
    strategy = result.evaluation.test[0].log_return
    used = strategy if result.evaluation.edge is Edge.CONFIRMED else 0.0
    return _row(task, result, model, seconds, (used, strategy, 1.0))


def _trained(task: Task, file: Path, run: Path, costs: dict[str, Any]) -> tuple[BucketResult, float]:
    settings = {"DATA": str(file), "DEVICE": "cpu", "PLUGINS": QUIET, "SEED": task.seed, **costs}
    settings |= {"REGIMES": task.detector or None, **(QUICK if task.quick else {})}
    start = process_time()
    ProgressiveTrainer(silent, settings=settings, run_dir=run).train_bucket(task.bucket)
    return read_progress(run).results[0], process_time() - start


def _row(task: Task, result: BucketResult, model: Any, seconds: float, earned: tuple[float, float, float]) -> Row:
    used, strategy, ceiling = earned
    evaluation = result.evaluation
    assert evaluation is not None
    return Row(
        task=task,
        used=used / ceiling,
        strategy=strategy / ceiling,
        ceiling=ceiling,
        t=evaluation.t,
        edge=evaluation.edge.value,
        trades=evaluation.trades,
        specialists=bool(getattr(model.card, "specialists", False)),
        seconds=seconds,
    )


def right(task: Task) -> dict[str, float]:
    """The share of fresh bars on which each detector, fitted on the training part, is right, and a day's mean of squared returns
    parted at the value that parts the training bars best."""
    market = market_of(task)
    bars, fresh = market.truth.bars, slice(task.bars, None)
    train, truth = slice(0, int(0.6 * task.bars)), market.regime
    found = {}
    for name in ("hmm", "quantile"):
        regimes = fit_regimes(bars, train, RegimesAsked(name, 2))
        seen = regimes.probabilities(bars).argmax(axis=1)
        found[name] = float((seen == truth)[fresh].mean())
    squares = np.diff(np.log(bars.close), prepend=np.log(bars.open[0])) ** 2
    day = np.convolve(squares, np.ones(DAY) / DAY)[: len(squares)]
    limits = np.quantile(day[train], np.linspace(0.1, 0.9, 81))
    limit = max(limits, key=lambda value: float(((day > value) == truth)[train].mean()))
    return found | {"a day's mean": float(((day > limit) == truth)[fresh].mean())}
