"""Use a trained model: one call on bars, with no trainer and no plugin involved but the features that it learned from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from attrs import evolve

from progressive_buckets.advantage_model import AdvantageModel
from progressive_buckets.card import Card, read_card
from progressive_buckets.insight.importance import horizon_skill
from progressive_buckets.learner.critic import cost_units
from progressive_buckets.learner.network import Network, Shape
from progressive_buckets.learner.saving import check_network, check_tensors
from progressive_buckets.naturalistic.recall import ContextualMemory
from progressive_buckets.specialists.gating import gated_part, inputs_of, specialists_of
from progressive_training import ModelError, model_file, read_tensors
from progressive_training.market import Ridge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from progressive_training.market import Market, Part


NEAREST = 3
"""Horizons that the outlook is the mean of, the shortest ones: with all of them it ranks the losses of others a little worse."""


class TradingModel(AdvantageModel[Card]):
    """A trained bucket. Call it with bars and the position held; `card` describes what it was trained on."""

    def __init__(self, tensors: Mapping[str, Tensor], card: Card) -> None:
        self.card, self.tensors = card, tensors
        shape = Shape(len(card.features), len(card.scales), card.width, card.members, card.horizons)
        columns = shape.features * shape.scales
        check_tensors(tensors, shape)  # before anything is made of these sizes
        recall_weight = card.recall_weight
        if card.specialists:
            tensors, recall_weight = specialists_of(tensors), card.specialists_recall_weight
            shape = evolve(shape, features=inputs_of(tensors))
            check_network(tensors, shape)
            columns = shape.features * shape.scales
        self.network: Network = Network(shape, "cpu")
        self.network.copy_from({name: tensors[name] for name in self.network.parameters})
        self.memory: ContextualMemory = ContextualMemory(columns, "cpu")
        self.memory.recollect(tensors["memory.rows"], tensors["memory.followed"])
        self.memory.refresh(self.network)
        self.memory.weight = recall_weight

    @property
    def unit(self) -> float:
        return self.card.unit

    def predictions(self, part: Part, market: Market) -> dict[int, float]:
        """Expected log return over each horizon: the network counts in deviations of a return over so many bars."""
        deviations = self._finite(self.network.predictions(self._seen(part).features))[-1]
        returns = deviations * market.volatility[-1] * torch.tensor(self.card.horizons).sqrt()
        return dict(zip(self.card.horizons, returns.tolist(), strict=True))

    def costs(self, market: Market) -> Tensor:
        return cost_units(market.costs, self.card.unit, self.card.reluctance, market.device)

    def advantages(self, part: Part) -> Tensor:
        features = self._seen(part).features
        own = self.network.advantages(features)
        blended = self.memory.blend(self.network, features, own, self.memory.weight)
        return self._finite(blended)

    def outlook(self, part: Part, market: Market) -> Tensor | None:
        predicted = self._finite(self.network.predictions(self._seen(part).features))[
            :, :NEAREST
        ]  # [N, horizons], in deviations
        bars = torch.tensor(self.card.horizons[:NEAREST])
        volatility = market.volatility[part.start : part.start + len(part)]
        return (predicted * bars.rsqrt()).mean(dim=1) * volatility

    def skill(self, part: Part, market: Market) -> dict[int, float]:
        return horizon_skill(self.network, market, torch.tensor(self.card.horizons), self._seen(part))

    def _seen(self, part: Part) -> Part:
        """The bars of `part` as the network that acts sees them."""
        return gated_part(part) if self.card.specialists else part

    def ridge(self) -> Ridge:
        return Ridge(self.tensors["baseline.ridge"])


def load_trading_model(path: str | Path) -> TradingModel:
    """Read a model of the shared learner.

    :param path: a model file, or the directory that holds `model.safetensors`.
    :raise ModelError: there is no such file, or it is no model of the shared learner.
    """
    file = model_file(path)
    tensors, values = read_tensors(file)
    card = read_card(values, file)
    try:
        return TradingModel(tensors, card)
    except ValueError as error:
        raise ModelError(f"{file}: its tensors do not fit its card ({error}). Take another copy.") from error
