"""A small chart of lines as SVG, for a notebook: it needs no library, and follows the page's colour of text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from attrs import frozen

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 240, 64, 12, 42, 24
COLORS, GRAY = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b"), "#8a8a8a"
"""Of the lines, in order, and of what the others are compared with: they differ for the colour-blind, on light and on dark."""


@frozen(kw_only=True)
class Line:
    """One line: its `name` and `color`, and where it is at each of its points, to the right and upward."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    color: str


def line_chart(
    title: str, lines: Sequence[Line], y_labels: Sequence[tuple[float, str]], x_labels: tuple[str, str]
) -> str:
    """Draw lines in one frame, with a label at heights of `y_labels`, and below both ends.

    :return: SVG; empty where no line has two points.
    """
    drawn = [line for line in lines if len(line.x) > 1]
    if not drawn:
        return ""
    xs, ys = (np.concatenate([np.asarray(getattr(line, axis), float) for line in drawn]) for axis in "xy")
    heights = [*ys[np.isfinite(ys)], *(height for height, _ in y_labels)]
    low, high = min(heights), max(heights)
    across = (WIDTH - LEFT - RIGHT) / (float(np.ptp(xs)) or 1.0)
    up = (HEIGHT - TOP - BOTTOM) / ((high - low) or 1.0)
    shapes = [
        f'<text x="{LEFT}" y="15" font-weight="bold">{escape(title)}</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 6}">{escape(x_labels[0])}</text>',
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{escape(x_labels[1])}</text>',
    ]
    for height, label in y_labels:
        y = HEIGHT - BOTTOM - (height - low) * up
        shapes.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="currentColor" stroke-opacity=".2"/>')
        shapes.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}</text>')
    for line in reversed(drawn):
        points = " ".join(
            f"{LEFT + (x - xs.min()) * across:.1f},{HEIGHT - BOTTOM - (y - low) * up:.1f}"
            for x, y in zip(line.x, line.y, strict=True)
            if np.isfinite(y)
        )
        shapes.append(f'<polyline points="{points}" fill="none" stroke="{line.color}" stroke-width="1.6"/>')
    legend = "  ".join(f'<tspan fill="{line.color}">&#9644; {escape(line.name)}</tspan>' for line in drawn)
    shapes.append(f'<text x="{LEFT}" y="31" xml:space="preserve">{legend}</text>')
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" style="max-width:100%;height:auto" role="img" '
        f'font-size="11" font-family="sans-serif" fill="currentColor"><title>{escape(title)}</title>'
        f"{''.join(shapes)}</svg>"
    )
