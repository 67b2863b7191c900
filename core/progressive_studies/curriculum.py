"""Curriculum: the order of the sequence, found by training each bucket briefly and scoring it zero-shot on every other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cache
from typing import Any

from attrs import evolve, frozen

from progressive_app.config.app_settings import SEQUENCE
from progressive_app.config.resolve import with_settings
from progressive_app.config.stages import flat
from progressive_app.machine.logs import get_logger
from progressive_app.processes.isolation import run_isolated
from progressive_app.store.run_store import on_disk
from progressive_core.contract.machine import Machine
from progressive_core.contract.profit import profit_text
from progressive_core.contract.protocols import Bucket, Learner, trains
from progressive_core.contract.records import BucketInfo, Knowledge, Proof, Resources
from progressive_core.engine.proof import prove
from progressive_core.engine.run import Interrupted, Run, always_clean_up, info_of, resources_of

log = get_logger()

PROBE_SHARE, LEAST_EPISODES = 0.1, 4
"""The share of a bucket's episodes that its probe trains, and the fewest: with fewer than four the order was down to luck."""
STANDARD_ERRORS, OWN_T = 2.0, 2.0
"""By how many standard errors another order must be better than the one asked for, and a teacher than doing nothing; and the t
that a teacher must have where it learned, on bars that did not choose it."""


@frozen(kw_only=True)
class Curriculum:
    """The `sequence` that was found, and why: `reason` in words, and what was measured.

    `shares[teacher][pupil]` is how much of what the pupil's task is known to hold the briefly trained teacher earns in the
    pupil's place: its validation score over the best one that any probe had there, 0 where it may be luck. `errors` are
    their standard errors, in the same unit.
    """

    sequence: tuple[str, ...]
    reason: str
    shares: Mapping[str, Mapping[str, float]]
    errors: Mapping[str, Mapping[str, float]]


def order_isolated(run: Run) -> Run:
    """`order_by_probing`, in a process of its own."""
    run_isolated(run, order_by_probing, "the process that was to find the order")
    return _in_order(run, on_disk(run.store).documents.config["SEQUENCE"])


def order_by_probing(run: Run) -> Run:
    """Train every bucket briefly, and return the run in the order that this finds; the order is kept in its store.

    :raise Interrupted: a stop was asked for; the run can be resumed, and probes again.
    """
    buckets = {bucket.name: bucket for bucket in run.buckets}
    store = on_disk(run.store)
    sequence = flat(store.documents.manifest["sequence"])
    asked = tuple(name for name in sequence if trains(buckets[name]))
    behind = tuple(name for name in sequence if name not in asked)  # they make their models of finished ones
    # not the settings': a kill may have come after they got the order found
    run = evolve(run, buckets=[buckets[name] for name in sequence])
    allowed: dict[str, Resources] = {}
    found = curriculum_of(
        asked,
        probe(
            run.machine,
            asked,
            trained=lambda name: _trained(run, buckets[name], allowed),
            untrained=lambda name: _untrained(run, buckets[name], allowed),
        ),
    )
    found = evolve(found, sequence=(*found.sequence, *behind))
    run = _in_order(run, found.sequence)
    store.documents.settle_order(run.settings, found)
    message = f"sequence auto: {', '.join(found.sequence)}, {found.reason}"
    log.info(message)
    run.progress(message)
    return run


def _in_order(run: Run, sequence: Sequence[str]) -> Run:
    buckets = {bucket.name: bucket for bucket in run.buckets}
    settings = with_settings(run.settings, {"SEQUENCE": sequence})
    return evolve(run, buckets=[buckets[name] for name in flat(settings[SEQUENCE])], settings=settings)


def probe(
    machine: Machine,
    sequence: Sequence[str],
    trained: Callable[[str], AbstractContextManager[Learner]],
    untrained: Callable[[str], AbstractContextManager[Learner]],
) -> dict[str, dict[str, Proof]]:
    """The proof of each bucket's briefly trained model on every bucket, its own included: `proofs[teacher][pupil]`.

    One bucket is open at a time, each twice. Where no weight of a teacher fits, or its own t is below `OWN_T`, it has no proof.

    :param trained: opens a bucket's learner and trains it for as long as a probe may take. :param untrained: opens it.
    """
    teachers: list[Knowledge] = []
    for name in sequence:
        with trained(name) as learner:
            teachers.append(learner.knowledge())
    proofs: dict[str, dict[str, Proof]] = {name: {} for name in sequence}
    for pupil in sequence:
        with untrained(pupil) as learner:
            score, target = learner.validate(), learner.knowledge()
            for teacher in teachers:
                if (
                    not teacher.distrust
                    and teacher.t >= OWN_T
                    and (proof := prove(machine, learner, teacher, target, score))
                ):
                    proofs[teacher.origin][pupil] = proof
    return proofs


def probe_episodes(episodes: int) -> int:
    """The number of episodes of the probe of a bucket that is to train for `episodes`."""
    return max(LEAST_EPISODES, math.ceil(PROBE_SHARE * episodes))


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
            counts = proof is not None and held > 0 and proof.after > STANDARD_ERRORS * proof.error
            shares[teacher][pupil] = proof.after / held if proof and counts else 0.0
            errors[teacher][pupil] = proof.error / held if proof and counts else 0.0
    return shares, errors


def worth(order: Sequence[str], shares: Mapping[str, Mapping[str, float]]) -> float:
    """The worth of an order: the sum of the shares that the buckets are taught."""
    return sum(shares[_teacher(order, pupil, shares)][pupil] for pupil in order[1:])


def best_order(asked: tuple[str, ...], shares: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    """The order of the largest worth; of equal ones, the one that keeps the first places as asked.

    What a bucket can be taught depends on the set of buckets before it, not on their order, so the search is over sets: n
    2^n steps for n buckets (Held and Karp 1962).
    """

    @cache
    def best_rest(before: frozenset[str]) -> tuple[float, tuple[str, ...]]:
        found: tuple[float, tuple[str, ...]] = (0.0, ())
        for number, name in enumerate(each for each in asked if each not in before):
            rest, order = best_rest(before | {name})
            gained = rest + max((shares[teacher][name] for teacher in before), default=0.0)
            if not number or gained > found[0] + 1e-12:
                found = (gained, (name, *order))
        return found

    return best_rest(frozenset())[1]


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
def _trained(run: Run, bucket: Bucket, allowed: dict[str, Resources]) -> Iterator[Learner]:
    """A bucket's learner, briefly trained. Plugins see it as a probe; the resources that they allow go to `allowed`."""
    info = _probe_info(run, bucket)
    with always_clean_up(run, info):
        allowed[bucket.name] = run.hooks.on_bucket_start(info, resources_of(run, bucket, info))
        bucket.check(info, allowed[bucket.name])
        with closing(bucket.open(info, allowed[bucket.name])) as learner:
            _train(run, info, learner)
            yield learner


@contextmanager
def _untrained(run: Run, bucket: Bucket, allowed: Mapping[str, Resources]) -> Iterator[Learner]:
    """The same bucket's learner, untrained."""
    with closing(bucket.open(_probe_info(run, bucket), allowed[bucket.name])) as learner:
        yield learner
    run.machine.release_memory()


def _probe_info(run: Run, bucket: Bucket) -> BucketInfo:
    info = info_of(run, bucket)
    return evolve(info, episodes=probe_episodes(info.episodes), probe=True)


def _train(run: Run, info: BucketInfo, learner: Learner) -> None:
    for _ in range(info.episodes):
        if run.interrupted():
            raise Interrupted(run.store.directory)
        report = learner.run_episode()
        score = profit_text(report.score)
        run.progress(f"probe of {info.name}: episode {report.episode} of {info.episodes}, score {score}")
        if run.hooks.on_episode_end(info, report):
            break
    learner.keep_best()
