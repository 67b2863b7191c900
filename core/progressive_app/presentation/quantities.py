"""How bytes, times and profits are written for people."""

from __future__ import annotations

import math


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


def share_text(share: float, digits: int = 0) -> str:
    """Write a share of 1 in percent: 28.5 %."""
    return f"{100 * share:.{digits}f} %" if math.isfinite(share) else "n/a"


def profit_text(log_return: float | None) -> str:
    """Write a net log return as profit in percent of the first equity, or beyond +1000 % as its multiple: +3.2 %, x138."""
    if log_return is None or not math.isfinite(log_return):
        return "n/a"
    percent = 100 * math.expm1(min(log_return, 300.0))
    if percent > 1000:
        multiple = 1 + percent / 100
        return f"x{multiple:.1f}" if multiple < 99.95 else f"x{multiple:,.0f}" if multiple < 1e6 else f"x{multiple:.0e}"
    return "0.0 %" if abs(percent) < 0.05 else f"{percent:+.1f} %"


def number(value: float, digits: int) -> str:
    """Write a number, a dash where there is none."""
    return f"{round(value, digits) + 0.0:.{digits}f}" if math.isfinite(value) else "-"


def with_error(value: float, error: float) -> str:
    """Write a number and its standard error: 1.1 (0.3)."""
    return f"{number(value, 1)} ({number(error, 1)})" if math.isfinite(error) else number(value, 1)
