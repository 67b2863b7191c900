"""A learning curve in one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from rich.text import Text

BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(scores: Sequence[float | None], width: int) -> Text:
    """Draw scores as blocks, oldest first, losses in red, the best one underlined.

    With more scores than `width` each block stands for several and shows the best of them; a score that is not
    finite is a gap.
    """
    columns = [_best(chunk) for chunk in _chunks(scores, width)]
    finite = [score for score in columns if score is not None]
    line = Text(no_wrap=True)
    if not finite:
        return line.append("no score yet", "dim")
    low, high = min(finite), max(finite)
    best = columns.index(high)
    for position, score in enumerate(columns):
        if score is None:
            line.append(" ")
            continue
        level = 0.5 if high == low else (score - low) / (high - low)
        style = "red" if score < 0 else "green"
        line.append(BLOCKS[round(level * 7)], f"bold underline {style}" if position == best else style)
    return line


def _chunks(scores: Sequence[float | None], width: int) -> list[Sequence[float | None]]:
    count = min(len(scores), width)
    edges = [len(scores) * i // count for i in range(count + 1)] if count else []
    return [scores[start:stop] for start, stop in pairwise(edges)]


def _best(scores: Sequence[float | None]) -> float | None:
    return max((score for score in scores if score is not None and math.isfinite(score)), default=None)
