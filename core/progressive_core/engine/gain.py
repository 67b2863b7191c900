"""What a score is worth beyond noise, by its sums over blocks of the validation part (`Learner.validation_blocks`)."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def standard_error(blocks: Sequence[float]) -> float:
    """The standard error of the sum of `blocks`; NaN for fewer than two, and where one is not finite."""
    known = len(blocks) > 1 and all(map(math.isfinite, blocks))
    return statistics.stdev(blocks) * math.sqrt(len(blocks)) if known else math.nan


def paired_t(before: Sequence[float], after: Sequence[float], score: float) -> float:
    """t of the gain from `before` to `after`, block by block: what both have in common is no noise.

    :param score: the sum before, spread evenly where its blocks are not known.
    :return: NaN where those after are not known, and where nothing changed.
    """
    before = before or (score / max(1, len(after)),) * len(after)
    gains = [late - early for early, late in zip(before, after, strict=False)]
    gained, error = sum(gains), standard_error(gains)
    if error:
        return gained / error
    return math.copysign(math.inf, gained) if gained else math.nan
