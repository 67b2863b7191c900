"""An error in words, to be raised again in another process: nothing of its own is pickled, since not all of it could be."""

from __future__ import annotations

import builtins
import traceback
from contextlib import suppress
from typing import Any

from attrs import frozen

from progressive_core.contract import errors
from progressive_core.plugins.blame import told

_KNOWN = {errors.__name__, builtins.__name__}
_CAUSES = 5
"""How many of an error's causes go with it: Python lets them go round in a circle."""


@frozen(kw_only=True)
class Failure:
    """An error in words: the names of its class and of those it is derived from, which both sides know."""

    kinds: tuple[str, ...]
    arguments: tuple[Any, ...]
    cause: Failure | None
    traceback: str

    def error(self) -> BaseException:
        """The error as it was, or the nearest one that can be made from what is known of it."""
        made = BaseException(*self.arguments)
        for kind in self.kinds:
            with suppress(TypeError):  # it takes other arguments, as ExceptionGroup does
                made = (getattr(errors, kind, None) or getattr(builtins, kind))(*self.arguments)
                break
        made.__cause__ = self.cause.error() if self.cause else None
        return made


def failure_of(error: BaseException, causes: int = _CAUSES) -> Failure:
    """An error in words."""
    known = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ in _KNOWN]
    exact = type(error).__module__ in _KNOWN
    plain = all(isinstance(each, str | bytes | int | float | None) for each in error.args)
    arguments = error.args if exact and plain else (told(error),)
    if isinstance(error, OSError) and exact and error.filename is not None:
        arguments = (error.errno, error.strerror, str(error.filename))
    return Failure(
        kinds=tuple(known),
        arguments=arguments,
        cause=failure_of(error.__cause__, causes - 1) if error.__cause__ is not None and causes else None,
        traceback="".join(traceback.format_exception(error)),
    )
