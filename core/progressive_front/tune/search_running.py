"""A search from where it stands to its end: batches of trials, then fresh seeds, the choice, and its run on the test part.

All that is decided follows from the plan and from what runs in the search's directory came to, so that it can be gone on with after any kill.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from attrs import evolve, frozen

from progressive_app.config.app_settings import DEVICE
from progressive_app.engines.engine import Engine
from progressive_app.engines.running import run_tasks
from progressive_app.engines.task import Task, TaskEnd, TaskEvent
from progressive_app.quoting import show
from progressive_app.resume.resuming import registry_for
from progressive_core.contract.core_settings import SEED
from progressive_core.contract.errors import PluginError, RunError
from progressive_core.contract.setting import Settings
from progressive_core.engine.run import bucket_seed
from progressive_core.plugins.manager import Manager
from progressive_core.plugins.registry import Registry
from progressive_front.load_model import load_model
from progressive_front.study.planned_training import is_finished, tasks_of
from progressive_front.study.study_running import forget_prepared, study_at_work
from progressive_front.tune.trial_training import TrialTraining, tasks_of_runs, trial_task
from progressive_studies.search.asking import asked
from progressive_studies.search.choosing import Choice, Fresh, best_of, choice_of, deflated_t, paired_t
from progressive_studies.search.journal import Journal
from progressive_studies.search.pruning import floors
from progressive_studies.search.search_document import Found, is_searched, write_choices, write_search
from progressive_studies.search.search_plan import (
    BATCH,
    JOURNAL,
    BucketSearch,
    SearchPlan,
    fresh_seeds,
    planned_settings,
    search_of,
    study_name,
)
from progressive_studies.search.searching import Halves
from progressive_studies.search.space import Span, space_of
from progressive_studies.search.trial_runs import Arm, Place, SearchRuns, TrialRun, check_own, trial_of
from progressive_studies.search.tried import Trial
from progressive_studies.study.study_plan import RUNS, StudyPlan, check_inputs, run_directory


class Watch(Protocol):
    """What is shown of a search."""

    def tasks(
        self, names: Sequence[str], about: str, best: Trial | None, values: Mapping[str, Mapping[str, Any]]
    ) -> AbstractContextManager[Callable[[TaskEvent], object]]:
        """While tasks run: what takes their events. `about` says what they are for, `best` is the best trial before them; `values` are
        those of trials, by name."""

    def trial(self, about: BucketSearch, trial: Trial) -> None:
        """A trial has ended."""

    def choice(self, about: BucketSearch, choice: Choice) -> None:
        """It is decided whether the best trial's settings are adopted."""


class Unfinished(Exception):
    """Tasks did not finish: `ends` says how each ended."""

    def __init__(self, ends: dict[str, TaskEnd]) -> None:
        super().__init__(", ".join(ends))
        self.ends = ends


def run_search(
    directory: Path,
    plan: StudyPlan,
    engine: Engine,
    watch: Watch,
    *,
    workers: int = 1,
    strict: bool = False,
    interrupted: Callable[[], bool] = lambda: False,
) -> dict[str, TaskEnd]:
    """Go on with a begun search until it is finished.

    :param strict: as in `run_study`. :param interrupted: asked whether to stop behind the next checkpoints.
    :return: how tasks ended of which some did not finish; empty where the search is finished.
    :raise ProgressiveTrainingError: as `run_study`; and where a model cannot be measured, or a file cannot be written.
    """
    if is_searched(directory):
        return {}
    search = search_of(directory, plan)
    settings = planned_settings(directory, search)

    def train(
        tasks: Sequence[Task],
        about: str,
        best: Trial | None = None,
        values: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:
        with watch.tasks([task.name for task in tasks], about, best, values) as on_event:
            ends = run_tasks(tasks, engine, workers=workers, interrupted=interrupted, on_event=on_event)
        if any(end.status != "finished" for end in ends.values()):
            raise Unfinished(ends)

    with study_at_work(directory, plan, sorted((directory / RUNS).glob("*")), settings[DEVICE], strict=strict):
        registry = registry_for(settings, Manager())
        running = _Searching(directory.absolute(), search, settings, registry, watch, train, strict)
        try:
            running.to_the_end(plan)
        except Unfinished as stopped:
            return stopped.ends
        forget_prepared(directory)
    return {}


@frozen
class _Searching:
    """A search at work."""

    directory: Path
    search: SearchPlan
    settings: Settings
    registry: Registry
    watch: Watch
    train: Callable[..., None]
    strict: bool

    def to_the_end(self, plan: StudyPlan) -> None:
        """Search bucket after bucket, write what is chosen, and then let the choice read the test part.

        :raise Unfinished: something did not finish.
        """
        found: list[Found] = []
        places: list[Place] = []
        for about in self.search.buckets:
            found.append(self._search(about, SearchRuns(self.search, self.settings, tuple(places))))
            choice = found[-1].choice
            self.watch.choice(about, choice)
            arm: Arm = "choice" if choice.adopted else "incumbent"
            places.append(Place(trial=choice.best if choice.adopted else 0, arm=arm, settings=choice.settings))
        check_inputs(self.directory, plan)  # bars were read once more, to measure
        write_choices(self.directory, found)
        if any(place.settings for place in places):
            chosen = SearchRuns(self.search, self.settings, tuple(places)).of_choice()
            if not is_finished(self.directory, chosen):
                tasks = tasks_of(self.directory, [chosen], strict=self.strict)
                self.train(tasks, "the choice, which reads the test part")
            for about, place in zip(self.search.buckets, places, strict=True):
                check_own(self.directory, chosen, about.bucket, place.settings)
        write_search(self.directory, self.search, found)

    def _search(self, about: BucketSearch, runs: SearchRuns) -> Found:
        space = space_of(self.registry.bucket(about.bucket), about.space, self.settings)
        tried, choosing = self._try(about, space, runs)
        best = best_of(tried)
        fresh: tuple[Fresh, ...] = ()
        decide = partial(choice_of, tried)
        if best.number:
            fresh = self._fresh(about, runs, best)
            against = {each: paired_t([own], [choosing[0]]) for each, own in choosing.items() if each}
            t = against[best.number]
            decide = partial(decide, fresh, t, deflated_t(t, list(against.values()), len(tried)))
        return Found(about=about, space=space, runs=runs, tried=tried, fresh=fresh, choice=decide())

    def _try(
        self, about: BucketSearch, space: dict[str, Span], runs: SearchRuns
    ) -> tuple[list[Trial], dict[int, tuple[float, ...]]]:
        """The trials, batch after batch; each batch knows those before it and no more. And what the models of the finished ones earn
        on the half that chooses, in each block."""
        name = study_name(self.directory.name, about.bucket, self.search.buckets)
        journal = Journal(Path(self.search.storage or self.directory / JOURNAL), name, space)
        tried: list[Trial] = []
        choosing: dict[int, tuple[float, ...]] = {}
        try:
            while len(tried) < self.search.trials:
                batch = self._next(about.bucket, space, runs, tried, journal)
                if not batch:
                    break
                for number, values in batch.items():
                    journal.begin(number, values, [run.run.name for run in runs.of_trial(number, values)])
                self._train_batch(about, runs, tried, batch)
                for number, values in batch.items():
                    own = runs.of_trial(number, values)
                    trial = trial_of(self.directory, number, values, own)
                    assert trial is not None
                    if trial.status == "finished":
                        choosing[number] = self._halves(own).choosing
                        if math.isfinite(trial.score):  # it is of the weights alone, without what is chosen at the end
                            trial = evolve(trial, score=math.fsum(choosing[number]))
                    journal.tell(trial)
                    self.watch.trial(about, trial)
                    tried.append(trial)
        except BaseException:
            with suppress(RunError):
                journal.leave()
            raise
        return tried, choosing

    def _next(
        self, bucket: str, space: dict[str, Span], runs: SearchRuns, tried: Sequence[Trial], journal: Journal
    ) -> dict[int, dict[str, Any]]:
        """The values of the next batch's trials, by their numbers."""
        count = min(BATCH, self.search.trials - len(tried))
        values = asked(space, tried, count, bucket_seed(self.settings[SEED], bucket))
        if not tried:
            others = [each for each in values if each != runs.incumbent][: count - 1]
            return dict(enumerate([runs.incumbent, *journal.as_begun(1, others)]))
        return dict(enumerate(journal.as_begun(len(tried), values), len(tried)))

    def _train_batch(
        self, about: BucketSearch, runs: SearchRuns, tried: Sequence[Trial], batch: dict[int, dict[str, Any]]
    ) -> None:
        limits, tasks = floors(tried), []
        for number, values in batch.items():
            own = runs.of_trial(number, values)
            if trial_of(self.directory, number, values, own) is None:
                training = TrialTraining(study=self.directory, runs=own, floors=limits, strict=self.strict)
                tasks.append(trial_task(training, runs.name_of_trial(number)))
        if tasks:
            number, count = len(tried) // BATCH + 1, -(-self.search.trials // BATCH)
            best = best_of(tried) if tried else None
            named = {runs.name_of_trial(each): values for each, values in batch.items()}
            self.train(tasks, f"{about.bucket}, batch {number} of {count}", best, named)

    def _fresh(self, about: BucketSearch, runs: SearchRuns, best: Trial) -> tuple[Fresh, ...]:
        """What the incumbent and the best trial's settings earn with fresh seeds on the bars that were held back."""
        seeds = fresh_seeds(self.search)
        arms = [
            (runs.of_fresh("incumbent", seed, runs.incumbent), runs.of_fresh("choice", seed, best.values))
            for seed in seeds
        ]
        wanted = [run for seed in seeds for run in runs.ahead_of_fresh(seed)]
        wanted += [run for pair in arms for arm in pair for run in arm]
        if tasks := tasks_of_runs(self.directory, wanted, strict=self.strict):
            self.train(tasks, f"{about.bucket}, fresh seeds for trial {best.number} and the incumbent", best)
        for run in wanted:
            check_own(self.directory, run.run, run.bucket, about.space if run.bucket == about.bucket else ())
        return tuple(
            Fresh(seed=seed, incumbent=self._halves(incumbent).held_back, choice=self._halves(choice).held_back)
            for seed, (incumbent, choice) in zip(seeds, arms, strict=True)
        )

    def _halves(self, runs: Sequence[TrialRun]) -> Halves:
        bucket: Any = self.registry.bucket(runs[0].bucket)
        models = [load_model(run_directory(self.directory, run.run.name) / "models" / run.bucket) for run in runs]
        seed = runs[0].run.settings[SEED.key]  # a synthetic market is made from it
        settings = Settings({**self.settings, SEED.key: seed}, self.settings.declared)
        halves = bucket.halves(models, self.search.folds, settings)
        if not isinstance(halves, Halves) or not all(
            _are_numbers(each) for each in (halves.choosing, halves.held_back)
        ):
            raise PluginError(
                f"halves() of bucket {bucket.name}: expected Halves of finite numbers, got {show(halves)}"
            )
        return halves


def _are_numbers(blocks: Any) -> bool:
    return isinstance(blocks, tuple) and all(isinstance(each, int | float) and math.isfinite(each) for each in blocks)
