"""When a strategy earned: month by month, by thirds of volatility, by hour of the day and by weekday."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from progressive_market.judging.block_statistics import t_statistic
from progressive_training.presentation import percent, share_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from progressive_market.fills import Account

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOUR, DAY = 3_600 * 10**9, 86_400 * 10**9
THURSDAY = WEEKDAYS.index("Thursday")
"""The day on which 1970 began."""


def slices_of(account: Account, hold: Tensor, times: NDArray[np.int64], volatility: Tensor) -> pd.DataFrame:
    """What a strategy earned on the bars of a part, sliced in four ways; each way's growth adds up to that of the part. Without
    its last bar: what is decided there would be filled behind the part, and is never held.

    `by` ("month", "volatility", "hour" or "weekday") and `slice`; `bars` of the slice; `trades` entered on them; `held`: share of the
    bars on which a position was held; `profit` and `hold_profit` (buy and hold), per cent of equity, net of costs; `t` of the log
    growth per bar.

    :param hold: [N] log growth of buy and hold. :param times: [N] of the fills, nanoseconds since 1970.
    :param volatility: [N] known when each bar was decided on.
    """
    growth, held, hold = (each.cpu()[:-1] for each in (account.growth, account.held, hold))
    entered = (held != 0) & (torch.diff(held, prepend=torch.zeros_like(held[:1])) != 0)
    rows = []
    for by, labels, codes in _ways(times[:-1], volatility[:-1].cpu().numpy()):
        order = np.argsort(codes, kind="stable")
        counts = np.bincount(codes, minlength=len(labels))
        for label, bars in zip(labels, torch.from_numpy(order).split(counts.tolist()), strict=True):
            if len(bars):
                earned, there = growth[bars], held[bars] != 0
                rows.append(
                    {
                        "by": by,
                        "slice": label,
                        "bars": len(bars),
                        "trades": int(entered[bars].sum()),
                        "held": float(there.double().mean()),
                        "profit": percent(float(earned.sum())),
                        "hold_profit": percent(float(hold[bars].sum())),
                        "t": t_statistic(earned),
                    }
                )
    return pd.DataFrame(rows)


def _ways(
    times: NDArray[np.int64], volatility: NDArray[np.float32]
) -> Iterator[tuple[str, Sequence[str], NDArray[np.int16]]]:
    """Each way to slice the bars: its name, the labels of the slices, and the number of the label of each bar [N]."""
    months = times.astype("datetime64[ns]").astype("datetime64[M]")
    first = months[0].astype(int)
    names = [str(month) for month in np.arange(months[0], months[-1] + np.timedelta64(1, "M"))]
    yield "month", names, (months.astype(int) - first).astype(np.int16)
    low, high = np.quantile(volatility, [1 / 3, 2 / 3])
    thirds = (
        f"calm: up to {share_text(low, 2)} a bar",
        f"middle: {share_text(low, 2)} to {share_text(high, 2)}",
        f"wild: above {share_text(high, 2)}",
    )
    yield "volatility", thirds, (volatility > low).astype(np.int16) + (volatility > high)
    yield "hour", [f"{hour:02}:00" for hour in range(24)], (times % DAY // HOUR).astype(np.int16)
    yield "weekday", WEEKDAYS, ((times // DAY + THURSDAY) % len(WEEKDAYS)).astype(np.int16)
