"""The picture of the transfer study: learning curves by market, and what every arm gave on test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from transfer_markets import FINE, REAL
from transfer_measures import Pair, mean_and_error, middle, pairs_of
from transfer_tables import rows_of
from transfer_training import DEFAULT, Trained

from progressive_studies.transfer_report.measures import THRESHOLD

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVES = ("easy", "hard", "easy little", "hard little", "scale", "opposite", "unrelated", "BTC 1h")
GREY, BLUE, LIGHT = "#8a8a8a", "#1f5fa8", "#9db8d6"


def draw(done: Sequence[Trained], path: Path) -> None:
    """Draw it where matplotlib is, or say what is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: pip install 'progressive-training[report]'")
        return
    pairs = [pair for pair in pairs_of(done) if pair.taught.arm == DEFAULT and not pair.taught.teacher]
    groups = {market: [pair for pair in pairs if pair.taught.market == market] for market in CURVES}
    shown = {market: own for market, own in groups.items() if any(pair.scratch.curve[-1] > 0 for pair in own)}
    rows = max(1, -(-len(shown) // 2))
    figure = Figure(figsize=(13, 2.6 * max(2, rows)), layout="constrained")
    grid = figure.add_gridspec(rows, 3, width_ratios=(1, 1, 1.5))
    for place, (market, own) in enumerate(shown.items()):
        axes = figure.add_subplot(grid[place // 2, place % 2])
        curves(axes, market, own)
        if place == 0:
            axes.legend(frameon=False, loc="lower right", fontsize=8)
    bars(figure.add_subplot(grid[:, 2]), done)
    seeds = sorted({pair.taught.seed for pair in pairs})
    told = f", seeds {seeds[0]} to {seeds[-1]}" if seeds else ""
    figure.suptitle(f"Taught by other buckets, against from scratch: Short, Medium and Long{told}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def curves(axes: Axes, market: str, pairs: Sequence[Pair]) -> None:
    """Median and middle half of both, in units of scratch's best."""
    earning = [pair for pair in pairs if pair.scratch.curve[-1] > 0]
    best = np.array([pair.scratch.curve[-1] for pair in earning])
    for label, colour, side in (("from scratch", GREY, "scratch"), ("taught (the default)", BLUE, "taught")):
        curve = np.array([getattr(pair, side).curve for pair in earning]) / best[:, None]
        low, mid, high = np.quantile(curve, (0.25, 0.5, 0.75), axis=0)
        steps = FINE["UPDATES_PER_EPISODE"] * np.arange(curve.shape[1])
        axes.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(steps, mid, color=colour, label=label)
    axes.axhline(THRESHOLD, color="black", linewidth=0.6, linestyle=":")
    axes.set_title(market, fontsize=10)
    axes.set_xlabel("gradient steps", fontsize=8)
    axes.set_ylabel("best validation score\n(scratch's last = 1)", fontsize=8)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def bars(axes: Axes, done: Sequence[Trained]) -> None:
    """Points on test more than scratch with their standard error, and the share of scratch's steps beside each name."""
    rows = [(key, pairs) for key, pairs in rows_of(done) if not key[2]]
    gains = [mean_and_error(pairs, lambda pair: pair.gain) for _, pairs in rows]
    places = range(len(rows))
    axes.barh(
        places,
        [gain for gain, _ in gains],
        xerr=[np.nan_to_num(error) for _, error in gains],
        color=[BLUE if key[1] == DEFAULT else LIGHT for key, _ in rows],
        error_kw={"linewidth": 0.8},
    )
    axes.set_yticks(places, [label(market, arm, pairs) for (market, arm, _), pairs in rows], fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_xlabel(f"points on test more than scratch, mean and standard error\n{units(rows)}", fontsize=8)
    axes.set_title("in brackets: steps to 90 % of scratch's best, of scratch's own", fontsize=9)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def label(market: str, arm: str, pairs: Sequence[Pair]) -> str:
    """A row's name, with the median share of scratch's steps that it took."""
    share = middle(pair.share for pair in pairs)
    told = "nothing learned" if np.isnan(share) else "never" if np.isinf(share) else f"{share:.0%}"
    return f"{market}: {arm} ({told})"


def units(rows: Sequence[tuple[tuple[str, str, str], Sequence[Pair]]]) -> str:
    """What a point is on the markets shown."""
    planted = "planted: hundredths of what the ceiling earns"
    return f"{planted}; BTC: of log return" if any(key[0] in REAL for key, _ in rows) else planted
