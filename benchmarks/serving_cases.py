"""Files of bars on which decisions in use are held against those that were evaluated, and a strategy that was evaluated on each.

A strategy has weights drawn from a seed, so that it trades often: flat equals flat proves nothing. All else is a run's own way:
the file is read as a run reads it, the learner's evaluator measures it, and the model is saved with its card.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from attrs import field, frozen
from safetensors.torch import save_file

from progressive_app.config.resolve import defaults, with_settings
from progressive_buckets.learner.learner import MarketLearner
from progressive_buckets.learner.opening import open_learner
from progressive_market.bars import synthetic_bars
from progressive_market.features.feature_table import BUILT_IN, SCALES
from progressive_training import BucketInfo, MarketBucket, Resources

PRICES = ("open", "high", "low", "close", "volume")
MINUTE = 60 * 10**9
FEATURE = """
import numpy as np

def pace(bars):
    move = np.diff(np.log(bars.close), prepend=np.log(bars.close[0]))
    total = np.cumsum(move)
    faster = move.copy()
    faster[20:] = total[20:] - total[:-20]
    return {"of20": faster, "upper": (bars.high - bars.close) / bars.close}
"""


@frozen
class Case:
    """A file of bars as a user has it: its rows, the settings that a run reads them with, whether a feature is installed, and how
    many bars a test looks at in place of all."""

    name: str
    frame: pd.DataFrame = field(repr=False)
    settings: dict[str, Any] = field(factory=dict)
    feature: bool = False


@frozen
class Evaluated:
    """What a run leaves: its learner, the file that it read, and the model's two folders: with the verdict that was found, and
    with one that lets it trade."""

    case: Case
    learner: MarketLearner
    file: Path
    as_judged: Path
    trading: Path


def plain(bars: int, seed: int) -> Case:
    """Nothing absent, no extra column."""
    return Case("plain bars", _frame(bars, seed))


def gaps(bars: int, seed: int) -> Case:
    """Bars of ten minutes with absent ones: up to three in a row are filled, and every few hundred there is a gap."""
    random = np.random.default_rng(seed)
    frame = _frame(bars, seed, minutes=10)
    return Case("gaps and filled stretches", frame[_there(bars, random)], {"FILL_MINUTES": 30})


def by_turns(bars: int, seed: int) -> Case:
    """Columns that are constant for a while, then sparse, then full; in 2,000 rows any of them may be either."""
    random = np.random.default_rng(seed)
    frame = _frame(bars, seed)
    blocks = np.arange(bars) // 1_200 % 3
    for number in range(3):
        values = np.cumsum(random.standard_normal(bars)) / 30
        turn = (blocks + number) % 3
        sparse = np.where(random.random(bars) < 0.001, values, np.nan)
        frame[f"mood_{number}"] = np.where(turn == 0, values, np.where(turn == 1, 0.5, sparse))
    frame["flag"] = (np.arange(bars) // 2_500 % 2).astype(float)
    frame["late"] = np.where(np.arange(bars) < bars // 3, np.nan, random.standard_normal(bars))
    return Case("columns sparse and constant by turns", frame)


def resampled(bars: int, seed: int) -> Case:
    """Bars of an hour that are merged of ones of twenty minutes, of which some are absent: filled, or in a gap."""
    random, rows = np.random.default_rng(seed), 3 * bars
    frame = _frame(rows, seed, minutes=20)
    frame["mood"] = np.where(random.random(rows) < 0.7, np.cumsum(random.standard_normal(rows)) / 50, np.nan)
    frame["trades"] = random.poisson(200.0, rows).astype(float)
    return Case("resampled bars", frame[_there(rows, random)], {"FREQUENCY": "1h", "FILL_MINUTES": 60})


def levels(bars: int, seed: int) -> Case:
    """Columns in the units of the price: averages, and a forecast as a price."""
    random = np.random.default_rng(seed)
    frame = _frame(bars, seed)
    frame["sma_50"] = frame["close"].rolling(50).mean()
    worth = (frame["close"] * frame["volume"]).rolling(24).sum()
    frame["vwap"] = worth / frame["volume"].rolling(24).sum()
    frame["forecast"] = frame["close"] * np.exp(0.01 * random.standard_normal(bars))
    return Case("level columns", frame)


def plugin(bars: int, seed: int) -> Case:
    """A feature of another package, beside a column of the file."""
    frame = _frame(bars, seed)
    frame["mood"] = np.random.default_rng(seed).standard_normal(bars)
    return Case("feature plugins", frame, feature=True)


CASES: dict[str, Callable[[int, int], Case]] = {
    "plain": plain,
    "gaps": gaps,
    "by_turns": by_turns,
    "resampled": resampled,
    "levels": levels,
    "plugin": plugin,
}


def evaluated(case: Case, folder: Path, *, seed: int = 5, width: int = 32, fee: float = 0.0002) -> Evaluated:
    """Open a learner on the file of `case` as a run does, give it drawn weights, evaluate it, and save its model."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "bars.parquet"
    case.frame.to_parquet(file)
    bucket = MarketBucket(name="Swing", horizons=(1, 6, 24), width=width)
    asked = {"DATA": str(file), "FEE": fee, "SLIPPAGE": 0.0, "EPISODE_BARS": 32, "UPDATES_PER_EPISODE": 1}
    info = BucketInfo(
        name=bucket.name,
        horizons=bucket.horizons,
        sequence=(bucket.name,),
        episodes=1,
        seed=seed,
        run_dir=folder,
        settings=with_settings(defaults(), {**asked, **case.settings}),
    )
    learner = open_learner(bucket, info, Resources(device="cpu", parallel_episodes=16, batch_size=64))
    assert isinstance(learner, MarketLearner)  # REGIMES is null
    learner.run_episode()
    _draw(learner, seed)
    learner.consider()
    learner.evaluator.evaluate(learner.acting())
    model = learner.model()
    trading = {**model.card, "trades": "everywhere", "verdict": "edge confirmed (by decree)"}
    for name, card in (("judged", dict(model.card)), ("trading", trading)):
        (folder / name).mkdir()
        save_file(dict(model.tensors), folder / name / "model.safetensors", metadata={"card": json.dumps(card)})
    return Evaluated(case, learner, file, folder / "judged", folder / "trading")


@contextmanager
def installed_feature(folder: Path) -> Iterator[None]:
    """A distribution with a feature, installed in `folder` for a while."""
    info = folder / "pace-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pace\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[progressive_training.features]\npace = pace_feature:pace\n")
    (folder / "pace_feature.py").write_text(FEATURE)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("pace_feature", None)


def _draw(learner: MarketLearner, seed: int) -> None:
    """Weights of such a size that what is held changes every few bars, and a share of recall."""
    generator = torch.Generator().manual_seed(seed)
    critic, features = learner.critic, learner.market.features
    drawn = critic.target.parameters
    for name in ("value.linear", "value.weight", *(f"horizon.{horizon}.weight" for horizon in learner.info.horizons)):
        drawn[name].normal_(0.0, 0.1, generator=generator)
    linear = drawn["value.linear"].view(-1, len(SCALES), 2)  # [features, scales, 2]
    linear /= torch.tensor(SCALES)[:, None] ** 2  # what changes from bar to bar decides
    linear[len(BUILT_IN) :] /= 3
    drawn["value.weight"] *= 0.3
    size = 40 * critic.costs.max() / critic.target.advantages(features).std(dim=0)
    drawn["value.linear"] *= size
    drawn["value.weight"] *= size
    drawn["value.bias"] -= critic.target.advantages(features).mean(dim=0)
    critic.online.load_state(critic.target.state())
    learner.memory.follow(critic)
    learner.memory.weight = 0.25


def _frame(bars: int, seed: int, minutes: int = 60) -> pd.DataFrame:
    made = synthetic_bars(bars, seed)
    time = made.time[0] + minutes * MINUTE * np.arange(bars)
    return pd.DataFrame({"time": pd.to_datetime(time, utc=True), **{name: getattr(made, name) for name in PRICES}})


def _there(rows: int, random: np.random.Generator) -> np.ndarray:
    """Which rows are there: stretches of one to three are absent, and a long one every few hundred rows."""
    there = np.ones(rows, dtype=bool)
    for start in np.flatnonzero(random.random(rows) < 0.03):
        there[start : start + random.integers(1, 4)] = False
    for start in np.flatnonzero(random.random(rows) < 1 / 400):
        there[start : start + random.integers(5, 40)] = False
    there[[0, 1, -2, -1]] = True
    return there
