"""The card of a saved model: what its tensors are and how to use them, checked when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from progressive_training import InvalidValue, ModelError, validated
from progressive_training.market import BUILT_IN, SCALES, FeaturePlugin

FORMAT = 1
LARGEST = 1e30
"""What arithmetic in float32 still bears, of any number in a card."""


@frozen(kw_only=True)
class Scaling:
    """`mean` and `deviation` of each feature column, from the training part."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@frozen(kw_only=True)
class Charges:
    """`side` is fee and slippage of one side of a trade, `capital` the share of equity at stake."""

    side: float
    capital: float


@frozen(kw_only=True)
class Importance:
    """Importance of each feature by two methods, as shares: `screened`, by its relation to returns on the training bars,
    and `permuted`, by the change of the network's advantages. `agreement`: their rank correlation, -1 to 1."""

    screened: Mapping[str, float]
    permuted: Mapping[str, float]
    agreement: float


@frozen(kw_only=True)
class Card:
    """`horizons` in bars. `unit`: standard deviation of one bar's reward, the unit of the network's advantages.
    `reluctance`: by what share a trade costs more in training than on the market. `abstains`: whether the model stays
    flat because validation showed no edge."""

    format: int
    bucket: str
    features: tuple[str, ...]
    scales: tuple[int, ...]
    horizons: tuple[int, ...]
    width: int
    members: int
    scaler: Scaling
    costs: Charges
    interval_seconds: float
    unit: float
    reluctance: float
    recall_weight: float
    abstains: bool
    importance: Importance
    feature_plugins: tuple[FeaturePlugin, ...] = ()


def read_card(values: Mapping[str, Any], file: Path) -> Card:
    """Check a card.

    :raise ModelError: it is of another format, or something is missing or of the wrong kind.
    """
    if (made := values.get("format")) != FORMAT:
        shown = made if made in range(100) else "unknown"
        raise ModelError(
            f"{file}: a model of format {shown}, and this program reads format {FORMAT}. It was made by another version, or "
            "by a bucket with a network of its own."
        )
    try:
        card = validated(values, Card)
    except InvalidValue as error:
        raise ModelError(f"{file}: its card is damaged ({error}). Take another copy.") from None
    if why := _misfit(card):
        raise ModelError(f"{file}: its card is damaged ({why}). Take another copy.")
    return card


def _misfit(card: Card) -> str | None:
    """Why no tensors could fit such a card, or None. What it counts is bounded by its tensors, which are in the file."""
    columns = len(card.features) * len(card.scales)
    numbers = [*card.scaler.mean, *card.scaler.deviation, *card.importance.screened.values()]
    numbers += [*card.importance.permuted.values(), card.importance.agreement]
    in_range = {
        "width": card.width >= 1,
        "members": card.members >= 1,
        "costs.side": 0 <= card.costs.side < 0.5,
        "costs.capital": 0 < card.costs.capital <= 1,
        "interval_seconds": 0 < card.interval_seconds < LARGEST,
        "unit": 0 < card.unit < LARGEST,
        "reluctance": 0 <= card.reluctance < LARGEST,
        "recall_weight": 0 <= card.recall_weight <= 1,
        "scales": card.scales == SCALES,
        "features": card.features[: len(BUILT_IN)] == BUILT_IN and len(set(card.features)) == len(card.features),
        "horizons": bool(card.horizons) and card.horizons[0] >= 1 and list(card.horizons) == sorted(set(card.horizons)),
        "scaler": len(card.scaler.mean) == len(card.scaler.deviation) == columns,
        "scaler.deviation": all(deviation > 0 for deviation in card.scaler.deviation),
        "its numbers": all(abs(number) < LARGEST for number in numbers),  # not a number is not, either
    }
    return next((f"{key} out of range" for key, fits in in_range.items() if not fits), None)
