"""Lengths of bars, as exchanges write them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from progressive_core.contract.errors import ConfigError
from progressive_core.contract.suggest import did_you_mean

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_WRITTEN = re.compile(rf"([1-9]\d*)([{''.join(_UNITS)}])")


def seconds_of(timeframe: str) -> int | None:
    """Seconds of a length like "4h"; None where bars of it have no one length ("1M", a month) or it is none."""
    written = _WRITTEN.fullmatch(timeframe)
    return int(written[1]) * _UNITS[written[2]] if written else None


def checked_timeframe(timeframe: str, known: Sequence[str], exchange: str) -> str:
    """`timeframe`, which must be one of those that an exchange gives, and always as long.

    :raise ConfigError: it is not.
    """
    usable = [each for each in known if seconds_of(each) is not None]
    if timeframe not in usable:
        months = " Bars of a month or a year are not all as long." if timeframe in known else ""
        raise ConfigError(
            f"--timeframe {timeframe}: {exchange} gives no such bars.{months}{did_you_mean(timeframe, usable)} There are: "
            f"{', '.join(usable)}"
        )
    return timeframe


def timeframe_of(seconds: float, exchange: str, known: Sequence[str]) -> str:
    """How an exchange writes bars of that length.

    :raise ConfigError: it gives none.
    """
    for timeframe in known:
        if seconds_of(timeframe) == seconds:
            return timeframe
    raise ConfigError(
        f"{exchange} gives no bars of {seconds:g} seconds, which the model needs; it gives {', '.join(known)}. Give bars by --data"
    )
