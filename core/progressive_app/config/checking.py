"""Checks one value from outside, and refuses it in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from progressive_app.config.flag_values import FlagText, value_of
from progressive_app.quoting import shortened, show
from progressive_core.contract.errors import ConfigError
from progressive_core.contract.kinds import Refused
from progressive_core.contract.setting import Setting


class _Checks(Protocol):
    @property
    def allowed(self) -> str: ...
    @property
    def check(self) -> Callable[[Any], Any]: ...


def checked(kind: _Checks, value: Any, what: str) -> Any:
    """`value` as the program uses it.

    :param kind: a setting, or a kind of value.
    :param what: where the value came from and what it is called, to open the line of an error.
    :raise ConfigError: it is not of this kind.
    """
    if isinstance(value, FlagText):
        value = value_of(kind, value) if isinstance(kind, Setting) else str(value)
    try:
        return kind.check(value)
    except Refused as refused:
        because = f": {shortened(str(refused))}" if str(refused) else ""
        raise ConfigError(f"{what} is {show(value)}, expected {kind.allowed}{because}") from None
