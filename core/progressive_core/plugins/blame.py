"""Calls a plugin's code, and describes in one printable line what it did wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

import structlog

from progressive_core.contract.errors import PluginError, printable

LONGEST = 300
"""Characters of a plugin's own words that one line repeats."""

Policy = Literal["stop", "disable", "warn"]
"""What PLUGIN_ERRORS may be."""
T = TypeVar("T")
log = structlog.get_logger("progressive_training")


def call_plugin(what: str, verdict: str, function: Callable[..., T], *arguments: object) -> T:
    """What `function`, which is a plugin's code, returns.

    :param what: whose code it is, and what it does, for messages. :param verdict: the words that follow when it fails.
    :raise PluginError: it raised any exception, SystemExit too. KeyboardInterrupt passes, since it is the user's: the run
        ends after its last checkpoint, and the log names the plugin that was interrupted.
    """
    try:
        return function(*arguments)
    except KeyboardInterrupt:
        log.warning("interrupted while a plugin was running", plugin=what)
        raise
    except BaseException as error:
        raise PluginError(f"{what} {verdict}: {describe_error(error)}") from error


def how_to_disable(*names: str) -> str:
    """How to run without plugins that failed, to be appended to an error message."""
    ways = [" ".join(f"-p no:{name}" for name in names), "--set PLUGIN_ERRORS=disable"]
    return f"(to go on without it: {', or '.join(filter(None, ways))})"


def describe_error(error: BaseException) -> str:
    """An exception's type and message, also where the message is long, has many lines, or cannot be had."""
    if isinstance(error, SystemExit):
        return f"it called sys.exit({'' if error.code is None else safe_repr(error.code)})"
    text = _rendered(str, error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def safe_repr(value: object) -> str:
    """`repr` of what a plugin answered or carries, bounded as in `describe_error`."""
    return _rendered(repr, value)


def one_line(text: str) -> str:
    """Text from a plugin on one line, as `printable` has it, cut at LONGEST."""
    words = printable(" ".join(text[: 2 * LONGEST].split()))
    return words if len(text) <= LONGEST and len(words) <= LONGEST else f"{words[: LONGEST - 3]}..."


def _rendered(render: Callable[[object], str], value: object) -> str:
    try:
        return one_line(render(value))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  (an object of a plugin's own may fail at this, too)
        return f"<a {type(value).__name__} whose {render.__name__}() raised {type(error).__name__}>"
