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

    from progressive_buckets.learner.to_host import Notes, Values
    from progressive_training.market import Market

SHOWN = 5
"""Lessons of an episode that are told in full."""
CAUSES = ("values", "exploration", "end of episode or gap")


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
    """The trades of one round of episodes [P, L], each at the step of its entry; `entered` says where there is one.

    A fixed shape, so that nobody has to wait for how many there are. `entry` and `exit` are bars, `cause` counts in
    `CAUSES`, the gains are as in `Lesson`. Where no trade begins the values mean nothing.
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
    """Find the trades in the behaviour of a round of episodes.

    :param bars: [P, L] bar of each step. :param held: [P, L] float64 signed position after each decision, flat on the
        last step. :param explored: [P, L] whether the step's action was a trial. :param errors: [P, L, 2] by
        how much each bar paid long and short more than its values promised, as log gains.
    """
    held = held.clone()
    held[:, -1] = 0.0
    gain = market.costs.earned(held, market.returns[bars])
    long, short = errors.double().unbind(dim=-1)
    total, surplus = _before(gain), _before(torch.where(held > 0, long, torch.where(held < 0, short, 0.0)))
    before = torch.nn.functional.pad(held[:, :-1], (1, 0))
    changed = held != before

    last = held.shape[1] - 1
    step = torch.arange(last + 1, device=bars.device)
    change = torch.where(changed, step, last)  # [P, L] the next step, from this one on, on which the position changes
    change = change.flip(1).cummin(dim=1).values.flip(1)
    leave = torch.nn.functional.pad(change[:, 1:], (0, 1), value=last)
    run = torch.cumsum(changed, dim=1)  # steps of one run hold one position
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
    """Sum of `values` [P, L] over the steps before each."""
    return torch.cumsum(torch.nn.functional.pad(values[:, :-1], (1, 0)), dim=1)


def surprise(trades: Trades) -> Tensor:
    """How far each trade's net result lay from what its values promised, for the root of a bar held [P, L]; else 0."""
    held = (trades.exit - trades.entry).clamp(min=1).double()
    return (trades.net - trades.expected).abs() / held.sqrt() * trades.entered


def notes_of(market: Market, trades: Trades) -> Notes:
    """What `tell` needs: the number of trades, what they add up to, and the most surprising ones."""
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


def tell(market: Market, read: Values) -> dict[str, Any]:
    """The trace of an episode: how many lessons, what they add up to, and the most surprising ones in full."""
    count = int(read["count"])
    if not count:
        return {"count": 0, "told": []}
    sums = {name: float(read[name]) for name in ("won", "mean_net", "mean_expected", "mean_bars_held")}
    shown = range(min(count, len(read["entry"])))
    return {"count": count, **sums, "told": [asdict(_lesson(market, read, n)) for n in shown]}


def _lesson(market: Market, read: Values, n: int) -> Lesson:
    trade = {name: float(values[n]) for name, values in read.items() if values.ndim}
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
        says=_says(trade["net"], trade["expected"], trade["favourable"]),
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
