"""The order of a sequence, found by measuring: every bucket trains briefly, and shows what it can do in each other's place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cache
from typing import Any

from attrs import evolve, frozen

from progressive_core.bucket import Bucket, Learner
from progressive_core.memory import release_memory
from progressive_core.proof import prove
from progressive_core.records import BucketInfo, Knowledge, Proof
from progressive_core.run import Interrupted, Run, always_clean_up, info_of, resources_of

PROBE_SHARE = 0.1
"""Of a bucket's episodes, how many it trains to be probed."""
STANDARD_ERRORS = 2.0
"""By how many another order must be better than the one asked for, and a teacher than doing nothing."""


@frozen(kw_only=True)
class Curriculum:
    """The `sequence` that was found, and why: `reason` in words, and what was measured.

    `shares[teacher][pupil]` is how much of what the pupil's task is known to hold the briefly trained teacher earns in the
    pupil's place: its validation score over the best one that any probe had there, 0 where that is within two standard
    errors of nothing. `errors` are their standard errors, in the same unit.
    """

    sequence: tuple[str, ...]
    reason: str
    shares: Mapping[str, Mapping[str, float]]
    errors: Mapping[str, Mapping[str, float]]


def find_curriculum(run: Run) -> Curriculum:
    """Probe the buckets of `run`, in a tenth of their episodes, and order them.

    :raise Interrupted: a stop was asked for; the run can be resumed, and probes again.
    """
    sequence = tuple(bucket.name for bucket in run.buckets)
    proofs = probe(sequence, lambda name: _opened(run, name), lambda learner, name: _train(run, learner, name))
    found = curriculum_of(sequence, proofs)
    run.progress(f"sequence {', '.join(found.sequence)}: {found.reason}")
    return found


def probe(
    sequence: Sequence[str],
    opened: Callable[[str], AbstractContextManager[Learner]],
    train: Callable[[Learner, str], None],
) -> dict[str, dict[str, Proof]]:
    """What each bucket's briefly trained model earns zero-shot in every bucket's place, its own included.

    One bucket is open at a time, each twice. Where nothing of a teacher fits, it has no proof.

    :param opened: opens a bucket's learner, untrained. :param train: trains it for as long as a probe may take.
    """
    teachers: dict[str, Knowledge] = {}
    for name in sequence:
        with opened(name) as learner:
            train(learner, name)
            learner.keep_best()
            teachers[name] = learner.knowledge()
    proofs: dict[str, dict[str, Proof]] = {name: {} for name in sequence}
    for pupil in sequence:
        with opened(pupil) as learner:
            untrained, target = learner.validate(), learner.knowledge()
            for teacher, knowledge in teachers.items():
                if not knowledge.distrust and (proof := prove(learner, knowledge, target, untrained)):
                    proofs[teacher][pupil] = proof
    return proofs


def curriculum_of(asked: tuple[str, ...], proofs: Mapping[str, Mapping[str, Proof]]) -> Curriculum:
    """The order in which buckets find the best teachers among those before them.

    An order is worth the sum, over its buckets but the first, of the largest share that one before it earns. The order that
    was asked for stands unless another one is better by two standard errors of the difference.
    """
    shares, errors = shares_of(asked, proofs)
    best = best_order(asked, shares)
    ahead = worth(best, shares) - worth(asked, shares)
    noise = math.hypot(*(_noise(best, asked, pupil, shares, errors) for pupil in asked))
    if ahead > STANDARD_ERRORS * noise:
        gains = f"{worth(best, shares):.2f} instead of {worth(asked, shares):.2f} with {', '.join(asked)}"
        sequence, reason = best, f"what is taught adds up to {gains} (difference {ahead:.2f}, error {noise:.2f})"
    elif ahead > 0:
        sequence = asked
        reason = f"as asked for; {', '.join(best)} is better by {ahead:.2f} only, within its error of {noise:.2f}"
    else:
        sequence, reason = (
            asked,
            f"as asked for; no other order is better (what is taught adds up to {worth(asked, shares):.2f})",
        )
    return Curriculum(sequence=sequence, reason=reason, shares=shares, errors=errors)


def shares_of(
    sequence: Sequence[str], proofs: Mapping[str, Mapping[str, Proof]]
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Shares and their standard errors, as `Curriculum` explains them."""
    shares: dict[str, dict[str, float]] = {name: {} for name in sequence}
    errors: dict[str, dict[str, float]] = {name: {} for name in sequence}
    for pupil in sequence:
        held = max((proofs[name][pupil].after for name in sequence if pupil in proofs[name]), default=0.0)
        for teacher in sequence:
            proof = proofs[teacher].get(pupil)
            sure = proof is not None and held > 0 and proof.after > STANDARD_ERRORS * proof.error
            shares[teacher][pupil] = proof.after / held if proof and sure else 0.0
            errors[teacher][pupil] = proof.error / held if proof and sure else 0.0
    return shares, errors


def worth(order: Sequence[str], shares: Mapping[str, Mapping[str, float]]) -> float:
    """What the buckets of an order are taught, added up."""
    return sum(shares[_teacher(order, pupil, shares)][pupil] for pupil in order[1:])


def best_order(asked: tuple[str, ...], shares: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    """The order of the largest worth; of equal ones, the one that leaves the first places as asked.

    What a bucket can be taught depends on which are before it, not on their order, so sets are looked at and not orders: n
    2^n steps for n buckets (Held and Karp 1962).
    """

    @cache
    def onward(before: frozenset[str]) -> tuple[float, tuple[str, ...]]:
        found: tuple[float, tuple[str, ...]] = (0.0, ())
        for number, name in enumerate(each for each in asked if each not in before):
            rest, order = onward(before | {name})
            gained = rest + max((shares[teacher][name] for teacher in before), default=0.0)
            if not number or gained > found[0] + 1e-12:
                found = (gained, (name, *order))
        return found

    return onward(frozenset())[1]


def _teacher(order: Sequence[str], pupil: str, shares: Mapping[str, Mapping[str, float]]) -> str:
    """The best teacher before `pupil`."""
    return max(order[: order.index(pupil)], key=lambda name: shares[name][pupil])


def _noise(
    one: Sequence[str], other: Sequence[str], pupil: str, shares: Mapping[str, Any], errors: Mapping[str, Any]
) -> float:
    """Standard error of the difference that two orders make to one bucket; none where both give it the same teacher."""
    teachers = [_teacher(order, pupil, shares) if order[0] != pupil else None for order in (one, other)]
    if teachers[0] == teachers[1]:
        return 0.0
    return math.hypot(*(errors[teacher][pupil] for teacher in teachers if teacher is not None))


@contextmanager
def _opened(run: Run, name: str) -> Iterator[Learner]:
    """A bucket as a run opens it, seen by the plugins as a probe."""
    bucket = next(each for each in run.buckets if each.name == name)
    info = _probe_info(run, bucket)
    with always_clean_up(run, info):
        resources = run.hooks.on_bucket_start(info, resources_of(run, bucket, info))
        bucket.check(info, resources)
        with closing(bucket.open(info, resources)) as learner:
            yield learner
    release_memory()


def _train(run: Run, learner: Learner, name: str) -> None:
    bucket = next(each for each in run.buckets if each.name == name)
    info = _probe_info(run, bucket)
    for number in range(1, info.episodes + 1):
        if run.interrupted():
            raise Interrupted(run.store.directory)
        report = learner.run_episode()
        run.progress(f"probe of {name}: episode {number} of {info.episodes}, validation score {report.score:+.4f}")
        if run.hooks.on_episode_end(info, report):
            return


def _probe_info(run: Run, bucket: Bucket) -> BucketInfo:
    info = info_of(run, bucket)
    return evolve(info, episodes=math.ceil(PROBE_SHARE * info.episodes), probe=True)
