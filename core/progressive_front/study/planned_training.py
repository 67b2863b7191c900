"""One run of a study, wherever a worker trains it: begun, gone on with, or left as it is where it is finished."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, TextIO, cast

from attrs import evolve, frozen

from progressive_app.config.app_settings import DEVICE, PLUGINS, RUNS_DIR, SEQUENCE
from progressive_app.config.choices import merged_choices
from progressive_app.config.resolve import resolve_values, with_settings
from progressive_app.config.stages import flat
from progressive_app.engines.task import Task, Worker
from progressive_app.resume.inputs import planned_on
from progressive_app.resume.resuming import device_for, registry_for
from progressive_app.store.progress import STATE, status_of
from progressive_app.store.run_documents import Teacher
from progressive_core.contract.core_settings import BATCH_SIZE, PARALLEL_EPISODES, SEED
from progressive_core.contract.records import EpisodeReport, Resources, StopRequest
from progressive_core.contract.setting import Settings
from progressive_core.engine.run import bucket_info
from progressive_core.plugins.manager import Manager
from progressive_front.found_runs import Named, teachers_named
from progressive_front.trainer import ProgressiveTrainer
from progressive_studies.study.study_plan import PLAN, PlannedRun, read_plan, run_directory

LEFT_OUT = ("no:memory", "no:console")
"""Plugins that no run of a study has: sizes would follow the memory that others leave, and several runs share one terminal."""
CACHE_DIR = "CACHE_DIR"
"""The setting that names where prepared data is kept, if the plugin that has it takes part."""
CACHE = "cache"
"""The directory of prepared data that the runs of a study share, in that of the study."""
PROCESS_BYTES = 400 << 20
"""What a worker holds before it reads any bars: Python, torch and pandas."""


@frozen(kw_only=True)
class PlannedTraining:
    """A run of the study in the directory `study`, as a worker is handed it; `strict` as in `ProgressiveTrainer.resume`."""

    study: Path
    run: PlannedRun
    strict: bool = False


def fixed(settings: Settings, plugins: Sequence[str] = (), *, isolated: bool = True) -> Settings:
    """`settings` with all fixed that the machine could decide in the middle of a study: device, sizes and plugins.

    :param plugins: choices that follow those of PLUGINS. :param isolated: as in `device_for`. :raise ConfigError: a device is not there.
    """
    device = device_for(settings[DEVICE], isolated=isolated) if settings[DEVICE] == "auto" else settings[DEVICE]
    chosen = merged_choices(settings[PLUGINS], (*plugins, *LEFT_OUT))
    return with_settings(settings, {DEVICE.key: device, PLUGINS.key: chosen})


def is_finished(study: Path, run: PlannedRun) -> bool:
    """Whether the run is finished, its scratch arms included."""
    return status_of(run_directory(study, run.name)) == "finished"


def train_planned(worker: Worker, training: PlannedTraining) -> None:
    """Train one run to its end: an ordinary run, with every line of its progress reported.

    :raise Interrupted: the worker wants a stop. :raise ProgressiveTrainingError: as `ProgressiveTrainer` does.
    """
    if not is_finished(training.study, training.run):
        train_as_planned(worker, training)


def train_as_planned(
    worker: Worker,
    training: PlannedTraining,
    answer: Callable[[EpisodeReport], StopRequest | None] = lambda _: None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Begin a run, or go on with it where it is begun, as `train_planned`.

    :param answer: gets the report of each episode, and may ask for an end. :param changes: settings that a begun run goes on with.
    """
    study, run = training.study, training.run
    directory = run_directory(study, run.name)

    def stop_where_asked(report: EpisodeReport) -> StopRequest | None:
        if worker.wants_a_stop():
            trainer.interrupt()
        return answer(report)

    with _printed_as_progress(worker.progress) as progress:
        settings = _with_shared_cache(resolve_values(run.settings, f"{study / PLAN}: {run.name}"), study)
        trainer = ProgressiveTrainer(progress, settings=settings, run_dir=directory, on_episode=stop_where_asked)
        if (directory / STATE).is_file():
            silent = (lambda _: None) if changes else None  # that a copy differs from its base is what was asked for
            trainer.resume(changes, scratch_arms=run.scratch_arms, strict=training.strict, on_message=silent)
        else:
            teachers = [evolve(teacher, run=str(study / teacher.run)) for teacher in run.teachers]
            with planned_on(read_plan(study).inputs):
                trainer.train_progressively(scratch_arms=run.scratch_arms, transfer_from=teachers)


def _with_shared_cache(settings: Settings, study: Path) -> Settings:
    """`settings` with prepared data in the directory of the study, where nobody named another: its runs prepare the same."""
    has_own = settings.get(CACHE_DIR, "") is None
    return with_settings(settings, {CACHE_DIR: str(study / CACHE)}) if has_own else settings


class _Printed(io.TextIOBase):
    """Reports each whole line that is written to it."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report, self._begun = report, ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in filter(str.strip, lines):
            self._report(line)
        return len(text)


@contextmanager
def _printed_as_progress(report: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """Within it, warnings and what else this process prints are lines of progress: several runs share one terminal.

    Yields `report` for other lines. What whoever gets a line prints in turn, in this process, is printed and no progress.
    """
    before = sys.stdout, sys.stderr

    def reported(line: str) -> None:
        with redirect_stdout(before[0]), redirect_stderr(before[1]):
            report(line)

    out, err = (cast("TextIO", _Printed(reported)) for _ in before)
    with redirect_stdout(out), redirect_stderr(err):
        yield reported


def tasks_of(study: Path, runs: Sequence[PlannedRun], *, strict: bool = False) -> list[Task]:
    """A task for each of the runs.

    :param strict: as in `PlannedTraining`.
    """
    needed: dict[str, int] = {}
    tasks = []
    for run in runs:
        alike = json.dumps({**run.settings, SEED.key: None}, sort_keys=True)
        if alike not in needed:
            needed[alike] = bytes_needed(study, run)
        task = Task(
            name=run.name,
            function=train_planned,
            argument=PlannedTraining(study=study.absolute(), run=run, strict=strict),
            after=run.after,
            memory_needed=needed[alike],
            device=run.settings[DEVICE.key].partition(":")[0],
        )
        tasks.append(task)
    return tasks


def check_settings(settings: Settings) -> None:
    """Check that the plugins and buckets which `settings` name are there.

    :raise PluginError: one cannot be used. :raise ConfigError: a setting names a bucket that is not installed.
    """
    registry_for(settings, Manager())


def named_teachers(names: Sequence[Named], settings: Settings) -> tuple[Teacher, ...]:
    """The finished models that teach in every run, found in the RUNS_DIR of `settings`.

    :raise PluginError: there is no such bucket. :raise RunError: no run has finished it. :raise ModelError: a file is no model.
    """
    return tuple(teachers_named(names, Path(settings[RUNS_DIR]), registry_for(settings, Manager())) if names else ())


def bytes_needed(study: Path, run: PlannedRun) -> int:
    """What training the run will hold at most, by the estimates of its buckets."""
    settings = resolve_values(run.settings, f"{study / PLAN}: {run.name}")
    registry = registry_for(settings, Manager())
    most = 0
    sequence = flat(settings[SEQUENCE])
    for name in sequence:
        info = bucket_info(settings, registry.bucket(name), sequence, run_directory(study, run.name))
        own: Any = info.settings
        sizes = Resources(device="cpu", parallel_episodes=own[PARALLEL_EPISODES], batch_size=own[BATCH_SIZE])
        most = max(most, registry.bucket(name).memory_needed(info, sizes))
    return PROCESS_BYTES + most
