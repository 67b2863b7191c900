"""The picture of the transfer study: learning curves by market, and what each arm took and gave."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from transfer_markets import FINE
from transfer_measures import Pair, mean_and_error, middle, pairs_of
from transfer_tables import rows_of
from transfer_training import DEFAULT, Trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVES = ("easy", "hard", "scale", "opposite", "unrelated", "hard little")
GREY, BLUE, RED, GREEN = "#8a8a8a", "#1f5fa8", "#b8403a", "#3b8a57"


def draw(done: Sequence[Trained], path: Path) -> None:
    """Draw it where matplotlib is, or say what is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: pip install 'progressive-training[report]'")
        return
    figure = Figure(figsize=(12, 8), layout="constrained")
    grid = figure.add_gridspec(3, 3, height_ratios=(1, 1, 1))
    pairs = [pair for pair in pairs_of(done) if pair.taught.arm == DEFAULT and not pair.taught.teacher]
    for place, market in enumerate(CURVES):
        own = [pair for pair in pairs if pair.taught.market == market]
        if own:
            axes = figure.add_subplot(grid[place // 3, place % 3])
            curves(axes, market, own)
    bars(figure.add_subplot(grid[2, :]), done)
    seeds = sorted({one.seed for one in done})
    figure.suptitle(f"Taught by earlier buckets against scratch: Short, Medium, Long; seeds {seeds[0]} to {seeds[-1]}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def curves(axes: Axes, market: str, pairs: Sequence[Pair]) -> None:
    """Median and range between the quartiles of both, in units of scratch's best."""
    for label, colour, chosen in (("scratch", GREY, "scratch"), ("default transfer", BLUE, "taught")):
        curve = np.array([getattr(pair, chosen).curve for pair in pairs if pair.scratch.curve[-1] > 0])
        best = np.array([pair.scratch.curve[-1] for pair in pairs if pair.scratch.curve[-1] > 0])
        low, mid, high = np.quantile(curve / best[:, None], (0.25, 0.5, 0.75), axis=0)
        steps = FINE["UPDATES_PER_EPISODE"] * np.arange(curve.shape[1])
        axes.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(steps, mid, color=colour, label=label)
    axes.axhline(0.9, color="black", linewidth=0.6, linestyle=":")
    axes.set(title=market, xlabel="gradient steps", ylabel="best validation score\n(scratch's = 1)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right", fontsize=8)


def bars(axes: Axes, done: Sequence[Trained]) -> None:
    """Points on test more than scratch with their standard error, and the share of scratch's steps written above."""
    rows = [(key, pairs) for key, pairs in rows_of(done) if not key[2]]
    if not rows:
        return
    gains = [mean_and_error(pairs, lambda pair: pair.gain) for _, pairs in rows]
    colours = [BLUE if key[1] == DEFAULT else GREY for key, _ in rows]
    axes.bar(range(len(rows)), [gain for gain, _ in gains], yerr=[error for _, error in gains], color=colours)
    for place, (_, pairs) in enumerate(rows):
        share = middle(pair.share for pair in pairs)
        told = "" if np.isnan(share) else "never" if np.isinf(share) else f"{share:.0%}"
        axes.annotate(told, (place, 0.97), xycoords=("data", "axes fraction"), ha="center", va="top", fontsize=8)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xticks(range(len(rows)), [f"{market}\n{arm}" for (market, arm, _), _ in rows], fontsize=7, rotation=45)
    axes.set_ylabel("points on test more\nthan scratch")
    axes.set_title("above: steps to 90 % of scratch's best, as a share of scratch's own", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
