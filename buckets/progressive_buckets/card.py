"""The card of a saved model: what its tensors are and how to use them, checked when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cattrs
from attrs import frozen

from progressive_training import ModelError

FORMAT = 1


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
    """Share of each feature by two methods: what the training bars `screened` show, and how far the network's advantages
    move when the feature is `permuted`; `agreement` is their rank correlation, -1 to 1."""

    screened: Mapping[str, float]
    permuted: Mapping[str, float]
    agreement: float


@frozen(kw_only=True)
class Card:
    """`horizons` in bars; `unit` is the deviation of one bar's reward, in which the tensors count advantages;
    `reluctance` how much dearer a trade counts than it is; `abstains` where validation showed no edge."""

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


def _exactly(kind: type[Any]) -> Any:
    def check(value: Any, _: type[Any]) -> Any:
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise TypeError(f"expected {kind.__name__}, got {value!r:.40}")
        return kind(value)

    return check


_converter = cattrs.Converter(detailed_validation=False)
for _kind in (bool, int, float, str):
    _converter.register_structure_hook(_kind, _exactly(_kind))


def read_card(values: Mapping[str, Any], file: Path) -> Card:
    """Check a card.

    :raise ModelError: it is of another format, or something is missing or of the wrong kind.
    """
    if values.get("format") != FORMAT:
        raise ModelError(
            f"{file}: a model of format {values.get('format')!r}, and this program reads format {FORMAT}. It was made by "
            f"another version, or by a bucket with a network of its own."
        )
    try:
        card = _converter.structure(values, Card)
    except (KeyError, TypeError, ValueError, cattrs.BaseValidationError) as error:
        raise ModelError(
            f"{file}: its card is damaged ({type(error).__name__}: {error}). Take another copy."
        ) from error
    columns = len(card.features) * len(card.scales)
    if not card.horizons or len(card.scaler.mean) != columns or len(card.scaler.deviation) != columns:
        raise ModelError(
            f"{file}: its card is damaged (scaler or horizons do not fit the features). Take another copy."
        )
    return card
