"""Tasks and the engines that run them, for a program that has tasks of its own, and for an engine of yours.

`run_tasks` runs tasks on an engine; names load on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from progressive_app.engines.engine import Attempt as Attempt
    from progressive_app.engines.engine import Ended as Ended
    from progressive_app.engines.engine import Engine as Engine
    from progressive_app.engines.engine import Line as Line
    from progressive_app.engines.engine import Message as Message
    from progressive_app.engines.named import engine_named as engine_named
    from progressive_app.engines.performing import perform as perform
    from progressive_app.engines.performing import perform_apart as perform_apart
    from progressive_app.engines.running import run_tasks as run_tasks
    from progressive_app.engines.slots import slots_for as slots_for
    from progressive_app.engines.task import Task as Task
    from progressive_app.engines.task import TaskEnd as TaskEnd
    from progressive_app.engines.task import TaskEvent as TaskEvent
    from progressive_app.engines.task import Worker as Worker

_HOME = {
    "Attempt": "progressive_app.engines.engine",
    "Ended": "progressive_app.engines.engine",
    "Engine": "progressive_app.engines.engine",
    "Line": "progressive_app.engines.engine",
    "Message": "progressive_app.engines.engine",
    "engine_named": "progressive_app.engines.named",
    "perform": "progressive_app.engines.performing",
    "perform_apart": "progressive_app.engines.performing",
    "run_tasks": "progressive_app.engines.running",
    "slots_for": "progressive_app.engines.slots",
    "Task": "progressive_app.engines.task",
    "TaskEnd": "progressive_app.engines.task",
    "TaskEvent": "progressive_app.engines.task",
    "Worker": "progressive_app.engines.task",
}
__all__ = sorted(_HOME)  # noqa: PLE0605  (one list, kept in _NAMES)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
