"""Post-trade analysis: what each completed trade of an episode says, and what learning does about it.

A lesson never chooses what to learn by how a trade came out: that biases the problem. It marks the bar whose value
turned out most wrong for the trade, and that bar gets priority in the replay, whose importance weights undo the bias.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from attrs import asdict, frozen

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_buckets.market.market import Market

SHOWN = 5
"""Lessons of an episode that are told in full."""


@frozen
class Lesson:
    """One completed trade. Gains are log returns of the equity at stake; `expected` is what its values promised bar
    by bar, `favourable` and `adverse` the best and the worst it stood at, `cause` what ended it, `says` what follows."""

    side: str
    entry_time: str
    entry_price: float
    exit_time: str
    exit_price: float
    bars_held: int
    net: float
    expected: float
    favourable: float
    adverse: float
    cause: str
    says: str


@frozen
class Trades:
    """Completed trades of one round of episodes as arrays [N]: `entry` and `exit` bars, `step` of the entry in the
    flattened round, `side` and gains."""

    step: np.ndarray
    entry: np.ndarray
    exit: np.ndarray
    side: np.ndarray
    net: np.ndarray
    expected: np.ndarray
    favourable: np.ndarray
    adverse: np.ndarray
    cause: np.ndarray

    def __len__(self) -> int:
        return len(self.entry)


CAUSES = ("values", "exploration", "end of episode or gap")


def completed_trades(market: Market, bars: Tensor, held: Tensor, explored: Tensor, errors: Tensor) -> Trades:
    """Find the trades in the behaviour of a round of episodes.

    :param bars: [P, L] bar of each step. :param held: [P, L] float64 signed position after each decision, flat on the
        last step. :param explored: [P, L] whether the step's action was a trial. :param errors: [P, L, 2] by
        how much each bar paid long and short more than its values promised, as log gains.
    """
    held = held.clone()
    held[:, -1] = 0.0
    gain = (market.costs.earned(held, market.returns[bars])).cpu().numpy()
    position, trial = held.cpu().numpy(), explored.cpu().numpy()
    error = errors.double().cpu().numpy()
    unexpected = np.select([position > 0, position < 0], [error[..., 0], error[..., 1]], 0.0)
    before = np.concatenate([np.zeros_like(position[:, :1]), position[:, :-1]], axis=1)
    changed = position != before
    row, entry = np.nonzero(changed & (position != 0))
    _, leave = np.nonzero(changed & (before != 0))  # entries and exits pair up, in the same order
    total, surplus = _running(gain), _running(unexpected)
    best, worst = np.zeros(len(row)), np.zeros(len(row))
    for n, (r, a, b) in enumerate(zip(row, entry, leave, strict=True)):
        run = total[r, a : b + 1] - total[r, a]
        best[n], worst[n] = run.max(), run.min()
    net = total[row, leave] - total[row, entry] - 2 * market.costs.table()[1]
    steps = bars.cpu().numpy()
    forced = leave == position.shape[1] - 1
    return Trades(
        step=row * position.shape[1] + entry,
        entry=steps[row, entry],
        exit=steps[row, leave],
        side=position[row, entry],
        net=net,
        expected=net - (surplus[row, leave] - surplus[row, entry]),
        favourable=best,
        adverse=worst,
        cause=np.where(forced, 2, np.where(trial[row, leave], 1, 0)),
    )


def _running(values: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros_like(values[:, :1]), np.cumsum(values, axis=1)], axis=1)


def surprise(trades: Trades) -> np.ndarray:
    """How far each trade's net result lay from what its values promised, for the root of a bar held [N]."""
    off: np.ndarray = np.abs(trades.net - trades.expected) / np.sqrt(trades.exit - trades.entry)
    return off


def tell(market: Market, trades: Trades) -> dict[str, Any]:
    """The trace of an episode: how many lessons, what they add up to, and the most surprising ones in full."""
    if not len(trades):
        return {"count": 0, "told": []}
    order = np.argsort(-surprise(trades), kind="stable")[:SHOWN]
    return {
        "count": len(trades),
        "won": float((trades.net > 0).mean()),
        "mean_net": float(trades.net.mean()),
        "mean_expected": float(trades.expected.mean()),
        "mean_bars_held": float((trades.exit - trades.entry).mean()),
        "told": [asdict(_lesson(market, trades, int(n))) for n in order],
    }


def _lesson(market: Market, trades: Trades, n: int) -> Lesson:
    entry, leave = int(trades.entry[n]), int(trades.exit[n])
    opens = torch.exp(market.log_open[[entry + 1, leave + 1]]).tolist()
    return Lesson(
        side="long" if trades.side[n] > 0 else "short",
        entry_time=time_text(market.times[entry + 1]),
        entry_price=opens[0],
        exit_time=time_text(market.times[leave + 1]),
        exit_price=opens[1],
        bars_held=leave - entry,
        net=float(trades.net[n]),
        expected=float(trades.expected[n]),
        favourable=float(trades.favourable[n]),
        adverse=float(trades.adverse[n]),
        cause=CAUSES[int(trades.cause[n])],
        says=_says(float(trades.net[n]), float(trades.expected[n]), float(trades.favourable[n])),
    )


def _says(net: float, expected: float, favourable: float) -> str:
    if net >= expected:
        return "it paid at least what its values promised"
    if favourable > max(expected, 0.0):
        return "the promised gain was there and was given back: look at the exit again"
    return "the promised gain never came: look at the entry again"


def time_text(time: Any) -> str:
    """A bar's time (nanoseconds since 1970) as ISO text to the second, UTC."""
    return f"{np.datetime64(int(time), 'ns').astype('datetime64[s]')}Z"
