"""Post-trade lessons: compares each completed trade of an episode with what its values promised.

A lesson acts through replay priority: the entry bar of a trade gets its surprise (`surprise`) added to its error, so that
it is replayed more often. The replay's importance weights undo the sampling bias; the result of a trade never changes
what is learned from a bar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from attrs import asdict, frozen

from progressive_buckets.learner.fused import learning_passes
from progressive_training.market import running_sum

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_buckets.insight.to_host import Notes, Values
    from progressive_training.market import Market

SHOWN = 5
"""Lessons of an episode that are shown in full."""
CAUSES = ("values", "exploration", "end of episode or gap")


@frozen
class Lesson:
    """One completed trade. Gains are log returns of the equity at stake.

    `net`: its result after costs. `expected`: the result that the values of its bars promised. `favourable`, `adverse`:
    its best and worst intermediate gain. `cause`: what ended it, one of `CAUSES`. `conclusion`: the comparison in a sentence.
    """

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
    conclusion: str


@frozen
class Trades:
    """The trades of a round of episodes. Each tensor is [P, L]; a trade stands at the step of its entry.

    The shape is fixed, so that the host need not wait for the number of trades. `entered`: whether a trade begins at the
    step; elsewhere the other values are meaningless. `entry`, `exit`: bars. `side`: +1 or -1. `cause`: index in
    `CAUSES`. Gains are as in `Lesson`.
    """

    entered: Tensor
    entry: Tensor
    exit: Tensor
    side: Tensor
    net: Tensor
    expected: Tensor
    favourable: Tensor
    adverse: Tensor
    cause: Tensor


def completed_trades(market: Market, bars: Tensor, held: Tensor, explored: Tensor, errors: Tensor) -> Trades:
    """Find the completed trades in a round of episodes.

    :param bars: [P, L] bar of each step. :param held: [P, L] float64 signed position after each decision; it counts as
        flat on the last step. :param explored: [P, L] whether the action was random. :param errors: [P, L, 2] reward of
        long and short on each bar beyond what its values promised, as log gains.
    """
    held = held.clone()
    held[:, -1] = 0.0
    charges = None if market.charges is None else market.charges[bars]
    gain = market.costs.earned(held, market.returns[bars], charges)
    passes = learning_passes.usable_for_trades(held, gain, errors, explored, bars)
    if passes is not None:
        fees = 2 * market.costs.table()[1]
        found = learning_passes.completed_trades(passes, held, gain, errors, explored, bars, fees)
        return Trades(entry=bars, side=held, **found)
    long, short = errors.double().unbind(dim=-1)
    total, surplus = _before(gain), _before(torch.where(held > 0, long, torch.where(held < 0, short, 0.0)))
    before = torch.nn.functional.pad(held[:, :-1], (1, 0))
    changed = held != before

    last = held.shape[1] - 1
    step = torch.arange(last + 1, device=bars.device)
    change = torch.where(changed, step, last)
    change = change.flip(1).cummin(dim=1).values.flip(1)  # [P, L] the first step from here on with a change of position
    leave = torch.nn.functional.pad(change[:, 1:], (0, 1), value=last)
    run = torch.cumsum(changed, dim=1)  # [P, L] number of the run of steps with one position
    extreme = total.new_zeros(len(held), last + 2)
    best = extreme.scatter_reduce(1, run, total, "amax", include_self=False).gather(1, run)
    worst = extreme.scatter_reduce(1, run, total, "amin", include_self=False).gather(1, run)
    left = total.gather(1, leave)
    net = left - total - 2 * market.costs.table()[1]
    return Trades(
        entered=changed & (held != 0),
        entry=bars,
        exit=bars.gather(1, leave),
        side=held,
        net=net,
        expected=net - (surplus.gather(1, leave) - surplus),
        favourable=torch.maximum(best, left) - total,
        adverse=torch.minimum(worst, left) - total,
        cause=torch.where(leave == last, 2, explored.gather(1, leave).long()),
    )


def _before(values: Tensor) -> Tensor:
    """Sum of `values` [P, L] over all earlier steps [P, L]."""
    return running_sum(torch.nn.functional.pad(values[:, :-1], (1, 0)))


def surprise(trades: Trades) -> Tensor:
    """Surprise of each trade: |net - expected| / sqrt(bars held), as log gain [P, L]; 0 where no trade begins."""
    held = (trades.exit - trades.entry).clamp(min=1).double()
    return (trades.net - trades.expected).abs() / held.sqrt() * trades.entered


def summarise_trades(market: Market, trades: Trades) -> Notes:
    """Statistics for `lessons_trace`, on the device: number of trades, their means, and the most surprising trades."""
    entered = trades.entered
    count = entered.sum()
    rank = torch.where(entered, surprise(trades), -1.0).flatten()
    taken = torch.topk(rank, min(SHOWN, len(rank))).indices
    notes = {
        "count": count,
        "won": _mean(trades.net > 0, entered),
        "mean_net": _mean(trades.net, entered),
        "mean_expected": _mean(trades.expected, entered),
        "mean_bars_held": _mean(trades.exit - trades.entry, entered),
    }
    shown = {name: value.flatten()[taken] for name, value in asdict(trades).items()}
    shown["entry_price"] = torch.exp(market.log_open[shown["entry"] + 1])
    shown["exit_price"] = torch.exp(market.log_open[shown["exit"] + 1])
    return notes | shown


def _mean(values: Tensor, entered: Tensor) -> Tensor:
    return torch.where(entered, values.double(), 0.0).sum() / entered.sum().clamp(min=1)


def lessons_trace(market: Market, values: Values) -> dict[str, Any]:
    """The lessons of an episode as JSON values: their number, their means, and the most surprising ones in full."""
    count = int(values["count"])
    if not count:
        return {"count": 0, "shown": []}
    sums = {name: float(values[name]) for name in ("won", "mean_net", "mean_expected", "mean_bars_held")}
    shown = range(min(count, len(values["entry"])))
    return {"count": count, **sums, "shown": [asdict(_lesson(market, values, n)) for n in shown]}


def _lesson(market: Market, values: Values, n: int) -> Lesson:
    trade = {name: float(column[n]) for name, column in values.items() if column.ndim}
    entry, leave = int(trade["entry"]), int(trade["exit"])
    return Lesson(
        side="long" if trade["side"] > 0 else "short",
        entry_time=time_text(market.times[entry + 1]),
        entry_price=trade["entry_price"],
        exit_time=time_text(market.times[leave + 1]),
        exit_price=trade["exit_price"],
        bars_held=leave - entry,
        net=trade["net"],
        expected=trade["expected"],
        favourable=trade["favourable"],
        adverse=trade["adverse"],
        cause=CAUSES[int(trade["cause"])],
        conclusion=_conclusion(trade["net"], trade["expected"], trade["favourable"]),
    )


def _conclusion(net: float, expected: float, favourable: float) -> str:
    if net >= expected:
        return "it paid at least what its values promised"
    if favourable > max(expected, 0.0):
        return "the promised gain was there and was given back: look at the exit again"
    return "the promised gain never came: look at the entry again"


def time_text(time: Any) -> str:
    """A bar's time (nanoseconds since 1970) as ISO text to the second, UTC."""
    return f"{np.datetime64(int(time), 'ns').astype('datetime64[s]')}Z"
