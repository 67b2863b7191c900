"""What a call takes for its time is given back when it is over, between whichever two lines it was interrupted.

Ctrl-C in a notebook may come while a lock is taken, in a `finally`, or in the line that leaves a `with`: the exception and all
objects of the call then live on. So how to undo a thing is noted before it is done. What a call has left is undone at its end,
and what is left even then (an interrupt in that very line) when the next call begins or takes a lock.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from types import CodeType, FrameType
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


class _Note:
    def __init__(self, call: FrameType, undo: Callable[[], object]) -> None:
        self.call, self.undo = call, undo


_noted: list[_Note] = []
_calls: set[CodeType] = set()


def undoes_all(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Of a function that a user calls: what it has taken is given back when it ends, however it does."""

    def call(*arguments: _P.args, **named: _P.kwargs) -> _R:
        undo_what_is_left()
        try:
            return function(*arguments, **named)
        finally:
            _undo_for(sys._getframe())

    _calls.add(call.__code__)
    return wraps(function)(call)


def note_undo(undo: Callable[[], object]) -> Callable[[], None]:
    """Note how to undo what is done next, for the call that this thread is in; outside of any nothing is noted.

    :param undo: may be called before it was done, several times, and from another thread.
    :return: to be called when it was undone.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code not in _calls:
        frame = frame.f_back
    if frame is None:
        return lambda: None
    note = _Note(frame, undo)
    _noted.append(note)
    return lambda: _forget(note)


@contextmanager
def undone_after(undo: Callable[[], object]) -> Iterator[None]:
    """Undo at the end of the context what is done in it.

    :param undo: as in `note_undo`.
    """
    forget = note_undo(undo)
    try:
        yield
    finally:
        undo()
        forget()


def _undo_for(call: FrameType) -> None:
    _undo([note for note in _noted if note.call is call])


def undo_what_is_left() -> None:
    """Undo what calls that are over have left."""
    _undo([note for note in _noted if _is_over(note.call)])


def _undo(notes: list[_Note]) -> None:
    for note in reversed(notes):
        with suppress(Exception):  # what cannot be undone must not hide how the call ended
            note.undo()
        _forget(note)


def _forget(note: _Note) -> None:
    with suppress(ValueError):  # another thread was faster
        _noted.remove(note)


def _is_over(call: FrameType) -> bool:
    """Whether a call has returned, or an exception has left it. Nothing else tells: its frame may be referenced by a traceback."""
    try:
        call.clear()  # drops the arguments of a call that is over, and nothing else is in this frame
    except RuntimeError:  # it is running, on whichever thread
        return False
    return True
