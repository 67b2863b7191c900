"""What a strategy did, bar by bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from attrs import evolve

from progressive_market.bars.bar_records import PRICES
from progressive_market.fills import account
from progressive_market.serving.decision import ACTIONS

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_market.bars import Bars
    from progressive_market.market import Market, Part

TIME = "time"


def trajectory_of(wanted: Tensor, part: Part, market: Market, bars: Bars) -> pd.DataFrame:
    """One row for each bar of `part` [N], by its open in UTC.

    `open` to `close`. `action`: decided at the bar's close. `position`: held during the bar, as decided on the bar before.
    `fill`: price at which it was entered or left at the bar's open, NaN where it stayed. `cost`: log cost of that. `log_growth`
    of the equity from the bar's open to the next one, net of costs, and `equity` at the end of it, from 1. On the last bar all is
    sold at its open.

    :param wanted: [N] signed positions, decided on each bar, those on the last two included, whose fills are not known.
    """
    seen = market.account(wanted, part)
    free = account(seen.held, part.returns, part.decidable, evolve(market.costs, side=0.0), part.charges)
    growth, held = _next(seen.growth).numpy(), _next(seen.held).numpy()
    traded = np.diff(held, prepend=0.0) != 0
    rows = slice(part.start, part.start + len(part))
    prices = {name: getattr(bars, name)[rows] for name in PRICES}
    fills = prices["open"] if bars.fills is None else bars.fills[rows]
    actions = wanted.to(torch.int64) % len(ACTIONS)  # -1 is the last of them, short
    return pd.DataFrame(
        {
            **prices,
            "action": _named(actions),
            "position": _named(_next(actions)),
            "fill": np.where(traded, fills, np.nan),
            "cost": _next(free.growth - seen.growth).numpy(),
            "log_growth": growth,
            "equity": np.exp(np.cumsum(growth)),
        },
        index=pd.DatetimeIndex(bars.time[rows], tz="UTC", name=TIME),
    )


def _named(actions: Tensor) -> pd.Categorical[str]:
    return pd.Categorical.from_codes(actions.numpy().astype(np.int8), categories=pd.Index(ACTIONS))


def _next(values: Tensor) -> Tensor:
    """What was decided on a bar [N], on the bar that it is held in."""
    return torch.nn.functional.pad(values[:-1], (1, 0))
