"""A learning curve as text, one line high or several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from rich.text import Text

BLOCKS = " ▁▂▃▄▅▆▇█"


def sparkline(scores: Sequence[float | None], width: int, rows: int = 1) -> Text:
    """Draw scores as columns of blocks, oldest first, losses in red, the best one underlined.

    With more scores than `width` each column stands for several and shows the best of them; a score that is not
    finite is a gap.

    :param rows: lines of text; the lowest score is one block high, the best one reaches the top.
    """
    columns = [_best(chunk) for chunk in _chunks(scores, width)]
    finite = [score for score in columns if score is not None]
    if not finite:
        return Text("no score yet", "dim")
    low, high = min(finite), max(finite)
    best = columns.index(high)
    lines = [Text(no_wrap=True) for _ in range(rows)]
    for position, score in enumerate(columns):
        level = 0.5 if high == low or score is None else (score - low) / (high - low)
        filled = 0 if score is None else 1 + round(level * (8 * rows - 1))
        style = "red" if score is not None and score < 0 else "cyan"  # green is for what a verdict confirms
        for height, line in enumerate(reversed(lines)):
            eighths = min(8, max(0, filled - 8 * height))
            top = position == best and 0 < filled - 8 * height <= 8
            line.append(BLOCKS[eighths], (f"bold underline {style}" if top else style) if eighths else "")
    return Text("\n", no_wrap=True).join(lines)


def _chunks(scores: Sequence[float | None], width: int) -> list[Sequence[float | None]]:
    count = min(len(scores), width)
    edges = [len(scores) * i // count for i in range(count + 1)] if count else []
    return [scores[start:stop] for start, stop in pairwise(edges)]


def _best(scores: Sequence[float | None]) -> float | None:
    return max((score for score in scores if score is not None and math.isfinite(score)), default=None)
