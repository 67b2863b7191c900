"""What a plugin did wrong, told in one line that can be printed, whatever it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

import structlog

from progressive_core.contract.errors import PluginError

LONGEST = 300
"""Characters of a plugin's own words that one line repeats."""

Policy = Literal["stop", "disable", "warn"]
"""What PLUGIN_ERRORS may be."""
T = TypeVar("T")
log = structlog.get_logger("progressive_training")


def blamed(what: str, verdict: str, function: Callable[..., T], *arguments: object) -> T:
    """What `function`, which is a plugin's code, answers.

    :param what: whose code it is, and what it is to do. :param verdict: the words that follow when it fails.
    :raise PluginError: it raised anything at all, `sys.exit()` too. KeyboardInterrupt passes: that is the user's word,
        and whoever raises it only ends the run behind its last checkpoint. The log then says where it came up.
    """
    try:
        return function(*arguments)
    except KeyboardInterrupt:
        log.warning("stopped while a plugin was at work", plugin=what)
        raise
    except BaseException as error:
        raise PluginError(f"{what} {verdict}: {told(error)}") from error


def without(*names: str) -> str:
    """How to go on without plugins that failed, to follow what is wrong with them."""
    ways = [" ".join(f"-p no:{name}" for name in names), "--set PLUGIN_ERRORS=disable"]
    return f"(to go on without it: {', or '.join(filter(None, ways))})"


def told(error: BaseException) -> str:
    """An exception's type and message, also where the message is long, has many lines, or cannot be had."""
    if isinstance(error, SystemExit):
        return f"it called sys.exit({'' if error.code is None else shown(error.code)})"
    text = _rendered(str, error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def shown(value: object) -> str:
    """`repr` of what a plugin answered or carries, as bounded as what `told` tells."""
    return _rendered(repr, value)


def one_line(text: str) -> str:
    """Text of a plugin's own without line ends, without what would move a terminal's cursor, and not too long."""
    start = text[: 2 * LONGEST]
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in start).split())
    return words if len(text) <= LONGEST and len(words) <= LONGEST else f"{words[: LONGEST - 3]}..."


def _rendered(render: Callable[[object], str], value: object) -> str:
    try:
        return one_line(render(value))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  (an object of a plugin's own may fail at this, too)
        return f"<a {type(value).__name__} whose {render.__name__}() raised {type(error).__name__}>"
