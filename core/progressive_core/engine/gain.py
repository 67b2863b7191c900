"""What a score is worth beyond noise, by its sums over blocks of the validation part (`Learner.validation_blocks`)."""

from __future__ import annotations

import math
from collections.abc import Sequence


def standard_error(blocks: Sequence[float]) -> float:
    """The standard error of the sum of `blocks`; NaN for fewer than two."""
    count = len(blocks)
    if count < 2:
        return math.nan
    mean = math.fsum(blocks) / count
    return math.sqrt(count * math.fsum((value - mean) ** 2 for value in blocks) / (count - 1))


def paired_t(before: Sequence[float], after: Sequence[float], score: float) -> float:
    """t of the gain from `before` to `after`, block by block: what both have in common is no noise.

    :param score: the sum before, spread evenly where its blocks are not known.
    :return: NaN where those after are not known, and where nothing changed.
    """
    before = before or (score / max(1, len(after)),) * len(after)
    gains = [late - early for early, late in zip(before, after, strict=False)]
    gained, error = math.fsum(gains), standard_error(gains)
    if error == 0 and gained:
        return math.copysign(math.inf, gained)
    return gained / error if error else math.nan
