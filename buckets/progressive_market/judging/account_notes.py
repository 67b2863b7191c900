"""What the account of a model's positions shows that its rows do not: ruin, and where learning counts otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from progressive_market.fills import RUIN, growth_by_bar

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_market.market import Market, Part

NEGLIGIBLE, NEGLIGIBLE_SHARE = 0.01, 0.05
"""Difference of two log returns that is not worth a line: the sum of this, and of this share of the one counted."""


def account_notes(held: Tensor, part: Part, market: Market, split: str) -> list[str]:
    """Sentences on the signed positions `held` [N] on a `part`; none where all is as the rows say.

    :param split: what the part is called.
    """
    account, notes = market.account(held, part), []
    if ruined := int(account.ruined):
        positions = "a position" if ruined == 1 else f"{ruined} positions"
        notes.append(
            f"ruin on {split}: {positions} lost {1 - RUIN:.0%} of the equity at entry, and ended at the next fill"
        )
    counted = float(account.growth.sum())
    learned = float(growth_by_bar(held, part.returns, part.decidable, market.costs, part.charges).sum())
    if abs(learned - counted) > NEGLIGIBLE + NEGLIGIBLE_SHARE * abs(counted):
        notes.append(
            f"learning, for which each bar begins with the same share at stake, counts a log return of {learned:+.3f} on "
            f"{split}; with units that stay the same from trade to trade it is {counted:+.3f}"
        )
    return notes
