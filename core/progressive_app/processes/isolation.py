"""Work on a run in a spawned process: all memory that it held goes with it, and this process stays small.

The child opens the run's directory anew and takes over its lock. It waits for a reply after each line of progress and each
episode, so that the run is the same to the byte as one without, and stops at the same episode.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from progressive_app.json_values import json_values
from progressive_app.locks.lease import current_claim
from progressive_app.machine.device import resolve_device
from progressive_app.machine.logs import current_log, has_progress, mark_as_shown
from progressive_app.processes.child import EPISODE, PROGRESS, READY, STOP, Parent
from progressive_app.processes.opened_run import OpenedRun, Outcome, with_run
from progressive_app.processes.spawned import spawned
from progressive_app.store.run_store import on_disk
from progressive_core.contract.protocols import Bucket
from progressive_core.engine.run import Interrupted, Run


def train_isolated(run: Run, bucket: Bucket, train: Callable[[Run, Bucket], object]) -> None:
    """`train(run, bucket)` in a spawned process, as `run_isolated` calls it."""
    run_isolated(run, partial(train_named, train=train, name=bucket.name), f"{bucket.name}: its process")


def train_named(run: Run, train: Callable[[Run, Bucket], object], name: str) -> None:
    """`train` the bucket of that name."""
    train(run, next(bucket for bucket in run.buckets if bucket.name == name))


def run_isolated(run: Run, function: Callable[[Run], object], process_name: str) -> None:
    """`function(run)` in a spawned process; `run` is not to be used meanwhile.

    :param function: pickled, so it is a function of a module, or a `partial` of one. What it returns is dropped: what it is
        to leave, it commits to the run's store.
    :param process_name: opens the message about a process that was lost.
    :raise ProcessLost: the process ended without an answer. What `function` raised is raised here.
    """
    log, shown = current_log()
    opened = OpenedRun(
        function=function,
        directory=run.store.directory,
        settings=json_values(run.settings),
        device=run.device,
        compared=dict(run.compared),
        claim=current_claim(),
        disabled=run.hooks.disabled,
        log=log,
        shown=shown,
        on_episode=run.hooks.on_episode is not None,
        progress=has_progress(),
        strict=on_disk(run.store).strict,
    )
    with ExitStack() as stack:
        process = stack.enter_context(spawned(process_name, with_run, opened))

        def reply(message: str, value: Any) -> Any:
            if message == PROGRESS:
                run.progress(value)
            elif message == EPISODE:
                return run.hooks.ask_on_episode(value)
            elif message == READY:
                stack.enter_context(on_disk(run.store).lent())
                stack.callback(process.end)  # before the run is taken back
            return run.interrupted() if message == STOP else None

        outcome: Outcome = process.serve(reply)
    run.hooks.disable(*outcome.disabled)
    mark_as_shown(outcome.shown)
    if outcome.interrupted:
        raise Interrupted(run.store.directory)


def resolve_device_isolated(setting: str) -> str:
    """`resolve_device`, in a spawned process where that takes torch."""
    if setting == "cpu":
        return resolve_device(setting)
    with spawned("the process that was to look for a GPU", _resolve_device, setting) as process:
        return str(process.serve(lambda *_: None))


def _resolve_device(parent: Parent, setting: str) -> str:
    return resolve_device(setting)
