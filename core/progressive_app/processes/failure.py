"""How an error crosses from one process to another: ours and Python's own by class and arguments, any other as text."""

from __future__ import annotations

import builtins
import traceback
from pathlib import Path
from typing import Any

from attrs import frozen

from progressive_core.contract import errors
from progressive_core.plugins.blame import describe_error

_CLASSES_OF = {errors.__name__, builtins.__name__}
_PLAIN = {str, bytes, int, float, type(None), type(Path())}


class RemoteError(RuntimeError):
    """An error of another process, as text: its class may not be known here."""


@frozen(kw_only=True)
class Failure:
    """What is sent of an error: enough to raise it again."""

    kind: type[BaseException]
    arguments: tuple[Any, ...]
    cause: Failure | None
    traceback: str

    def error(self) -> BaseException:
        """The error, with its cause."""
        error = self.kind(*self.arguments)
        error.__cause__ = self.cause.error() if self.cause else None
        return error


def failure_of(error: BaseException, *, with_cause: bool = True) -> Failure:
    """What is sent of `error`, and of the one that it was raised from."""
    kind: type[BaseException] = RemoteError
    arguments: tuple[Any, ...] = (describe_error(error),)
    if type(error).__module__ in _CLASSES_OF:
        own = error.__reduce__()[1]  # as pickle would: of an OSError with the file's name
        if isinstance(own, tuple) and {type(each) for each in own} <= _PLAIN:
            kind, arguments = type(error), own
    cause = error.__cause__ if with_cause else None
    return Failure(
        kind=kind,
        arguments=arguments,
        cause=failure_of(cause, with_cause=False) if cause is not None else None,
        traceback="".join(traceback.format_exception(error)),
    )
