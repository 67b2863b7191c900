"""Profit, in the one form in which people read it: per cent of the first equity. Records hold log returns, which add up."""

from __future__ import annotations

import math


def percent(log_return: float) -> float:
    """What a log return makes of the equity, in per cent: 100 * (exp(log_return) - 1); NaN where it is no number."""
    return 100 * math.expm1(min(log_return, 300.0)) if math.isfinite(log_return) else math.nan


def profit_text(log_return: float | None) -> str:
    """Write a log return, a score or a difference of two as profit: +3.2 %, +13,700 %."""
    return percent_text(percent(math.nan if log_return is None else log_return))


def percent_text(value: float) -> str:
    """Write per cent with their sign: +3.2 %, 0.0 %, with three digits from 1,000 on (+13,700 %), beyond a million +1.4e+08 %."""
    if not math.isfinite(value):
        return "n/a"
    if abs(value) >= 999.95:
        return f"{value:+.1e} %" if abs(value) >= 999_500 else f"{float(f'{value:.3g}'):+,.0f} %"
    return "0.0 %" if abs(value) < 0.05 else f"{value:+.1f} %"
