"""A stage of a sequence: its members train at the same time, each in a store of its own, and meet at the stage's end.

Each begins from what the run had finished before the stage, and nothing of a mate reaches it while it trains: so what is trained is the
same with however many workers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve

from progressive_app.config.app_settings import PLUGINS
from progressive_app.config.choices import CONSOLE, merged_choices
from progressive_app.engines.running import run_tasks
from progressive_app.engines.task import Task, TaskEvent, Worker
from progressive_app.json_values import json_values
from progressive_app.machine.logs import current_log, get_logger, has_progress, mark_as_shown
from progressive_app.processes.child import PROGRESS
from progressive_app.processes.ending import ending_marked
from progressive_app.processes.half_sizes import train_member
from progressive_app.processes.isolation import run_isolated, train_isolated, train_named
from progressive_app.processes.opened_run import OpenedRun, Outcome, with_run
from progressive_app.resume.members import begin_members, is_untouched, member_directory
from progressive_app.store.progress import read_progress
from progressive_app.store.run_store import RunStore, on_disk
from progressive_core.contract.protocols import Bucket
from progressive_core.engine.run import Interrupted, Run, info_of, resources_of
from progressive_studies.stages.crew import Crew, ShowsTasks
from progressive_studies.stages.merging import merge_member, stage_with

log = get_logger()


def train_with_stage(run: Run, bucket: Bucket, train: Callable[[Run, Bucket], None], crew: Crew) -> None:
    """`train(run, bucket)`; of a member of a stage that is not part of the run yet, train and merge the stage.

    :raise Interrupted: a stop was asked for; the run can be resumed.
    """
    finished = {result.bucket for result in run.store.progress.results}
    stage = stage_with(run, bucket.name)
    if len(stage) == 1 or bucket.name in finished:
        train(run, bucket)
        return
    if is_untouched(on_disk(run.store)):
        if crew.isolated:
            run_isolated(run, _check_data, "the process that was to check the data")
        else:
            _check_data(run)
    begin_members(on_disk(run.store), stage, run.settings)
    members = [each for each in run.buckets if each.name in stage and each.name not in finished]
    untrained = [each for each in members if not _is_trained(member_directory(run.store.directory, each.name))]
    _train_members(run, untrained, crew)
    for member in members:
        if run.interrupted():
            raise Interrupted(run.store.directory)
        if crew.isolated:
            train_isolated(run, member, merge_member)
        else:
            merge_member(run, member)


def _check_data(run: Run) -> None:
    """Have every bucket look at its data, as before the first bucket of a sequence."""
    for bucket in run.buckets:
        info = info_of(run, bucket)
        bucket.check(info, resources_of(run, bucket, info))


def _train_members(run: Run, members: Sequence[Bucket], crew: Crew) -> None:
    """Train members of a stage, each in its own store, until all are trained.

    :raise Interrupted: a stop was asked for. What one of them raised is raised when the others are trained.
    """
    shown: ShowsTasks | None = None

    def show(event: TaskEvent) -> None:
        if shown is not None:
            shown.on_event(event)
        if event.kind == "progress":
            run.progress(event.line)
        elif event.kind == "lost":
            log.warning("a worker was lost: its bucket goes on from its last checkpoint", reason=event.line)
            run.progress(f"{event.task}: {event.line}; going on from there")

    tasks = [_task_of(run, member, crew) for member in members]
    with ExitStack() as stack:
        if crew.view is not None and not crew.is_here:
            shown = stack.enter_context(crew.view([task.name for task in tasks]))
        ends = run_tasks(tasks, crew.engine, workers=crew.workers, interrupted=run.interrupted, on_event=show)
    for outcome in (end.value for end in ends.values() if isinstance(end.value, Outcome)):
        run.hooks.disable(*outcome.disabled)
        mark_as_shown(outcome.shown)
    if failed := next((end.error for end in ends.values() if end.error is not None), None):
        raise failed
    if any(end.status != "finished" for end in ends.values()):
        raise Interrupted(run.store.directory)


def _task_of(run: Run, member: Bucket, crew: Crew) -> Task:
    directory = member_directory(run.store.directory, member.name)
    if crew.is_here:
        train = partial(train_isolated, train=train_member) if crew.isolated else train_member
        here = partial(_train_here, run=run, member=member, train=train)
        return Task(name=member.name, function=here, argument=directory)
    log_file, shown = current_log()
    unwatched = merged_choices(run.settings[PLUGINS], [f"no:{CONSOLE}"])  # one terminal is not for several
    opened = OpenedRun(
        function=partial(_train_marked, name=member.name),
        directory=directory,
        settings=json_values({**run.settings, PLUGINS.key: unwatched}),
        device=run.device,
        compared={},
        disabled=run.hooks.disabled,
        log=log_file,
        shown=shown,
        on_episode=False,
        progress=has_progress(),
        strict=on_disk(run.store).strict,
    )
    needed = resources_of(run, member, info_of(run, member)).memory_needed
    device = run.device.partition(":")[0]
    return Task(name=member.name, function=_train_there, argument=opened, memory_needed=needed, device=device)


def _train_here(
    worker: Worker, directory: Path, run: Run, member: Bucket, train: Callable[[Run, Bucket], None]
) -> None:
    """In this process: train a member of a stage of `run` in its store at `directory`."""
    store = RunStore.open(directory, strict=on_disk(run.store).strict)
    try:
        with ending_marked(store, run.machine):
            train(evolve(run, store=store, progress=worker.progress, interrupted=worker.wants_a_stop), member)
    finally:
        store.close()


class _Listener:
    """The parent of a task's run: it hears of its lines of progress."""

    def __init__(self, worker: Worker) -> None:
        self.wants_a_stop = worker.wants_a_stop
        self._worker = worker

    def ask(self, message: str, value: Any = None) -> None:
        if message == PROGRESS:
            self._worker.progress(value)


def _train_there(worker: Worker, opened: OpenedRun) -> Outcome:
    """In a worker's process: train a member of a stage in its store, unless an attempt before has."""
    if _is_trained(opened.directory):
        return Outcome(disabled=opened.disabled, shown=opened.shown, interrupted=False)
    outcome = with_run(_Listener(worker), opened)
    if outcome.interrupted:
        raise Interrupted(opened.directory)
    return outcome


def _train_marked(run: Run, name: str) -> None:
    with ending_marked(run.store, run.machine):
        train_named(run, train_member, name)


def _is_trained(directory: Path) -> bool:
    """Whether the member whose store is at `directory` is trained to its end."""
    return directory.name in {result.bucket for result in read_progress(directory).results}
