"""One trial of a search, wherever a worker trains it: its folds one after the other, until it lags behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen

from progressive_app.config.app_settings import DEVICE
from progressive_app.config.resolve import resolve_values
from progressive_app.engines.task import Task, Worker
from progressive_app.locks.lock import one_at_a_time
from progressive_app.resume.fork import copy_run
from progressive_app.resume.manifest import plugins_of
from progressive_app.resume.resuming import registry_for
from progressive_app.store.progress import STATE
from progressive_core.contract.records import EpisodeReport, StopRequest
from progressive_core.plugins.manager import Manager
from progressive_front.study.planned_training import CACHE, PlannedTraining, bytes_needed, train_as_planned
from progressive_front.study.task_table import PRINTED
from progressive_studies.search.pruning import lags
from progressive_studies.search.trial_runs import LAGS, TrialRun, is_given_up, result_of
from progressive_studies.study.study_plan import run_directory


@frozen(kw_only=True)
class TrialTraining:
    """The `runs` of one trial in the search at `study`, in their order. `floors`: the score below which it is given up, by episode;
    `strict` as in `ProgressiveTrainer.resume`."""

    study: Path
    runs: tuple[TrialRun, ...]
    floors: tuple[float, ...] = ()
    strict: bool = False


def train_trial(worker: Worker, training: TrialTraining) -> None:
    """Train the runs of a trial that are not finished; none after one in which it was given up.

    :raise Interrupted: the worker wants a stop. :raise ProgressiveTrainingError: as `ProgressiveTrainer` does.
    """
    episodes, score = 0, 0.0
    for fold, run in enumerate(training.runs, 1):

        def answer(report: EpisodeReport, episodes: int = episodes, score: float = score) -> StopRequest | None:
            lagging = lags(training.floors, episodes + report.episode, score + report.best_score)
            return StopRequest(LAGS) if lagging else None

        result = result_of(training.study, run)
        if result is None:
            _copy_base(training.study, run)
            planned = PlannedTraining(study=training.study, run=run.run, strict=training.strict)
            train_as_planned(_of_fold(worker, fold, len(training.runs)), planned, answer, run.changes)
            result = result_of(training.study, run)
        assert result is not None
        if is_given_up(result):
            return
        episodes, score = episodes + result.episodes, score + result.best_score


@frozen
class _OfFold:
    attempt: int
    progress: Callable[[str], None]
    wants_a_stop: Callable[[], bool]


def _of_fold(worker: Worker, fold: int, folds: int) -> Worker:
    """A worker whose lines say which fold they are of, where there are several."""
    if folds == 1:
        return worker

    def progress(line: str) -> None:
        worker.progress(line if line.startswith(PRINTED) else f"fold {fold} of {folds}: {line}")

    return _OfFold(worker.attempt, progress, worker.wants_a_stop)


def _copy_base(study: Path, run: TrialRun) -> None:
    """Make a run that is to go on from another one its copy, unless it is begun."""
    new, base = run_directory(study, run.run.name), run_directory(study, run.base)
    if not run.base or (new / STATE).is_file():
        return
    registry = registry_for(resolve_values(run.run.settings, f"{new}"), Manager())
    with one_at_a_time(study / CACHE / run.base):  # copying locks what is copied, and other trials have the same base
        shutil.rmtree(new, ignore_errors=True)  # a copy that a kill cut short
        copy_run(base, new, plugins_of(registry.records))


def trial_task(training: TrialTraining, name: str) -> Task:
    """The task of a trial, `name` in what is shown. It comes after the runs that its own go on from, where these are tasks too."""
    first = training.runs[0].run
    return Task(
        name=name,
        function=train_trial,
        argument=training,
        memory_needed=bytes_needed(training.study, first),
        device=first.settings[DEVICE.key].partition(":")[0],
    )


def tasks_of_runs(study: Path, runs: Sequence[TrialRun], *, strict: bool) -> list[Task]:
    """A task for each of the runs that is not finished, to be trained whole, each after that which it goes on from."""
    return [
        Task(
            name=run.run.name,
            function=train_trial,
            argument=TrialTraining(study=study, runs=(run,), strict=strict),
            after=run.run.after,
            memory_needed=bytes_needed(study, run.run),
            device=run.run.settings[DEVICE.key].partition(":")[0],
        )
        for run in runs
        if result_of(study, run) is None
    ]
