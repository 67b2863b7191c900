"""The transfer report's picture: taught and scratch curves of every bucket, drawn without touching matplotlib's state."""

from __future__ import annotations

import math
from io import BytesIO
from typing import TYPE_CHECKING

from progressive_studies.transfer_report.tables import ratio
from progressive_studies.transfer_report.tables import score as score_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from progressive_studies.transfer_report.build import TransferReport
    from progressive_studies.transfer_report.matrix import ResultMatrix
    from progressive_studies.transfer_report.worth import Worth

BLUE, GREY, ORANGE = "#0072B2", "#999999", "#E69F00"  # Okabe and Ito (2008): distinct for every kind of colour vision
COLUMNS = 3


def png(report: TransferReport) -> bytes:
    """Draw the curves of each bucket, and the R-matrix behind them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    worths = [worth for worth in report.worths if worth.trains]
    panels = max(1, len(worths) + (report.matrix is not None))
    rows, columns = math.ceil(panels / COLUMNS), min(COLUMNS, panels)
    figure = Figure(figsize=(max(6.0, 3.6 * columns), 3.0 * rows + 0.4), dpi=110, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes in grid[panels:]:
        axes.set_axis_off()
    for axes, worth in zip(grid, worths, strict=False):
        _curves(axes, worth)
    if report.matrix is not None:
        _matrix(grid[panels - 1], report.matrix)
    handles = [axes.get_legend_handles_labels() for axes in grid[: len(worths)]]
    named = {label: handle for found in handles for handle, label in zip(*found, strict=True)}
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    image = BytesIO()
    FigureCanvasAgg(figure).print_png(image)  # type: ignore[no-untyped-call]
    return image.getvalue()


def _curves(axes: Axes, worth: Worth) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.axhline(0, color="black", linewidth=0.6)
    if worth.scratch_curve is not None and worth.taught_by:
        axes.plot(range(len(worth.scratch_curve)), worth.scratch_curve, color=GREY, label="from scratch")
    axes.plot(range(len(worth.curve)), worth.curve, color=BLUE, label="as trained in the sequence")
    if math.isfinite(worth.threshold) and worth.taught_by:
        axes.axhline(worth.threshold, color=ORANGE, linewidth=0.8, linestyle="--", label="90 % of scratch's best")
    axes.set_title(worth.bucket, fontsize=9, fontweight="bold", loc="left")
    title = f"area ratio {ratio(worth.area_ratio)}" if worth.taught_by else "taught by nobody"
    axes.set_title(title, fontsize=8, loc="right")
    axes.set_xlabel("episode", fontsize=8)
    axes.set_ylabel("best score so far", fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: score_text(value))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def _matrix(axes: Axes, matrix: ResultMatrix) -> None:
    """Shaded by how near each model comes to the best of its column, where any is above zero."""
    best = [
        max((score for score in column if math.isfinite(score)), default=0.0)
        for column in zip(*matrix.scores, strict=True)
    ]
    shades = [
        [score / top if top > 0 and math.isfinite(score) else math.nan for score, top in zip(line, best, strict=True)]
        for line in matrix.scores
    ]
    axes.imshow(shades, cmap="Blues", vmin=0, vmax=1.6, aspect="auto")
    for row, line in enumerate(matrix.scores):
        for column, score in enumerate(line):
            axes.text(column, row, score_text(score), ha="center", va="center", fontsize=8)
    axes.set_xticks(range(len(matrix.buckets)), matrix.buckets, fontsize=8)
    axes.set_yticks(range(len(matrix.scores)), ["untrained", *matrix.buckets], fontsize=8)
    axes.set_title("Model (row) on bucket (column)", fontsize=9, fontweight="bold", loc="left")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
