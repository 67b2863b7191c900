"""What a transfer was worth: a taught training beside the one from scratch on the same market and seed.

The terms are those of `progressive-training transfer-report`, by its own arithmetic (progressive_studies.transfer_report):
jumpstart, steps to threshold, asymptote, ratio of the areas under the learning curves. Here scores are shares of scratch's
best, so that markets can be held side by side, and there are many seeds.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from statistics import mean, median, stdev

from attrs import frozen
from transfer_training import FIRST, SCRATCH, Trained

from progressive_studies.transfer_report.measures import (
    THRESHOLD,
    area,
    area_ratio,
    asymptote_gain,
    episodes_to,
    jumpstart,
    threshold_of,
)

DRAWS = 2000


@frozen
class Pair:
    """A taught training and the one from scratch."""

    scratch: Trained
    taught: Trained

    @property
    def jumpstart(self) -> float:
        """How much better it was before training, as a share of scratch's best."""
        return over(jumpstart(self.taught.curve, self.scratch.curve), self.scratch.curve[-1])

    @property
    def share(self) -> float:
        """Steps to the threshold as a share of scratch's; infinite where it was never reached."""
        return over(self.steps(THRESHOLD), self.scratch_steps(THRESHOLD))

    def steps(self, threshold: float) -> float:
        """Episodes of the taught one to this share of scratch's best."""
        return episodes_to(self.taught.curve, threshold_of(self.scratch.curve, threshold))

    def scratch_steps(self, threshold: float) -> float:
        """Episodes of scratch to this share of its best."""
        return episodes_to(self.scratch.curve, threshold_of(self.scratch.curve, threshold))

    @property
    def asymptote(self) -> float:
        """The best score as a share of scratch's."""
        return 1 + over(asymptote_gain(self.taught.curve, self.scratch.curve), self.scratch.curve[-1])

    @property
    def area_ratio(self) -> float:
        """Area under the taught curve over that under scratch's."""
        return area_ratio(self.taught.curve, self.scratch.curve)

    @property
    def area_most(self) -> float:
        """The area ratio of one that had scratch's best from the start: what speed alone can bring."""
        return over(self.scratch.curve[-1] * (len(self.scratch.curve) - 1), area(self.scratch.curve))

    @property
    def gain(self) -> float:
        """Points more on test."""
        return self.taught.test - self.scratch.test


def pairs_of(done: Iterable[Trained]) -> list[Pair]:
    """Every taught training beside its control."""
    done = list(done)
    controls = {(one.market, one.seed, one.bucket): one for one in done if one.arm == SCRATCH}
    return [
        Pair(controls[one.market, one.seed, one.bucket], one)
        for one in done
        if one.arm != SCRATCH and (one.market, one.seed, one.bucket) in controls
    ]


def chain(firsts: Iterable[Trained], pairs: Iterable[Pair], threshold: float) -> float:
    """How many times fewer steps the chains took than scratch, the first bucket's own counted: median over the seeds.

    Every bucket of both is counted to that share of scratch's best. A teacher hands over its best weights, so with 1 all
    that it trained for them is counted; with less, only what it would have needed itself.
    """
    pairs, ratios = list(pairs), []
    for first in firsts:
        own = episodes_to(first.curve, threshold_of(first.curve, threshold))
        taught = [pair for pair in pairs if pair.scratch.seed == first.seed]
        scratch = sum(pair.scratch_steps(threshold) for pair in taught)
        ratios.append(over(own + scratch, own + sum(pair.steps(threshold) for pair in taught)))
    return median(ratios) if ratios else math.nan


def first_buckets(done: Iterable[Trained], market: str) -> list[Trained]:
    """The first bucket of every chain on a market."""
    return [one for one in done if one.market == market and one.bucket == FIRST and one.arm == SCRATCH]


def over(part: float, whole: float) -> float:
    """`part / whole`; not a number where there is no whole."""
    return part / whole if whole > 0 else math.nan


def middle(values: Iterable[float]) -> float:
    """Median of those that are numbers; not a number where none is."""
    known = [value for value in values if not math.isnan(value)]
    return median(known) if known else math.nan


def mean_and_error(pairs: Sequence[Pair], value: Callable[[Pair], float]) -> tuple[float, float]:
    """Mean over the seeds, each the mean of its pairs, and the mean's standard error (not a number for one seed)."""
    by_seed: dict[int, list[float]] = {}
    for pair in pairs:
        by_seed.setdefault(pair.scratch.seed, []).append(value(pair))
    return with_error([mean(values) for values in by_seed.values()])


def with_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean and its standard error, not a number for one value."""
    return mean(values), stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def pooled_area_ratio(pairs: Sequence[Pair]) -> tuple[float, float]:
    """All taught areas together over all of scratch's, and the lower end of its 95 % interval (bootstrap over seeds).

    Together, because single ones may be of curves that hardly leave zero. Where neither does, both learned the same.
    """
    by_seed: dict[int, list[Pair]] = {}
    for pair in pairs:
        by_seed.setdefault(pair.scratch.seed, []).append(pair)

    def ratio(seeds: Iterable[int]) -> float:
        chosen = [pair for seed in seeds for pair in by_seed[seed]]
        taught, scratch = (sum(area(getattr(pair, side).curve) for pair in chosen) for side in ("taught", "scratch"))
        return taught / scratch if scratch > 0 else math.inf if taught > 0 else 1.0

    draw, seeds = random.Random(0), list(by_seed)  # noqa: S311
    drawn = sorted(ratio(draw.choices(seeds, k=len(seeds))) for _ in range(DRAWS))
    return ratio(seeds), drawn[int(0.025 * DRAWS)]
