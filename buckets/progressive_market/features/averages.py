"""Causal averages that remember a bounded number of bars: a window of so many gives the same as all bars before.

An exponential average of span s weighs the bar `k` bars ago by (1 - 2 / (s + 1)) ** k. Here it ends after 10 / 3 spans, where
that is below 0.13 %, so that a decision needs no more history than a card can ask for.

Nothing is subtracted: what has left the window has left the sum. Bars are laid out in blocks as long as the window, which is
then the end of one block and the beginning of the next (as in van Herk's running maximum, 1992).
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Segment = NDArray[np.integer[Any]]

AT_ONCE = 65_536
"""Values summed at a time, so that intermediate results fit a processor's cache."""


def window_of(span: int) -> int:
    """Bars that the exponential average of `span` remembers, the present one among them."""
    return 1 if span == 1 else ceil(span * 10 / 3)


def exponential_average(values: Floats, segment: Segment, span: int) -> Floats:
    """Exponential average of `values` [..., T] over `window_of(span)` bars, that starts anew at each segment.

    Weights are divided by their sum, so the first bar of a segment is its own average. A missing value counts nothing; the
    average is missing where all are.
    """
    return values if span == 1 else _average(values, segment, 1 - 2 / (span + 1), window_of(span))


def plain_average(values: Floats, segment: Segment, window: int) -> Floats:
    """Mean of `values` [..., T] over the last `window` bars, that starts anew at each segment; missing values as above."""
    return _average(values, segment, 1.0, window)


def segment_starts(segment: Segment) -> NDArray[np.integer[Any]]:
    """Position of the first bar of each segment; these are numbered in the order of time."""
    if segment[0] == segment[-1]:
        return np.zeros(1, dtype=np.intp)
    return np.flatnonzero(np.diff(segment, prepend=segment[0] - 1))


def age_in_segment(segment: Segment) -> NDArray[np.int64]:
    """Bars since the start of the segment [T], 0 on its first bar."""
    starts = segment_starts(segment)
    return np.arange(len(segment)) - np.repeat(starts, np.diff(starts, append=len(segment)))


def _average(values: Floats, segment: Segment, decay: float, window: int) -> Floats:
    known = np.isfinite(values)
    if known.all():
        weights = np.cumsum(decay ** np.arange(window, dtype=np.float64))[
            np.minimum(age_in_segment(segment), window - 1)
        ]
        return _sums(values, segment, decay, window) / weights
    weights = _sums(known.astype(np.float64), segment, decay, window)
    return _sums(np.where(known, values, 0.0), segment, decay, window) / np.where(weights > 0, weights, np.nan)


def _sums(values: Floats, segment: Segment, decay: float, window: int) -> Floats:
    """Sum over the bars `k` < `window` ago, of the same segment, of `decay` ** k times `values` [..., T]."""
    steps = np.arange(window, dtype=np.float64)
    fading, growth = decay**steps, decay**-steps  # at most e ** 7
    sums = np.empty_like(values)
    count = values.shape[-1]
    ended: Floats | float = 0.0  # [..., window] what is left of the block before, at each bar of a block
    chunk = max(1, AT_ONCE // values[..., 0].size // window) * window
    for start in range(0, count, chunk):
        part = values[..., start : start + chunk]
        blocks = _in_blocks(part, window)  # [..., blocks, window]
        begun = np.cumsum(blocks * growth, axis=-1) * fading
        later = np.cumsum((blocks * fading[::-1])[..., :0:-1], axis=-1)[..., ::-1] * fading[1:]
        begun[..., 1:, :-1] += later[..., :-1, :]
        begun[..., 0, :-1] += ended
        ended = later[..., -1, :]
        sums[..., start : start + chunk] = begun.reshape(*part.shape[:-1], -1)[..., : part.shape[-1]]
    _begin_anew(sums, values, segment, fading, growth)
    return sums


def _in_blocks(values: Floats, window: int) -> Floats:
    count = -(-values.shape[-1] // window)
    if missing := count * window - values.shape[-1]:
        values = np.concatenate([values, np.zeros((*values.shape[:-1], missing))], axis=-1)
    return values.reshape(*values.shape[:-1], count, window)


def _begin_anew(sums: Floats, values: Floats, segment: Segment, fading: Floats, growth: Floats) -> None:
    """Where a window would reach beyond the start of a segment (not the first, before which nothing is), sum from there."""
    starts = segment_starts(segment)
    if len(starts) == 1:
        return
    lengths = np.minimum(np.diff(starts, append=len(segment)), len(fading) - 1)[1:]
    if not lengths.any():
        return
    ends = np.cumsum(lengths)
    age = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
    young = np.repeat(starts[1:], lengths) + age
    grown = pd.DataFrame((values[..., young] * growth[age]).reshape(-1, len(young)).T)
    summed = grown.groupby(np.repeat(np.arange(len(lengths)), lengths), sort=False).cumsum().to_numpy()
    sums[..., young] = summed.T.reshape(*values.shape[:-1], -1) * fading[age]
