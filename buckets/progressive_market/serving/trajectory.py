"""What a strategy did, bar by bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from attrs import evolve

from progressive_market.bars.bar_records import PRICES
from progressive_market.fills import account
from progressive_market.market import carried
from progressive_market.serving.decision import ACTIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from progressive_market.bars import Bars
    from progressive_market.fills import Costs
    from progressive_market.market import Part

TIME = "time"


def trajectory_of(wanted: Tensor, part: Part, costs: Costs, bars: Bars) -> pd.DataFrame:
    """The columns of `ServedModel.trajectory`, one row for each bar of `part` [N].

    :param wanted: [N] signed positions, decided on each bar, those on the last two included, whose fills are not known.
    """
    held_on = wanted if part.absent is None else carried(wanted, part.absent)
    seen = account(held_on, part.returns, part.decidable, costs, part.charges)
    free = account(seen.held, part.returns, part.decidable, evolve(costs, side=0.0), part.charges)
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
            "position": _named(_next(actions.masked_fill(_ruined(held_on, seen.held, part.decidable), 0))),
            "fill": np.where(traded, fills, np.nan),
            "cost": _next(free.growth - seen.growth).numpy(),
            "log_growth": growth,
            "equity": np.exp(np.cumsum(growth)),
        },
        index=pd.DatetimeIndex(bars.time[rows], tz="UTC", name=TIME),
    )


def _ruined(held_on: Tensor, held: Tensor, decidable: Tensor) -> Tensor:
    """Which of the positions [N] that a strategy holds on to the account does not hold any more, since they were ruined.

    :param held_on: what the strategy holds. :param held: what the account does, as far as fills are known.
    """
    ruined = (held_on != 0) & (held == 0) & decidable
    for bar in range(max(1, len(ruined) - 2), len(ruined)):  # their fills are not known
        ruined[bar] = ruined[bar - 1] & (held_on[bar] == held_on[bar - 1])
    return ruined


def _named(actions: Tensor) -> NDArray[np.object_]:
    named: NDArray[np.object_] = np.array(ACTIONS, dtype=object)[actions.numpy()]
    return named


def _next(values: Tensor) -> Tensor:
    """What was decided on a bar [N], on the bar that it is held in."""
    return torch.nn.functional.pad(values[:-1], (1, 0))
