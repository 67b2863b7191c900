"""The equity and the drawdown of an account, thinned to the points that a chart can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from progressive_market.fixed_order import running_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from progressive_market.fills import Account

MOST_POINTS = 1_000


def equity_curve(account: Account, times: NDArray[np.int64]) -> pd.DataFrame:
    """The equity of an account at up to `MOST_POINTS` times, evenly spread.

    `time`; `log_equity` at it, of the equity at the start of the part; `drawdown`: the largest fall from a peak, 0 to 1, since the
    time before.

    :param times: [N] of the fills of the bars of the account, nanoseconds since 1970.
    """
    equity = running_sum(account.growth)
    fall = -torch.expm1(equity - torch.cummax(equity, dim=0).values.clamp(min=0.0)).cpu().numpy()  # [N]
    count = min(MOST_POINTS, len(fall))
    first = np.arange(count) * len(fall) // count
    last = np.append(first[1:], len(fall)) - 1
    return pd.DataFrame(
        {
            "time": pd.DatetimeIndex(times[last], tz="UTC"),
            "log_equity": equity.cpu().numpy()[last],
            "drawdown": np.maximum.reduceat(fall, first) + 0.0,
        }
    )
