"""The card of a saved model: what its tensors are and how to use them, checked when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from progressive_training import ModelError
from progressive_training.market import LARGEST, MarketCard, checked_card, refuse_earlier

FORMAT = 3


@frozen(kw_only=True)
class Importance:
    """Importance of each feature by two methods, as shares: `screened`, by its relation to returns on the training bars,
    and `permuted`, by the change of the network's advantages. `agreement`: their rank correlation, -1 to 1."""

    screened: Mapping[str, float]
    permuted: Mapping[str, float]
    agreement: float


@frozen(kw_only=True)
class Card(MarketCard):
    """The market's part is inherited. `horizons` in bars. `unit`: standard deviation of one bar's reward, the unit of the network's advantages.
    `reluctance`: by what share a trade costs more in training than on the market. `holding`: what a bar in a position cost
    in training, in units. `specialists`: whether those vote, whose tensors are then in the file and whose weight of recall is
    `specialists_recall_weight`."""

    format: int
    horizons: tuple[int, ...]
    width: int
    members: int
    unit: float
    reluctance: float
    holding: float
    recall_weight: float
    importance: Importance
    specialists: bool = False
    specialists_recall_weight: float = 0.0

    def out_of_range(self) -> str:
        """The name of a value that no tensors could fit, or no market has; empty where there is none. What it counts is
        bounded by its tensors, which are in the file."""
        importance = self.importance
        shares = [*importance.screened.values(), *importance.permuted.values(), importance.agreement]
        horizons = self.horizons
        in_range = {
            "width": self.width >= 1,
            "members": self.members >= 1,
            "unit": 0 < self.unit < LARGEST,
            "reluctance": 0 <= self.reluctance < LARGEST,
            "holding": 0 <= self.holding < LARGEST,
            "recall_weight": 0 <= self.recall_weight <= 1,
            "specialists_recall_weight": 0 <= self.specialists_recall_weight <= 1,
            "horizons": bool(horizons) and horizons[0] >= 1 and list(horizons) == sorted(set(horizons)),
            "its numbers": all(abs(share) < LARGEST for share in shares),  # not a number is not, either
        }
        return next((key for key, fits in in_range.items() if not fits), super().out_of_range())


def read_card(values: Mapping[str, Any], file: Path) -> Card:
    """Check a card.

    :raise ModelError: it is of another format, or something is missing or of the wrong kind.
    """
    refuse_earlier(values, str(file))
    if (made := values.get("format")) != FORMAT:
        shown = made if made in range(100) else "unknown"
        raise ModelError(
            f"{file}: a model of format {shown}, and this program reads format {FORMAT}. It was made by another version, or "
            "by a bucket with a network of its own."
        )
    return checked_card(values, Card, file)
