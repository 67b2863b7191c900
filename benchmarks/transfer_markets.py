"""The markets of the transfer study: what the pupils trade on, and what their teacher learned from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import frozen
from planted import Kind, PlantedMarket, planted_bars

from progressive_app.config.resolve import defaults
from progressive_market.bars import Bars, configured_bars

BARS, LITTLE_BARS, QUICK_BARS = 60_000, 20_000, 12_000
ELSEWHERE = 10_000
"""Added to a seed for the market that a teacher of another one learned from: no bar of it is a pupil's."""
SYNTHETIC = "synthetic"
DATA = Path(__file__).resolve().parents[1] / "../shared/data"
REAL = {"BTC 1h": "binance_btcusdt_1h.parquet", "BTC 5min": "binance_btcusdt_5m.parquet"}

FINE: dict[str, Any] = {"UPDATES_PER_EPISODE": 5, "PARALLEL_EPISODES": 16, "TRANSFER_COOLDOWN": 40}
"""A quarter of the default's episode, as many steps and bars: the curve is read four times as often, all else is equal."""
EPISODES = 80
"""400 gradient steps: twice as many bring scratch 0 to 5 % more on `easy` and `hard`."""
QUICK: dict[str, Any] = {"EPISODE_BARS": 32, "BATCH_SIZE": 64, "TRANSFER_COOLDOWN": 2}
QUICK_EPISODES = 4


@frozen
class Study:
    """One kind of market: how a planted pupil's market and its teacher's differ, and in which table row it stands.

    Without a `teacher` the buckets of the sequence teach one another on one market; with one, Scalping learned on
    another market, and teaches each of the other buckets alone.
    """

    told: str
    kind: Kind | None = None
    teacher: Kind | None = None
    teacher_sign: float = 1.0
    slowness: int = 1
    bars: int = BARS
    poisoned: bool = False


STUDIES: dict[str, Study] = {
    "easy": Study("linear, shared by all buckets", "easy"),
    "hard": Study("depends on a context, shared by all buckets", "hard"),
    "easy little": Study(f"{LITTLE_BARS:,} bars, taught from {BARS:,} others", "easy", "easy", bars=LITTLE_BARS),
    "hard little": Study(f"{LITTLE_BARS:,} bars, taught from {BARS:,} others", "hard", "hard", bars=LITTLE_BARS),
    "scale": Study("trends four times slower than the teacher's", "hard", "hard", slowness=4),
    "opposite": Study("views say the opposite of the teacher's", "hard", "hard", -1.0),
    "unrelated": Study("the teacher's market was a random walk", "hard", "random_walk"),
    SYNTHETIC: Study("what a run trades on that is given no bars"),
    "BTC 1h": Study("real bars"),
    "BTC 5min": Study("real bars"),
    "poisoned easy": Study("teachers made to harm", "easy", poisoned=True),
    "poisoned hard": Study("teachers made to harm", "hard", poisoned=True),
}


@frozen(eq=False)
class Ground:
    """The bars of one study and seed; `planted` and `teacher` where there are such."""

    bars: Bars
    settings: dict[str, Any]
    episodes: int
    planted: PlantedMarket | None = None
    teacher: Bars | None = None


def ground_of(name: str, seed: int, quick: bool, data: Path = DATA) -> Ground:
    """The bars and settings of a study; real bars are those in `data`, the same for every seed."""
    study = STUDIES[name]
    settings, episodes = {**defaults(), **FINE, **(QUICK if quick else {})}, QUICK_EPISODES if quick else EPISODES
    if study.kind is None:
        settings |= {"SEED": seed, "DATA": data / REAL[name] if name in REAL else None}
        return Ground(configured_bars(settings), settings, episodes)
    settings["SLIPPAGE"] = 0.0
    if study.bars == LITTLE_BARS:
        settings["TEST_SHARE"] = 0.4  # the most that may be kept for it: what is little is for training
    planted = planted_bars(study.kind, QUICK_BARS if quick else study.bars, seed, slowness=study.slowness)
    teacher = study.teacher and planted_bars(
        study.teacher, QUICK_BARS if quick else BARS, seed + ELSEWHERE, sign=study.teacher_sign
    )
    return Ground(planted.bars, settings, episodes, planted, teacher.bars if teacher else None)


def there(name: str, data: Path = DATA) -> bool:
    """Whether the bars of a study can be had here."""
    return name not in REAL or (data / REAL[name]).is_file()
