"""The fill rule: decide at the close of bar t, trade at the open of bar t + 1, which is held at least until the open of bar t + 2.

This module computes the profit of given positions, as a broker counts it; `policy.best_actions` decides which position is
worth its cost. A position p (-1 short, 0 flat, 1 long) is entered with the share f = CAPITAL_ALLOCATION of the equity, and
its units stay the same until the next change of position:

    entry   equity *= 1 - side * f;   value = f * equity;   units = value / open
    hold    equity += p * units * (next open - open) - charges * units * open
    exit    equity -= side * units * open

with side = FEE + SLIPPAGE, and charges of FUNDING and BORROW. A reversal is an exit and an entry. The position before the
first bar is flat. Where `decidable` is false (warm-up bars, the last bar of a part) the position is forced flat, at the cost of
an ordinary exit. Nobody knows a gap before it comes: what is held then is held over it, and sold at the second open after it,
since the first bars of a segment are warm-up bars. Log growth is the logarithm of the equity's factor on a bar, so that it adds
up over bars.

Ruin: where the equity falls to 5 % of what the entry left of it, the position is closed at the next fill, and nothing is held
until the position changes. Where nothing of it is left at that fill, it counts as a billionth.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from attrs import frozen

from progressive_market.fixed_order import running_product, running_sum
from progressive_market.passes import market_passes
from progressive_market.passes.market_passes import Terms, usable_for_account

if TYPE_CHECKING:
    from torch import Tensor

RUIN = 0.05
"""Share of the equity at entry at which a position is closed."""
NOTHING = 1e-9
"""Least equity, as a share of that at entry, so that it has a logarithm."""


@frozen
class Costs:
    """Trading costs.

    `side`: cost of one side of a trade, as a share of its value. `capital`: share of the equity at stake. `allowed`: the
    sides that may be taken, "both" or "long". `funding`: rate a year on the value held, which longs pay and shorts receive,
    or the name of the column with the rate of each bar. `borrow`: rate a year on the value of a short position.
    """

    side: float
    capital: float = 1.0
    allowed: str = "both"
    funding: float | str = 0.0
    borrow: float = 0.0

    def of_change(self, change: Tensor) -> Tensor:
        """Log cost, zero or negative, of changing the position by `change` (0, 1 or 2 either way)."""
        return torch.log1p(-self.side * self.capital * change.abs())

    def table(self) -> tuple[float, float, float]:
        """Costs of a change of position by 0, 1 and 2, as positive log costs."""
        one, two = (-math.log1p(-self.side * self.capital * steps) for steps in (1, 2))
        return 0.0, one, two

    def earned(self, positions: Tensor, returns: Tensor, charges: Tensor | None = None) -> Tensor:
        """Log growth of the equity on single bars, from `positions` that hold the share `capital` of it at the start of each.

        Learning earns this: what it says of a bar does not depend on the bars before.

        :param returns: from fill to fill. :param charges: [..., 2] of long and short (see `log_growth`). All broadcast.
        """
        gained = positions * returns
        if charges is not None:
            gained = gained - charge_of(positions, charges)
        return torch.log((1 + self.capital * gained).clamp(min=NOTHING))


def charge_of(positions: Tensor, charges: Tensor) -> Tensor:
    """Share of its value that each of `positions` pays on its bar, of the `charges` [..., 2] of long and short."""
    return torch.where(positions > 0, charges[..., 0], torch.where(positions < 0, charges[..., 1], 0.0))


def fill_returns(opens: Tensor) -> tuple[Tensor, Tensor]:
    """Simple return from the open of bar t + 1 to the open of bar t + 2, over a gap too, and where both exist.

    :param opens: [T] float64, prices at which an order that waits for a bar fills.
    :return: returns [T] float64, zero on the last two bars, and a mask [T] of the others.
    """
    returns = torch.zeros_like(opens)
    exists = torch.zeros(len(opens), dtype=torch.bool, device=opens.device)
    exists[:-2] = True
    returns[:-2] = opens[2:] / opens[1:-1] - 1
    return returns, exists


@frozen
class Account:
    """What positions became at a broker. `growth` [..., T] float64: log growth of the equity on each bar, net of costs; its sum
    is the log of final equity. `held` [..., T] float64: the position on each bar. `left` [..., T] float64: the equity if the
    position is left at the end of the bar, over what its entry left. `ruined` []: positions closed by ruin."""

    growth: Tensor
    held: Tensor
    left: Tensor
    ruined: Tensor


def growth_by_bar(
    positions: Tensor, returns: Tensor, decidable: Tensor, costs: Costs, charges: Tensor | None = None
) -> Tensor:
    """Log growth on each bar [..., T] as learning counts it: each bar starts with the share `costs.capital` at stake.

    It differs from `log_growth` in that positions are brought back to that share on every bar, at no cost. Arguments as there.
    """
    held = positions.to(torch.float64) * decidable
    return costs.of_change(torch.diff(held, prepend=torch.zeros_like(held[..., :1]))) + costs.earned(
        held, returns, charges
    )


def log_growth(
    positions: Tensor, returns: Tensor, decidable: Tensor, costs: Costs, charges: Tensor | None = None
) -> Tensor:
    """Log growth of the equity on each bar [..., T] float64, net of costs. Arguments as for `account`.

    :param positions: [..., T] -1, 0 or 1. :param decidable: [T] bool.
    """
    return account(positions, returns, decidable, costs, charges).growth


def account(
    positions: Tensor, returns: Tensor, decidable: Tensor, costs: Costs, charges: Tensor | None = None
) -> Account:
    """The account of `positions` [..., T], -1, 0 or 1; taken as 0 where not `decidable` [T], whose last bar must not be.

    All bars are computed at once: since units stay the same, the equity within a position follows from the price alone. On a
    processor compiled passes go from bar to bar instead, where they are installed: they write the same bits.

    :param returns: [T] of `fill_returns`. :param charges: [T, 2] share of the value that long and short pay on each bar, of the
        price at its start; None for nothing.
    """
    wanted = positions.to(torch.float64)
    passes = usable_for_account(wanted, returns, decidable, charges)
    if passes is not None:
        terms = Terms(costs.side, costs.capital, RUIN, NOTHING)
        factor, *fields = market_passes.account(passes, wanted, returns, decidable, charges, terms)
        return Account(torch.log_(factor), *fields)
    held = wanted * decidable
    changed = held != _previous(held)
    first = torch.cummax(
        torch.arange(held.shape[-1], device=held.device) * changed, dim=-1
    ).values  # [..., T] bar of the entry
    moves = 1 + returns
    end = running_product(moves)  # [T] price at the end of each bar, over that of the first fill
    start = end / moves
    price = end / start.take(first)  # [..., T] over that of the entry
    stake, one = held * costs.capital, held.new_ones(())
    worth = torch.addcmul(one, stake, price - 1)  # [..., T] the equity before an exit, over what the entry left of it
    if charges is not None:
        paid = start * charge_of(held, charges)
        until = running_sum(paid)
        worth -= costs.capital * (until - (until - paid).gather(-1, first)) / start.take(first)
    # always computed: to ask first whether there is ruin would wait for a GPU
    closed, ruined = _closed_by_ruin(worth <= RUIN, worth <= NOTHING, first)
    held, stake, worth = held.masked_fill(closed, 0), stake.masked_fill(closed, 0), worth.masked_fill(closed, 1)
    changed = held != _previous(held)
    fee = stake.abs() * costs.side  # of an entry; that of an exit grows with the price
    left = torch.addcmul(worth, fee, price, value=-1).clamp_(min=NOTHING)  # after an exit
    worth.clamp_(min=NOTHING)
    traded = torch.lerp(one, _previous(left) * (1 - fee), changed.double())  # 1 where the position stays
    return Account(torch.log(worth * traded / _previous(worth)), held, left, ruined)


def _previous(values: Tensor) -> Tensor:
    """`values` [..., T] of the bar before; on the first bar those of the last, which is flat, too."""
    return torch.roll(values, 1, -1)


def _closed_by_ruin(low: Tensor, gone: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
    """Which bars [..., T] a position does not reach, and how many positions are ruined [].

    :param low: whether a bar ends at `RUIN` or below, at which the next fill is waited for. :param gone: whether nothing is left,
        so that there is nothing to wait for. :param first: bar of the entry.
    """
    lows, losses = (torch.cumsum(each, dim=-1) - each.long() for each in (low, gone))  # on the bars before
    lows_at_entry = lows.gather(-1, first)
    before = torch.nn.functional.pad(lows[..., :-1], (1, 0))
    closed = (before > lows_at_entry) | (losses > losses.gather(-1, first))
    return closed, (low & (lows == lows_at_entry)).sum()
