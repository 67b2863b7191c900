"""The arms of the transfer study: buckets trained from scratch, taught by others, and taught by teachers made to harm.

A pupil is a real learner, and what reaches it goes through the core's `transfer_knowledge` with the installed strategies, at
the moments at which a run transfers: before the first episode, every TRANSFER_COOLDOWN episodes, and backward when a
bucket is finished.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from time import thread_time

import torch
from attrs import evolve, field, frozen
from learnability import all_resources, alone, declared, filter_earns
from transfer_markets import DATA, ELSEWHERE, STUDIES, Ground, ground_of
from transfer_teachers import POISONS

from progressive_app.config.resolve import defaults
from progressive_app.discovery.installed_plugins import installed_registry
from progressive_app.discovery.listing import survey
from progressive_app.machine.local_machine import LocalMachine
from progressive_buckets.learner.learner import MarketLearner
from progressive_buckets.learner.opening import learner_on
from progressive_core.contract.records import LedgerEntry, Phase
from progressive_core.engine.run import bucket_seed
from progressive_core.engine.transfer import transfer_knowledge, wanted
from progressive_core.plugins.hooks import Hooks
from progressive_market.bars import Bars
from progressive_studies.curriculum import curriculum_of, probe, probe_episodes
from progressive_training import BucketInfo, Knowledge, Model, State, TransferContext

SCRATCH, AGAIN, DEFAULT = "scratch", "scratch, other seed", "default"
FOUND = "found order"
FIXED = ("Scalping", "Short", "Medium", "Long")
FIRST, *TAUGHT = FIXED
POISONED = "Medium"
"""The bucket that teachers made to harm are tried on."""


@frozen
class Task:
    """One market and seed, and the arms to train beside scratch."""

    market: str
    seed: int
    arms: tuple[str, ...]
    quick: bool
    data: Path = DATA


@frozen
class Trained:
    """One training: the validation score of the best weights so far, before it and after each episode, and what these
    earn on test, in points (hundredths of the ceiling; of log return on real bars)."""

    market: str
    seed: int
    arm: str
    bucket: str
    curve: tuple[float, ...] = field(repr=False)
    test: float
    teacher: str = ""
    entries: tuple[LedgerEntry, ...] = field(default=(), repr=False)
    seconds: float = 0.0
    spent: float = 0.0
    """Of these seconds, on transfers."""


@frozen
class Returned:
    """What a finished bucket earned on test, in points, before and after a later one taught it."""

    market: str
    seed: int
    arm: str
    bucket: str
    before: float
    after: float
    entries: tuple[LedgerEntry, ...] = field(default=(), repr=False)


@frozen
class Ordered:
    """The order that probes found on one market and seed, why, and the episodes that the probes took together."""

    market: str
    seed: int
    order: tuple[str, ...]
    reason: str
    episodes: int


Made = Trained | Returned | Ordered


@frozen(eq=False)
class Pupil:
    """A bucket's learner as it was opened, to train again and again from the same start."""

    learner: MarketLearner
    fresh: State
    ceiling: float


@frozen(eq=False)
class Finished:
    """What a training leaves behind."""

    trained: Trained
    knowledge: Knowledge
    model: Model


def studied(task: Task) -> Sequence[Made]:
    """Train all arms of one market and seed."""
    torch.set_num_threads(1)
    study, ground = STUDIES[task.market], ground_of(task.market, task.seed, task.quick, task.data)
    if study.poisoned:
        return poisoned(task, ground)
    return taught_by_one(task, ground, ground.teacher) if ground.teacher else chained(task, ground)


def chained(task: Task, ground: Ground) -> list[Made]:
    """Every bucket from scratch; then, for each arm, every bucket but the first taught by all before it."""
    pupils = {name: pupil_on(ground, name, task.seed) for name in FIXED}
    scratch = {name: finished(task, SCRATCH, pupil) for name, pupil in pupils.items()}
    made: list[Made] = [one.trained for one in scratch.values()]
    for arm in task.arms:
        if arm == FOUND:
            made += found_order(task, ground, scratch)
        else:
            made += taught_in_turn(task, arm, hooks_of(arm), pupils, scratch)
    return made


def taught_in_turn(
    task: Task, arm: str, hooks: Hooks, pupils: Mapping[str, Pupil], scratch: Mapping[str, Finished]
) -> list[Trained | Returned]:
    """The chain of one arm, in the order of the `pupils`."""
    first, *others = pupils
    chain, made = {first: scratch[first]}, list[Trained | Returned]()
    for name in others:
        if asks_forward(hooks):
            chain[name] = finished(task, arm, pupils[name], hooks, [one.knowledge for one in chain.values()])
            made.append(chain[name].trained)
        else:
            chain[name] = scratch[name]
        made += taught_back(task, arm, hooks, pupils, chain)
    return made


def found_order(task: Task, ground: Ground, scratch: Mapping[str, Finished]) -> list[Made]:
    """Probe the buckets as `--sequence auto` does. An order other than the fixed one is trained as the default arm is; the
    fixed one would come out as that did, to the bit."""

    @contextmanager
    def trained(name: str) -> Iterator[MarketLearner]:
        with untrained(name) as learner:
            for _ in range(learner.info.episodes):
                learner.run_episode()
            learner.keep_best()
            yield learner

    @contextmanager
    def untrained(name: str) -> Iterator[MarketLearner]:
        yield pupil_on(ground, name, task.seed, as_probe=True).learner

    found = curriculum_of(FIXED, probe(LocalMachine(), FIXED, trained, untrained))
    episodes = len(FIXED) * probe_episodes(ground.episodes)
    made: list[Made] = [Ordered(task.market, task.seed, found.sequence, found.reason, episodes)]
    if found.sequence != FIXED:
        pupils = {name: pupil_on(ground, name, task.seed, found.sequence) for name in found.sequence}
        made += taught_in_turn(task, FOUND, hooks_of(DEFAULT), pupils, scratch)
    return made


def taught_by_one(task: Task, ground: Ground, bars: Bars) -> list[Trained | Returned]:
    """Every bucket but the first from scratch, and taught by the first one alone, which learned from other `bars`."""
    foreign = evolve(ground, bars=bars, planted=None, settings=settings_of_teacher(ground))
    teacher = finished(task, SCRATCH, pupil_on(foreign, FIRST, task.seed)).knowledge
    made: list[Trained | Returned] = []
    for name in TAUGHT:
        pupil = pupil_on(ground, name, task.seed)
        made.append(finished(task, SCRATCH, pupil).trained)
        made += [finished(task, arm, pupil, hooks, [teacher]).trained for arm, hooks in forward(task.arms)]
    return made


def poisoned(task: Task, ground: Ground) -> list[Trained | Returned]:
    """One bucket from scratch twice, which shows how far luck goes, and taught by each of the teachers made to harm."""
    good = finished(task, SCRATCH, pupil_on(ground, FIRST, task.seed)).knowledge
    walk = evolve(ground, bars=ground_of_walk(task), planted=None)
    noise = finished(task, SCRATCH, pupil_on(walk, FIRST, task.seed)).knowledge
    pupil = pupil_on(ground, POISONED, task.seed)
    made: list[Trained | Returned] = [finished(task, SCRATCH, pupil).trained]
    other = evolve(pupil_on(ground, POISONED, task.seed + ELSEWHERE), ceiling=pupil.ceiling)
    made.append(finished(task, AGAIN, other).trained)
    for (arm, hooks), (name, poison) in product(forward(task.arms), POISONS.items()):
        teacher = poison(good, noise, task.seed)
        made.append(evolve(finished(task, arm, pupil, hooks, [teacher]).trained, teacher=name))
    return made


def ground_of_walk(task: Task) -> Bars:
    """A random walk with the same columns."""
    walk = ground_of("unrelated", task.seed, task.quick).teacher
    assert walk is not None
    return walk


def settings_of_teacher(ground: Ground) -> dict[str, object]:
    """Those of the pupil, but with the default's parts: a teacher has bars enough."""
    return {**ground.settings, "TEST_SHARE": defaults()["TEST_SHARE"]}


def pupil_on(ground: Ground, name: str, seed: int, order: tuple[str, ...] = FIXED, *, as_probe: bool = False) -> Pupil:
    """Open a bucket on a market, with the seed that a run would give it, to train or to be probed."""
    bucket = declared(name)
    info = evolve(
        alone(bucket, bucket_seed(seed, name), ground.settings),
        sequence=order,
        episodes=probe_episodes(ground.episodes) if as_probe else ground.episodes,
        probe=as_probe,
    )
    learner = learner_on(ground.bars, bucket, info, all_resources(ground.settings))
    learner.evaluator.ridge()  # a run fits it for its closing table anyway: no part of what a transfer costs
    ceiling = filter_earns(ground.planted, learner.split) if ground.planted else 1.0
    return Pupil(learner, learner.snapshot(), ceiling)


def finished(
    task: Task, arm: str, pupil: Pupil, hooks: Hooks | None = None, sources: Sequence[Knowledge] = ()
) -> Finished:
    """Train from the pupil's start, taught by `sources` through `hooks`, and return to the best weights."""
    learner, start = pupil.learner, thread_time()
    learner.restore(pupil.fresh)
    info, entries, spent = learner.info, list[LedgerEntry](), 0.0
    untrained, curve = 0.0, list[float]()
    for episode in range(info.episodes):
        if hooks and episode % info.settings["TRANSFER_COOLDOWN"] == 0:
            begun = thread_time()
            for source in sources:
                entries += offered(hooks, learner, source, "periodic" if episode else "initial", info)
            spent += thread_time() - begun
        if episode == 0:
            untrained = learner.validate()
            curve.append(untrained)
        learner.run_episode()
        curve.append(max(untrained, learner.progress.best_score))
    learner.keep_best()
    trained = Trained(
        market=task.market,
        seed=task.seed,
        arm=arm,
        bucket=info.name,
        curve=tuple(curve),
        test=points(pupil),
        entries=tuple(entries),
        seconds=thread_time() - start,
        spent=spent,
    )
    return Finished(trained, learner.knowledge(), learner.model())


def offered(
    hooks: Hooks, learner: MarketLearner, source: Knowledge, phase: Phase, info: BucketInfo
) -> list[LedgerEntry]:
    """What became of offering `source` to `learner`, as a run does it."""
    context = TransferContext(phase=phase, episode=learner.progress.episode, bucket=info)
    return transfer_knowledge(hooks, LocalMachine(), learner, source, context, all_resources(info.settings))


def taught_back(
    task: Task, arm: str, hooks: Hooks, pupils: Mapping[str, Pupil], chain: dict[str, Finished]
) -> list[Returned]:
    """Offer what the last of the `chain` learned to every bucket before it; what helps stands in the chain from then on."""
    if not wanted(hooks, "reverse"):
        return []
    *earlier, last = chain
    made = []
    for name in earlier:
        pupil = pupils[name]
        pupil.learner.restore(pupil.fresh)
        pupil.learner.load(chain[name].model)
        before = points(pupil)
        entries = offered(hooks, pupil.learner, chain[last].knowledge, "reverse", pupil.learner.info)
        after = points(pupil)
        if any(entry.verdict == "kept" for entry in entries):
            chain[name] = evolve(chain[name], knowledge=pupil.learner.knowledge(), model=pupil.learner.model())
        made.append(Returned(task.market, task.seed, arm, name, before, after, tuple(entries)))
    return made


def points(pupil: Pupil) -> float:
    """What the current weights earn on test, whether or not the model trades in use, in points."""
    learner = pupil.learner
    growth = learner.evaluator.growth(learner.policy(), learner.market.part(learner.split.test))
    return 100 * float(growth.sum()) / pupil.ceiling


def hooks_of(arm: str) -> Hooks:
    """The hooks of what is installed: as a run has them by default, or of the strategies alone that `arm` names
    (several are joined by +)."""
    if arm == DEFAULT:
        return Hooks(installed_registry((), defaults()["TRANSFERS"]))
    named = arm.split("+")
    others = [f"no:{name}" for name in installed() if name not in named]
    return Hooks(installed_registry((*others, *named), named))


def installed() -> tuple[str, ...]:
    """All transfer strategies, those that are off unless named as well."""
    return tuple(record.name for record in survey() if record.kind == "transfer")


def forward(arms: Sequence[str]) -> list[tuple[str, Hooks]]:
    """Those arms that teach a bucket which is to be trained, with their hooks."""
    return [(arm, hooks) for arm, hooks in ((arm, hooks_of(arm)) for arm in arms) if asks_forward(hooks)]


def asks_forward(hooks: Hooks) -> bool:
    """Whether any strategy teaches a bucket that is to be trained."""
    return bool(wanted(hooks, "initial") or wanted(hooks, "periodic"))
