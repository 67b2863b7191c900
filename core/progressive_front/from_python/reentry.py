"""A trainer that one of its own callbacks calls: its `run_dir` is that of the inner run meanwhile, and then the outer one's again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Protocol

from progressive_app.machine.undoing import undone_after


class HasRun(Protocol):
    """A trainer."""

    run_dir: Path | None


_Runs = tuple[tuple[HasRun, Path], ...]
_in_training: ContextVar[_Runs] = ContextVar("trainers and their runs, inner ones last", default=())


def outer_run(trainer: HasRun) -> Path | None:
    """The directory of the run that `trainer` is in the middle of, in this context."""
    return next((directory for other, directory in reversed(_in_training.get()) if other is trainer), None)


@contextmanager
def training_in(trainer: HasRun, directory: Path, at_end: Callable[[], None]) -> Iterator[None]:
    """Within it, the run of `trainer` is in `directory`.

    :param at_end: called when the trainer is in the middle of no run any more.
    """
    outer = _in_training.get()
    with undone_after(partial(_back_to, outer, trainer, at_end)):
        _in_training.set((*outer, (trainer, directory)))
        trainer.run_dir = directory
        yield


def _back_to(outer: _Runs, trainer: HasRun, at_end: Callable[[], None]) -> None:
    _in_training.set(outer)
    if (directory := outer_run(trainer)) is not None:
        trainer.run_dir = directory
    else:
        at_end()
