"""The picture of docs/regimes.md: one market whose drift lives in one of two regimes, traded without and with regimes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from regimes_training import Task, market_of, on_planted, since

GREY, BLUE, LIGHT = "#8a8a8a", "#1f5fa8", "#f0e2d0"
EVERY = 48
"""Bars between two points of a curve."""
SHOWN = 12_000
"""Fresh bars that are drawn."""


def draw(tasks: Sequence[Task], path: Path) -> None:
    """Train the market of `tasks`, first without and then with regimes, and draw it where matplotlib is, or say what is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: pip install 'progressive-training[report]'")
        return
    market = market_of(tasks[0])
    bars = market.truth.bars.between(0, tasks[0].bars + SHOWN)
    wild = market.regime[tasks[0].bars : len(bars)] == 1
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.add_subplot()
    for task, colour, name in zip(tasks, (GREY, BLUE), ("without regimes", "with regimes"), strict=True):
        with TemporaryDirectory() as directory:
            _, model, _ = on_planted(task, market, Path(directory))
        trades = model.card.trades
        followed = model if trades.startswith("in ") else model.strategy()
        equity = followed.trajectory(bars, since(task, bars))["equity"].to_numpy()
        label = (
            f"{name}: trades {trades}" if followed is model else f"{name}: its strategy (the verdict: trades {trades})"
        )
        days = np.arange(len(equity))[::EVERY] / 24
        axes.plot(days, np.log(equity[::EVERY]), color=colour, label=label)
    edges = np.flatnonzero(np.diff(wild.astype(int), prepend=0, append=0)).reshape(-1, 2) / 24
    for first, last in edges:
        axes.axvspan(first, last, color=LIGHT, linewidth=0, label="the wild regime" if first == edges[0][0] else None)
    axes.set_xlim(0, len(wild) / 24)
    axes.set_xlabel("days after the last bar that the models knew", fontsize=8)
    axes.set_ylabel("log return after costs", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
