"""The trades of an account: when each was entered and left, at which price, with which result, and why it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from progressive_market.market import carried

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from progressive_market.fills import Account
    from progressive_market.market import Market, Part

DECIDED, REVERSED, GAP, END, RUINED = "decided", "reversed", "gap", "end of part", "ruin"
"""Why a trade ended: the strategy chose to be flat, or the other side; it was held over a gap and sold behind it; the part
ended; or the equity fell to what `fills.RUIN` says."""


def fill_times(part: Part, market: Market) -> NDArray[np.int64]:
    """When what is decided on each bar of `part` is filled [N]: the open of the next bar, nanoseconds since 1970."""
    step = round(market.interval * 1e9)
    known = market.times[part.start + 1 : part.start + len(part) + 1]
    return np.append(known, known[-1:] + step) if len(known) < len(part) else known


def trades_of(wanted: Tensor, account: Account, part: Part, market: Market) -> pd.DataFrame:
    """Every position that was entered and left, in order of time.

    `side`, `entry_time` and `exit_time` (UTC) with `entry_price` and `exit_price`, both opens of bars; `bars` held; `profit`: what
    the equity gained by it, per cent, net of costs; `reason`: why it ended.

    :param wanted: [N] signed positions that the strategy chose. :param account: what became of them.
    """
    held, seen = account.held.cpu().numpy(), wanted if part.absent is None else carried(wanted, part.absent)
    changed = np.flatnonzero(np.diff(held, prepend=0.0))
    entries = changed[held[changed] != 0]
    exits = np.append(changed, len(held))[
        np.searchsorted(changed, entries) + 1
    ]  # the first bar on which it is not held
    times, prices = fill_times(part, market), np.exp(market.log_open.cpu().numpy())
    entry_fee = market.costs.capital * market.costs.side
    left = account.left.cpu().numpy()[exits - 1]
    return pd.DataFrame(
        {
            "side": np.where(held[entries] > 0, "long", "short"),
            "entry_time": pd.DatetimeIndex(times[entries], tz="UTC"),
            "entry_price": prices[part.start + entries + 1],
            "exit_time": pd.DatetimeIndex(times[exits], tz="UTC"),
            "exit_price": prices[np.minimum(part.start + exits + 1, len(prices) - 1)],
            "bars": exits - entries,
            "profit": 100 * ((1 - entry_fee) * left - 1),
            "reason": _reasons(seen.cpu().numpy(), held, exits, part, market),
        }
    )


def _reasons(
    wanted: NDArray[np.float64], held: NDArray[np.float64], exits: NDArray[np.int64], part: Part, market: Market
) -> NDArray[np.object_]:
    decidable = part.decidable.cpu().numpy()
    settled = market.settled[part.start : part.start + len(part)].cpu().numpy()
    cases = {
        REVERSED: held[exits] != 0,
        GAP: ~settled[exits],
        END: ~decidable[exits],
        RUINED: (wanted[exits] != 0) & (wanted[exits] == wanted[exits - 1]),
    }
    reasons: NDArray[np.object_] = np.select(list(cases.values()), list(cases), DECIDED).astype(object)
    return reasons
