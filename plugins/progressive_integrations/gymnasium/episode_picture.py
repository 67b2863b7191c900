"""A picture of an episode: price with entries and exits, position, equity."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from progressive_training import PluginError

if TYPE_CHECKING:
    from numpy.typing import NDArray

INCHES, DOTS = (8.0, 5.0), 100
MARKS = ((1, "^", "#1a7f4b", "long"), (2, "v", "#c0392b", "short"), (0, "o", "#555555", "flat"))
"""Position entered, its mark, its colour and its name."""


def picture(
    times: NDArray[np.datetime64], closes: NDArray[np.float64], steps: list[tuple[int, float]]
) -> NDArray[np.uint8]:
    """The episode of N bars after its first `steps` [n] as an image [500, 800, 3] uint8.

    :param times: [N]. :param closes: [N]; those behind the steps are not drawn. :param steps: the position and log of equity after each.
    :raise PluginError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise PluginError("a picture of an episode needs matplotlib: pip install 'progressive-training[gym]'")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    count = max(1, len(steps))
    seen, prices = times[:count].astype("datetime64[us]"), closes[:count]
    positions = np.array([position for position, _ in steps] or [0])
    equity = np.exp([total for _, total in steps] or [0.0])
    before = np.concatenate([[0], positions[:-1]])
    figure = Figure(figsize=INCHES, dpi=DOTS, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    price, held, curve = figure.subplots(3, 1, sharex=True, height_ratios=(4, 1, 2))
    price.plot(seen, prices, color="#33475b", linewidth=1)
    for position, mark, colour, name in MARKS:
        chosen = (positions == position) & (positions != before)
        price.scatter(seen[chosen], prices[chosen], marker=mark, s=36, color=colour, zorder=3, label=f"to {name}")
    price.set_ylabel("price")
    price.legend(loc="upper left", ncols=3, frameon=False, fontsize=8)
    signed = np.array([0, 1, -1])[positions]
    held.fill_between(seen, signed, where=signed >= 0, step="post", color="#1a7f4b", alpha=0.6, linewidth=0)
    held.fill_between(seen, signed, where=signed <= 0, step="post", color="#c0392b", alpha=0.6, linewidth=0)
    held.set(ylim=(-1.3, 1.3), yticks=(-1, 0, 1), yticklabels=("short", "flat", "long"))
    curve.axhline(1.0, color="#999999", linewidth=0.8)
    curve.plot(seen, equity, color="#1f5fa8", linewidth=1.2, label=f"equity {equity[-1]:.4f}")
    curve.plot(seen, prices / prices[0], color="#bbbbbb", linewidth=0.8, label="buy and hold, without costs")
    curve.legend(loc="upper left", ncols=2, frameon=False, fontsize=8)
    curve.set_ylabel("equity")
    ends = times[[0, -1]].astype("datetime64[us]")
    if ends[0] < ends[1]:
        curve.set_xlim(ends[0], ends[1])
    places = AutoDateLocator()  # type: ignore[no-untyped-call]  # matplotlib leaves these without annotations
    curve.xaxis.set_major_locator(places)
    curve.xaxis.set_major_formatter(ConciseDateFormatter(places))  # type: ignore[no-untyped-call]
    for axes in (price, held, curve):
        axes.spines[["top", "right"]].set_visible(False)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]
