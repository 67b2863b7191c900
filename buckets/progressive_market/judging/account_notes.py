"""What the account of a model's positions shows that its rows do not: ruin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from progressive_market.fills import RUIN
from progressive_training.presentation import share_text

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_market.market import Market, Part


def account_notes(held: Tensor, part: Part, market: Market, split: str) -> list[str]:
    """Sentences on the signed positions `held` [N] on a `part`; none where all is as the rows say.

    :param split: what the part is called.
    """
    ruined = int(market.account(held, part).ruined)
    if not ruined:
        return []
    positions = "a position" if ruined == 1 else f"{ruined} positions"
    return [
        f"ruin on {split}: {positions} lost {share_text(1 - RUIN)} of the equity at entry, and ended at the next fill"
    ]
