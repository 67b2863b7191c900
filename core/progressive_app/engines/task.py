"""What an engine runs, and what is reported of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

from attrs import frozen

EventKind = Literal["started", "progress", "finished", "failed", "lost", "skipped", "interrupted"]
Status = Literal["finished", "failed", "skipped", "interrupted"]


class Worker(Protocol):
    """What a task's function is handed, wherever it runs. `attempt` counts from 1: how often the task was begun."""

    @property
    def attempt(self) -> int:
        """1 where the task was not begun before."""

    def progress(self, line: str, /) -> None:
        """Report a line of text."""

    def wants_a_stop(self) -> bool:
        """Whether the function is to stop behind its next checkpoint, and to raise `Interrupted` then."""


@frozen(kw_only=True)
class Task:
    """A call of `function(worker, argument)`, made again when its worker is lost.

    The function must be able to: what was finished it returns, what was begun it goes on with.

    :param name: unique among the tasks, and shown.
    :param function: pickled by reference: a function of a module, or a `partial` of one. :param argument: JSON values and paths.
    :param after: names of tasks that must have finished before; of those that are not among the tasks it is taken as given.
    :param memory_needed: bytes that it will hold, by estimate, on its `device` ("cpu" or "cuda"); 0: unknown.
    """

    name: str
    function: Callable[[Worker, Any], Any]
    argument: Any = None
    after: tuple[str, ...] = ()
    memory_needed: int = 0
    device: str = "cpu"


@frozen(kw_only=True)
class TaskEvent:
    """What happened to a task: `line` says what, `worker` where; `seconds` since this attempt was begun.

    A lost worker costs one attempt: the task is begun again unless that was the last. A task is skipped when one that it comes
    after did not finish.
    """

    task: str
    kind: EventKind
    line: str = ""
    attempt: int = 1
    seconds: float = 0.0
    worker: str = ""


@frozen(kw_only=True)
class TaskEnd:
    """How a task ended: the `value` that its function returned, or the `error` that it raised; `seconds` are of its last attempt."""

    status: Status
    value: Any = None
    error: BaseException | None = None
    attempts: int = 0
    seconds: float = 0.0
