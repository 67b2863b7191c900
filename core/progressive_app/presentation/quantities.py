"""How bytes, times, shares and numbers are written for people. Profit is in `progressive_core.contract.profit`."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from progressive_app.machine.terminal import one_line


def bytes_text(count: float) -> str:
    """Write a number of bytes with three digits: 512 B, 1.21 GB (decimal, as nvidia-smi and disks count)."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB"


def time_text(seconds: float) -> str:
    """Write a duration: 0:07, 12:30, 3:02:00."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def utc_text(moment: datetime | str) -> str:
    """Write a moment with its zone: 2024-05-01 12:00 UTC; seconds only where it has some.

    :param moment: UTC where it has no zone; a text in ISO form, which comes back as it is where it is in another.
    """
    if isinstance(moment, str):
        try:
            return utc_text(datetime.fromisoformat(moment))
        except (ValueError, OverflowError):
            return one_line(moment)
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return f"{utc:%Y-%m-%d %H:%M:%S}".removesuffix(":00") + " UTC"


def utc_text_of(milliseconds: int) -> str:
    """A time in milliseconds since 1970, as an exchange gives it, for people."""
    return utc_text(datetime.fromtimestamp(milliseconds / 1000, UTC))


def share_text(share: float, digits: int = 0) -> str:
    """Write a share of 1 in per cent: 28.5 %."""
    return f"{100 * share:.{digits}f} %" if math.isfinite(share) else "n/a"


def number(value: float, digits: int) -> str:
    """Write a number, a dash where there is none."""
    return f"{round(value, digits) + 0.0:.{digits}f}" if math.isfinite(value) else "-"


def with_error(value: float, error: float) -> str:
    """Write a number and its standard error: 1.1 (0.3)."""
    return f"{number(value, 1)} ({number(error, 1)})" if math.isfinite(error) else number(value, 1)
