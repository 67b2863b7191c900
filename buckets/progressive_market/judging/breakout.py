"""A slow breakout rule, long or flat (Donchian): the simple rule that a model of slow trends has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import torch

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_market.market import Market, Part

DAYS = 40.0
"""Long above the highest close of so many days before, flat below the lowest of half as many."""
LEAST_SPANS = 5
"""Where the bars hold fewer spans of `DAYS` than this, the span is the part of them that they hold so often."""
DAY = 24 * 3600


def breakout_spans(market: Market) -> tuple[int, int]:
    """Bars of the highest close that is to be passed, and of the lowest."""
    enter = min(DAYS * DAY / market.interval, len(market.closes) / LEAST_SPANS)
    return max(2, round(enter)), max(1, round(enter / 2))


def breakout_name(market: Market) -> str:
    """What the rule is called, with its spans in days."""
    enter, leave = (bars * market.interval / DAY for bars in breakout_spans(market))
    return f"breakout {enter:.2g}/{leave:.2g} days"


def breakout(part: Part, market: Market) -> Tensor:
    """Signed positions [N] of the rule on `part`, decided on each bar's close from closes before, across gaps too."""
    enter, leave = breakout_spans(market)
    close = pd.Series(market.closes[: part.start + len(part)])
    above, below = close.rolling(enter).max().shift(1), close.rolling(leave).min().shift(1)
    turns = pd.Series(float("nan"), close.index).mask(close > above, 1.0).mask(close < below, 0.0)
    held = turns.ffill().fillna(0.0).to_numpy()[part.start :]
    return torch.tensor(held, dtype=torch.float64, device=market.device)
