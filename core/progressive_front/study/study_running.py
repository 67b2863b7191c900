"""A study's directory: begun with its plan, its unfinished runs trained on an engine, and closed to a second process meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from progressive_app.config.app_settings import DEVICE
from progressive_app.engines.engine import Engine
from progressive_app.engines.running import run_tasks
from progressive_app.engines.task import TaskEnd, TaskEvent
from progressive_app.locks.lease import LEASE
from progressive_app.locks.lock import LOCK, lock_run
from progressive_app.machine.durable_files import make_directory
from progressive_app.machine.environment import Environment, environment_here
from progressive_app.machine.logs import get_logger
from progressive_app.store.environments import Environments
from progressive_app.store.progress import read_progress
from progressive_core.contract.errors import RunError
from progressive_front.study.planned_training import CACHE, is_finished, tasks_of
from progressive_studies.study.study_plan import PLAN, StudyPlan, check_inputs, run_directory, studies_in, write_plan

TICK = 2_000_000_000
"""Nanoseconds: the coarsest that a file system tells times apart by."""

log = get_logger()


def begin_study(directory: Path, plan: StudyPlan, noun: str = "study") -> None:
    """Make the directory of a study, and write its plan there.

    :param noun: what it is called in messages. :raise RunError: a study is there, or something else, or it cannot be made.
    """
    if (directory / PLAN).is_file():
        raise RunError(
            f"{directory}: a {noun} of this name is there; go on with it with --resume, or choose another name"
        )
    try:
        make_directory(directory)
        if any(path.name not in {LOCK, LEASE} and not path.name.endswith(".partial") for path in directory.iterdir()):
            raise RunError(f"{directory}: not an empty directory; choose another name for the {noun}")
    except OSError as error:
        raise RunError(f"{directory}: cannot create a {noun} here ({error.strerror})") from error
    write_plan(directory, plan)
    _put_in_order(directory)


def _put_in_order(directory: Path) -> None:
    """Make the plan of a study that begins newer than those beside it, where the clock was set back: --resume takes the newest."""
    others = [study / PLAN for study in studies_in(directory.parent) if study != directory]
    newest = max((plan.stat().st_mtime_ns for plan in others), default=0)
    if (directory / PLAN).stat().st_mtime_ns <= newest:
        with suppress(OSError):
            os.utime(directory / PLAN, ns=(newest + TICK, newest + TICK))


def run_study(
    directory: Path,
    plan: StudyPlan,
    engine: Engine,
    *,
    workers: int = 1,
    strict: bool = False,
    interrupted: Callable[[], bool] = lambda: False,
    on_event: Callable[[TaskEvent], object],
) -> dict[str, TaskEnd]:
    """Train every run of a begun study that is not finished, and return how each of these ended, by name.

    :param strict: refuse to, here or in a worker, where runs were trained in another environment; else a warning says so.
    :raise DataError: a file that the study rests on is gone. :raise RunError: one has changed, another process runs the study, or
        (`strict`) the environment is another one.
    """
    unfinished = [run for run in plan.runs if not is_finished(directory, run)]
    begun = [run_directory(directory, run.name) for run in plan.runs] if unfinished else []
    device = plan.runs[0].settings[DEVICE.key] if begun else "cpu"
    with study_at_work(directory, plan, begun, device, strict=strict):
        tasks = tasks_of(directory, unfinished, strict=strict)
        ends = run_tasks(tasks, engine, workers=workers, interrupted=interrupted, on_event=on_event)
        if all(end.status == "finished" for end in ends.values()):
            forget_prepared(directory)
    return ends


@contextmanager
def study_at_work(
    directory: Path, plan: StudyPlan, begun: Sequence[Path], device: str, *, strict: bool
) -> Iterator[None]:
    """Hold the study while its runs are trained, once its files are what they were and the environment is compared.

    :param begun: runs that were trained before, where they were: some need not be there. :param device: that of the runs.
    :raise ProgressiveTrainingError: as `run_study`.
    """
    with _locked(directory):
        check_inputs(directory, plan)
        if begun:
            _compare_environments(directory, begun, device, strict=strict)
        yield


def forget_prepared(directory: Path) -> None:
    """Remove the prepared data of a study; a later run that wants some prepares it again."""
    shutil.rmtree(directory / CACHE, ignore_errors=True)


def _compare_environments(directory: Path, runs: Sequence[Path], device: str, *, strict: bool) -> None:
    """Warn where runs of the study were trained in another environment than this one.

    :raise RunError: there are some, and `strict` is set.
    """
    last: list[Environment] = []
    for run in runs:
        with suppress(RunError):  # not begun, or damaged: its own training says so
            last.append(Environments(run).last(read_progress(run)))
    packages = {name for each in last for name in each.versions}
    here = environment_here(device, packages) if last else Environment()
    others = list(filter(None, ("; ".join(each.changes_to(here)) for each in last)))
    if others:
        changes = " and ".join(dict.fromkeys(others))
        line = f"{directory}: {len(others)} of its runs were trained in another environment than this one: {changes}"
        if strict:
            raise RunError(f"{line}. Go on in that one, or without --strict")
        line += "; runs that are compared may differ by that too"
        log.warning(line)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    lock = lock_run(directory, "at work on this study")
    try:
        yield
    finally:
        with suppress(OSError):
            (directory / LOCK).unlink()  # while it is held: afterwards it may be the lock of the next process
        lock.release()
