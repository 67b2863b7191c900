"""Part (e): what a transition costs, and how much memory training holds, as the market grows to 4 million bars."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import pandas as pd
import structlog
from attrs import frozen
from learnability import all_resources, alone, declared
from rich.table import Table

from progressive_app.config.resolve import defaults
from progressive_buckets.learner.learner import MarketLearner
from progressive_market.bars import synthetic_bars
from rivals.common import RATE, Say
from rivals.ours import BATCHES, BUCKET, EPISODES, updates_for
from rivals.workers import peak_mb, pool

BARS = (10_000, 100_000, 1_000_000, 4_000_000)
MINUTE = 60 * 10**9  # nanoseconds
MOST_GROWTH = 0.20
"""By which a transition may become dearer from the fewest bars to the most."""
MOST_MB = 2_048
LEAST = 4  # episodes
SETTINGS = ("default", "equal samples")


@frozen
class Size:
    """Training of a bucket on so many bars: seconds until it was `prepared`, microseconds a transition, peak memory."""

    setting: str
    bars: int
    prepared: float
    microseconds: float
    peak_mb: float


def write_bars(paths: Mapping[int, Path]) -> None:
    """Write files of so many one-minute bars each of a synthetic market, as a user would have them."""
    for bars, path in paths.items():
        made = synthetic_bars(bars, seed=0)
        times = made.time[0] - MINUTE * np.arange(bars, 0, -1)  # none lies in the future, however many there are
        columns = {"timestamp": pd.to_datetime(times, utc=True)}
        prices = {name: getattr(made, name) for name in ("open", "high", "low", "close", "volume")}
        pd.DataFrame({**columns, **prices}).to_parquet(path)


def train_on(path: Path, bars: int, setting: str, seconds: float) -> Size:
    """Open the bucket on the file as a run does, its checks included, and train for at least so many seconds.

    A transition's time is the mean over episodes, for some do more than others; the first is left out.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    bucket, settings = declared(BUCKET), {**defaults(), "DATA": str(path)}
    if setting == "equal samples":
        batch = BATCHES["bf16"]
        updates = updates_for(EPISODES * settings["EPISODE_BARS"], batch)
        changes = {"PARALLEL_EPISODES": EPISODES, "BATCH_SIZE": batch, "UPDATES_PER_EPISODE": updates}
        settings = {**settings, **changes, "LEARNING_RATE": RATE}
    info, resources = alone(bucket, 0, settings), all_resources(settings)
    start = perf_counter()
    bucket.check(info, resources)
    learner = bucket.open(info, resources)
    assert isinstance(learner, MarketLearner)
    learner.run_episode()
    prepared = perf_counter() - start
    times: list[float] = []
    while sum(times) < seconds or len(times) < LEAST:
        start = perf_counter()
        transitions = learner.run_episode().transitions
        times.append(perf_counter() - start)
    return Size(setting, bars, prepared, 1e6 * sum(times) / (len(times) * transitions), peak_mb())


def measure(sizes: Sequence[int], rounds: int, seconds: float, say: Say) -> list[Size]:
    """Train on each size in a fresh process, one at a time, for so many rounds."""
    measured = []
    with TemporaryDirectory() as folder, pool(1) as fresh:
        paths = {bars: Path(folder) / f"{bars}.parquet" for bars in sizes}
        fresh.submit(write_bars, paths).result()
        for _ in range(rounds):
            for bars, path in paths.items():
                for setting in SETTINGS:
                    size = fresh.submit(train_on, path, bars, setting, seconds).result()
                    measured.append(size)
                    say(f"{bars:,} bars, {setting}: {size.microseconds:.2f} us a transition, {size.peak_mb:,.0f} MB")
    return measured


def table(sizes: list[Size]) -> Table:
    """One line for each setting and number of bars, against the fewest bars."""
    shown = Table(
        title=f"(e) Growth with the market, a fresh process each; targets: at most {MOST_GROWTH:.0%} dearer, "
        f"{MOST_MB:,} MB"
    )
    for column in ("settings", "bars", "us a transition", "growth", "peak MB", "ready after s"):
        shown.add_column(column, justify="left" if column == "settings" else "right")
    for setting in SETTINGS:
        of_setting = [size for size in sizes if size.setting == setting]
        fewest = min(size.bars for size in of_setting)
        least = median(size.microseconds for size in of_setting if size.bars == fewest)
        for bars in sorted({size.bars for size in of_setting}):
            same = [size for size in of_setting if size.bars == bars]
            cost = median(size.microseconds for size in same)
            shown.add_row(
                setting,
                f"{bars:,}",
                f"{cost:.2f}",
                f"{cost / least - 1:+.0%}",
                f"{max(size.peak_mb for size in same):,.0f}",
                f"{median(size.prepared for size in same):.1f}",
            )
    return shown
