"""Detects a degenerate policy: it takes one action nearly always, although a simple policy demonstrably earns more.

Taking one action nearly always is no fault by itself: where nothing can be earned, staying flat is right. It is a fault
if staying long, staying short, or ridge regression with a no-trade band earns more on the same bars than luck explains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from progressive_market.judging.block_statistics import t_statistic
from progressive_market.judging.verdict import ONE_ACTION, SHOWN_T
from progressive_training.presentation import profit_text, share_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from progressive_market.judging.baselines import Ridge
    from progressive_market.market import Market, Part

PAIRED_T = 2.0
"""Of what the simple policy earned more than the judged one."""
SIDES = {"flat": 0.0, "long": 1.0, "short": -1.0}


def one_sided(held: Tensor, decidable: Tensor) -> bool:
    """Whether the signed positions `held` [N] are long, or short, on nearly all bars that may be decided on.

    Such a policy earns the drift of these bars, which is a single sample, so that its error cannot be estimated. Measured:
    with errors from blocks, staying long or short has a t of 2.0 to 3.0 on validation in 3 of 10 planted markets, whose
    drift is luck.
    """
    return float(held[decidable].mean().abs()) >= ONE_ACTION


def degeneration(held: Tensor, part: Part, market: Market, ridge: Callable[[], Ridge]) -> str:
    """A sentence why the signed positions `held` [N] on the validation `part` are degenerate; empty where they are not.

    The simple policy needs a t of `SHOWN_T` (the best of several is often luck), and its difference to `held` a t of
    `PAIRED_T`. Measured with policies that stay flat, long or short: none is degenerate on 30 driftless random walks,
    each one is on all of 5 planted markets `easy`, and on 4, 3 and 4 of 5 `hard` ones.

    :param ridge: fits the ridge baseline; called only where one action is taken nearly always.
    """
    decided = held[part.decidable]
    shares = {action: float((decided == side).double().mean()) for action, side in SIDES.items()}
    action = max(shares, key=lambda name: shares[name])
    if not shares[action] >= ONE_ACTION:
        return ""
    rivals = {
        "ridge regression with a no-trade band": ridge().positions(part, market),
        "staying long": held.new_full(held.shape, SIDES["long"]),
    }
    if market.costs.allowed == "both":
        rivals["staying short"] = held.new_full(held.shape, SIDES["short"])
    own = market.growth(held, part)
    for name, positions in rivals.items():
        other = market.growth(positions, part)
        pays = t_statistic(other)
        if pays >= SHOWN_T and t_statistic(other - own) >= PAIRED_T:
            return (
                f"degenerate policy, {action} on {share_text(shares[action])} of the validation bars, on which {name} earned "
                f"{profit_text(float(other.sum()))} (t = {pays:.1f}) and this {profit_text(float(own.sum()))}"
            )
    return ""
