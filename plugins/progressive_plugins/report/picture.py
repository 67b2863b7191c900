"""The report's picture, drawn with matplotlib without touching its global state."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from progressive_training import BucketResult
from progressive_training.presentation import MODEL, compared, is_sound, judged, profit_text, row_of, summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito (2008), "Color Universal Design": distinguishable for people with any common colour blindness
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#999999",
)
BASELINE_COLOURS = (GREY, ORANGE, PURPLE, GREEN, "#F0E442")
TRANSFER_MARKS = {"kept": ("^", GREEN), "rolled back": ("v", RED), "failed": ("x", "black")}
PALE = 0.35
"""How opaque the bar of a model is that will not trade."""
COLUMNS = 4
LEGEND_COLUMNS = 4


def draw(results: Sequence[BucketResult], metrics: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Draw one learning curve for each finished bucket, and below them every model beside its baselines on test.

    :param metrics: per bucket, its lines of `metrics.jsonl`.
    """
    from matplotlib.figure import Figure

    rows = math.ceil(len(results) / COLUMNS)
    columns = min(COLUMNS, len(results))
    figure = Figure(figsize=(max(6.5, 3.1 * columns), 2.9 * rows + 3.6), dpi=110, layout="constrained")
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=[1] * rows + [1.25])
    for position, result in enumerate(results):
        axes = figure.add_subplot(grid[position // columns, position % columns])
        _learning_curve(axes, result, metrics.get(result.bucket, ()), labelled=position % columns == 0)
    bars = figure.add_subplot(grid[rows, :])
    _test_bars(bars, results)
    handles, kinds = bars.get_legend_handles_labels()
    figure.legend(
        handles,
        kinds,
        loc="outside lower center",
        ncols=LEGEND_COLUMNS if columns > 2 else 2,
        frameon=False,
        fontsize=8,
    )
    marks = [figure.axes[0].plot([], [], mark, color=colour)[0] for mark, colour in TRANSFER_MARKS.values()]
    figure.legend(
        marks,
        [f"transfer {verdict}" for verdict in TRANSFER_MARKS],
        loc="outside upper right",
        ncols=len(marks),
        frameon=False,
        fontsize=8,
    )
    return figure


def _learning_curve(axes: Axes, result: BucketResult, episodes: Sequence[Mapping[str, Any]], *, labelled: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    scores = [math.nan if episode["score"] is None else float(episode["score"]) for episode in episodes]
    numbers = [int(episode["episode"]) for episode in episodes]
    axes.axhline(0, color="black", linewidth=0.6)
    axes.plot(numbers, scores, color=BLUE, linewidth=1.4)
    best = result.best_score
    if result.best_episode in numbers:
        best = scores[numbers.index(result.best_episode)]
        axes.plot(result.best_episode, best, "o", color=BLUE, markersize=6)
    heights: dict[int, float] = {}
    for transfer in (entry for episode in episodes for entry in episode.get("transfers", ())):
        if transfer["verdict"] in TRANSFER_MARKS and transfer["target"] == result.bucket:
            mark, colour = TRANSFER_MARKS[transfer["verdict"]]
            when = transfer["episode"]
            heights[when] = heights.get(when, -0.04) + 0.08  # one above the other, not on top of each other
            axes.plot(when, heights[when], mark, color=colour, markersize=6, transform=axes.get_xaxis_transform())
    axes.margins(y=0.18)
    axes.set_title(result.bucket, fontsize=9, fontweight="bold", loc="left")
    title = f"{profit_text(best)} at {result.best_episode}"
    by_reverse_transfer = result.best_score > best
    title = f"{title}, later {profit_text(result.best_score)}" if by_reverse_transfer else f"best {title}"
    axes.set_title(title, fontsize=7 if by_reverse_transfer else 8, loc="right")
    axes.set_xlabel("episode", fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if labelled:
        axes.set_ylabel("score", fontsize=8)
    _calm(axes)


def _test_bars(axes: Axes, results: Sequence[BucketResult]) -> None:
    kinds = compared(results)
    width = 0.8 / len(kinds)
    baseline_colours = cycle(BASELINE_COLOURS)
    for offset, kind in enumerate(kinds):
        colour = BLUE if kind == MODEL else next(baseline_colours)
        rows = [row_of(judged(result.evaluation).test, kind) for result in results]
        heights = [row.log_return if row and math.isfinite(row.log_return) else 0.0 for row in rows]
        places = [position - 0.4 + width * (offset + 0.5) for position in range(len(results))]
        bars = axes.bar(places, heights, 0.92 * width, color=colour, label=kind)
        if kind == MODEL:
            for bar, result in zip(bars, results, strict=True):
                bar.set_alpha(1.0 if is_sound(result.evaluation) else PALE)
        texts = [profit_text(row.log_return) if row else "" for row in rows]
        axes.bar_label(bars, texts, fontsize=7, padding=2, fontweight="bold" if offset == 0 else "normal")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(results)), [_bar_title(result) for result in results], fontsize=9)
    axes.set_xlim(-0.5, len(results) - 0.5)
    axes.margins(y=0.15)
    title = "Net profit on test data, after costs"
    if not all(is_sound(result.evaluation) for result in results):
        title = f"{title} (pale: stays flat in use)"
    axes.set_title(title, fontsize=10, fontweight="bold", loc="left")
    _calm(axes)


def _bar_title(result: BucketResult) -> str:
    """Name of a bucket and what its verdict makes of it, so that no bar is taken for what the model will do in use."""
    return f"{result.bucket}\n{summary(result.evaluation)}"


def _calm(axes: Axes) -> None:
    """Equity grows by factors, so the scale is that of log returns; the labels are profits, which people know."""
    from matplotlib.ticker import MaxNLocator

    axes.spines[["top", "right"]].set_visible(False)
    low, high = axes.get_ylim()
    if high < 3:  # beyond, round profits would crowd at the top
        percents = MaxNLocator(6).tick_values(100 * math.expm1(low), 100 * math.expm1(high))
        ticks = [math.log1p(percent / 100) for percent in percents if percent > -100]
        axes.set_yticks([tick for tick in ticks if low <= tick <= high])
    axes.yaxis.set_major_formatter(lambda value, _: profit_text(value))
    axes.tick_params(labelsize=8)
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)
