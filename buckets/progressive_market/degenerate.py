"""A degenerate policy: one action nearly always, while another policy demonstrably pays.

One action nearly always is no fault in itself: where nothing can be earned, staying flat is right. It is one where
another policy that anyone can have (a position for good, or ridge regression with a no-trade band) earns on the same
bars what luck does not explain, and more than this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from progressive_market.performance import t_statistic
from progressive_market.verdict import CONFIRMED_T, ONE_ACTION, SHOWN_T

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from progressive_market.baselines import Ridge
    from progressive_market.market import Market, Part

SIDES = {"flat": 0.0, "long": 1.0, "short": -1.0}


def one_sided(held: Tensor, decidable: Tensor) -> bool:
    """Whether the signed positions `held` [N] are long, or short, on nearly all bars that may be decided on.

    That earns the drift of these bars, of which there is one sample, so no error of it is known. Seen by us: by blocks,
    staying long or short reaches a t of 2.0 to 3.0 on validation in 3 of 10 planted markets, which drift by luck alone.
    """
    return float(held[decidable].mean().abs()) >= ONE_ACTION


def degeneration(held: Tensor, part: Part, market: Market, ridge: Callable[[], Ridge]) -> str:
    """Say what is degenerate about the signed positions `held` [N] on the validation `part`; empty where nothing is.

    The other policy has to show an edge of its own (a t of `SHOWN_T`: the best of several is often luck), and the
    difference a t of `CONFIRMED_T`. Seen by us: of 30 driftless random walks none makes a policy that stays flat, long
    or short degenerate; of 5 planted markets `easy` all make each of the three so, of 5 `hard` 4, 3 and 4.

    :param ridge: fits the baseline; asked only where one action is held nearly always.
    """
    decided = held[part.decidable]
    shares = {action: float((decided == side).double().mean()) for action, side in SIDES.items()}
    action = max(shares, key=lambda name: shares[name])
    if not shares[action] >= ONE_ACTION:
        return ""
    rivals = {
        "ridge regression with a no-trade band": ridge().positions(part, market),
        "staying long": held.new_full(held.shape, SIDES["long"]),
        "staying short": held.new_full(held.shape, SIDES["short"]),
    }
    own = market.growth(held, part)
    for name, positions in rivals.items():
        other = market.growth(positions, part)
        pays = t_statistic(other)
        if pays >= SHOWN_T and t_statistic(other - own) >= CONFIRMED_T:
            return (
                f"degenerate policy, {action} on {shares[action]:.0%} of the validation bars, on which {name} earned a "
                f"log return of {float(other.sum()):+.2f} (t = {pays:.1f}) and this {float(own.sum()):+.2f}"
            )
    return ""
