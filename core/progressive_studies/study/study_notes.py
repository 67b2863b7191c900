"""What a reader of a study must know: what is missing, and what so few seeds can say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from progressive_studies.study.grid import SEED_LABEL
from progressive_studies.study.outcomes import FROM_SCRATCH, RunOutcome
from progressive_studies.study.paired_statistics import Spread, needed_t

FEW = 5
"""Seeds, below which a mean says little."""
BY_LUCK = 0.05
"""Share of differences without a cause whose t is beyond what `needed_t` says."""
MOST_NAMES = 5


def notes_of(runs: Sequence[RunOutcome], differences: Sequence[Spread], *, shares_bars: bool) -> Iterator[str]:
    """A sentence for each thing to know.

    :param differences: those that are shown, one measure of each. :param shares_bars: whether seeds have the same bars.
    """
    yield from _missing(runs)
    finished = [run for run in runs if run.is_finished]
    if halved := [run.name for run in finished if any(bucket.is_halved for bucket in run.buckets)]:
        yield f"memory ran out and sizes were halved in {_listed(halved)}: not like the others, and not the same on another machine"
    if changed := [f"{run.name} ({', '.join(run.changed)})" for run in finished if run.changed]:
        yield f"settings were changed since it was planned: {_listed(changed)}"
    if not finished:
        return
    seeds = len({run.labels.get(SEED_LABEL) for run in finished})
    if seeds < 2:
        yield "one seed: no spread and no error can be given; a few more, by --seeds 0-9, show how much is luck"
    elif seeds < FEW:
        yield f"{seeds} seeds: a difference that luck alone would not bring in 19 of 20 studies needs a t of {needed_t(seeds):.1f} here"
    if not shares_bars:
        yield "without DATA each seed has a synthetic market of its own: nothing here says anything about a real one"
    elif seeds > 1:
        yield (
            "seeds differ in the luck of training and share their bars: they say how far a result repeats, and not whether it holds "
            "on other bars, which is what each verdict's own t is for"
        )
    arms = [bucket for run in finished for bucket in run.buckets if bucket.arm == FROM_SCRATCH]
    learned = {bucket.bucket for bucket in arms if not bucket.is_same}
    if arms and not learned:
        yield "no bucket kept anything that it was taught, in any run: from scratch all are the same to the bit"
    elif same := sum(bucket.is_same for bucket in arms if bucket.bucket in learned):
        yield f"in {same} of the pairs nothing was kept that was taught: both arms are the same to the bit, and the difference of 0 counts"
    looks = [spread for spread in differences if math.isfinite(spread.t)]
    if len(looks) > 1:
        beyond = sum(abs(spread.t) > spread.needed_t for spread in looks)
        yield f"{len(looks)} differences of profit are shown; {BY_LUCK * len(looks):.1f} of them are beyond their needed t by luck alone, and {beyond} are"


def _missing(runs: Sequence[RunOutcome]) -> Iterator[str]:
    missing = [run for run in runs if not run.is_finished]
    if not missing:
        return
    yield f"{len(missing)} of {len(runs)} runs are not finished and count nowhere: {_listed([run.name for run in missing])}"
    for run in missing:
        if run.reason:
            yield f"{run.name}: {run.reason}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else f"{shown} and {len(names) - MOST_NAMES} more"
