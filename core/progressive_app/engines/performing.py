"""Carry out an attempt at a task, in whichever process."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve, frozen

from progressive_app.engines.engine import Attempt, Ended
from progressive_app.locks.lease import Claim, claimed_by
from progressive_app.processes.failure import failure_of
from progressive_core.contract.errors import ProcessLost
from progressive_core.engine.run import Interrupted


@frozen
class _Worker:
    attempt: int
    progress: Callable[[str], None]
    wants_a_stop: Callable[[], bool]


def perform(
    attempt: Attempt, progress: Callable[[str], None], wants_a_stop: Callable[[], bool], *, leased: bool = False
) -> Ended:
    """Call the function of the task, and return how that ended.

    :param progress, wants_a_stop: those of the function's `Worker`. :param leased: runs are taken by a lease beside the file
        lock, for an engine of several machines.
    """
    task = attempt.task
    try:
        with claimed_by(Claim(session=attempt.session, attempt=attempt.number, leased=leased)):
            value = task.function(_Worker(attempt.number, progress, wants_a_stop), task.argument)
    except Interrupted:
        return Ended(task=task.name, status="interrupted")
    except ProcessLost as error:  # of a process that the function had started
        return Ended(task=task.name, status="lost", error=error)
    except (Exception, SystemExit) as error:  # noqa: BLE001  (whoever gets the task's end decides)
        return Ended(task=task.name, status="failed", error=error)
    return Ended(task=task.name, status="finished", value=value)


def perform_apart(
    attempt: Attempt, progress: Callable[[str], None], wants_a_stop: Callable[[], bool], *, leased: bool = False
) -> Ended:
    """`perform`, for another process to hear of: an error of ours or of Python stays what it is, any other becomes a
    `RemoteError`; its traceback is a note of it."""
    ended = perform(attempt, progress, wants_a_stop, leased=leased)
    if ended.error is None:
        return ended
    failure = failure_of(ended.error)
    error = failure.error()
    error.add_note(f"{attempt.task.name}, attempt {attempt.number}:\n{failure.traceback}")
    return evolve(ended, error=error)
