"""Use a trained model: one call on bars, with no trainer and no plugin involved but the features that it learned from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from attrs import evolve

from progressive_buckets.advantage_model import AdvantageModel
from progressive_buckets.card import Card, read_card
from progressive_buckets.insight.importance import horizon_skill
from progressive_buckets.learner.critic import cost_units
from progressive_buckets.learner.network import Network, Shape
from progressive_buckets.learner.saving import check_network, check_tensors
from progressive_buckets.naturalistic.recall import ContextualMemory
from progressive_buckets.served_network import ServedNetwork
from progressive_buckets.specialists.gating import gated_part, inputs_of, specialists_of
from progressive_training import ModelError, model_file, read_tensors
from progressive_training.market import Ridge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from progressive_training.market import Market, Part


NEAREST = 3
"""Horizons that the outlook is the mean of, the shortest ones: with all of them it ranks the losses of others no better."""


class TradingModel(AdvantageModel[Card]):
    """A trained bucket. Call it with bars and the position held; `card` describes what it was trained on. `network` and `memory` give its
    advantages, and `specialists` those of a second pair that votes beside them; None where none votes."""

    def __init__(self, tensors: Mapping[str, Tensor], card: Card) -> None:
        self.card, self.tensors = card, tensors
        shape = Shape(len(card.features), len(card.scales), card.width, card.members, card.horizons)
        check_tensors(tensors, shape)  # before anything is made of these sizes
        self.network, self.memory = _network(tensors, shape, card.recall_weight)
        self._roots = torch.tensor(card.horizons).sqrt()
        self.specialists: tuple[Network, ContextualMemory] | None = None
        if card.specialists:
            own = specialists_of(tensors)
            count = 0 if card.regimes is None else card.regimes.count
            if inputs_of(own) != count * shape.features:
                raise ValueError(f"its specialists are not for the {count} regimes of its card")
            wide = evolve(shape, features=inputs_of(own))
            check_network(own, wide)
            self.specialists = _network(own, wide, card.specialists_recall_weight)

    @property
    def unit(self) -> float:
        return self.card.unit

    def predictions(self, part: Part, market: Market) -> dict[int, float]:
        """Expected log return over each horizon: the network counts in deviations of a return over so many bars."""
        returns = self._predicted(part)[-1] * market.volatility[-1] * self._roots
        return dict(zip(self.card.horizons, returns.tolist(), strict=True))

    def costs(self, market: Market) -> Tensor:
        return cost_units(market.costs, self.card.unit, self.card.reluctance, market.device)

    def advantages(self, part: Part) -> Tensor:
        own = self.memory.advantages(self.network, part.features)
        if self.specialists:
            network, memory = self.specialists
            own = (own + memory.advantages(network, self._gated(part).features)) / 2
        return self._finite(own)

    def outlook(self, part: Part, market: Market) -> Tensor | None:
        bars = torch.tensor(self.card.horizons[:NEAREST])
        volatility = market.volatility[part.start : part.start + len(part)]
        return (self._predicted(part)[:, :NEAREST] * bars.rsqrt()).mean(dim=1) * volatility

    def _predicted(self, part: Part) -> Tensor:
        """Predicted outcome at each horizon [N, horizons], in deviations; with specialists the mean of theirs and the plain network's."""
        own = self.network.predictions(part.features)
        if self.specialists:
            own = (own + self.specialists[0].predictions(self._gated(part).features)) / 2
        return self._finite(own)

    def _gated(self, part: Part) -> Part:
        """The same bars as its specialists see them.

        :raise ModelError: they are of another number of regimes, as those of a committee may be.
        """
        own = 0 if self.card.regimes is None else self.card.regimes.count
        there = 0 if part.regimes is None else part.regimes.shape[1]
        if own != there:
            raise ModelError(
                f"{self.card.bucket} model: it has specialists for {own} regimes, and the bars have {there}. Take another copy."
            )
        return gated_part(part)

    def votes(self, part: Part) -> Tensor:
        """What a committee asks of it: advantage of long and short over flat [N, 2] on the bars of `part`, in what it demands of one
        side of a trade, or in units where it demands nothing."""
        return self.advantages(part) / self.vote_unit

    @property
    def vote_unit(self) -> float:
        """One vote of it in units of its advantages."""
        _, one, _ = self.card.costs.costs.table()
        return one * (1 + self.card.reluctance) / self.unit or 1.0

    def skill(self, part: Part, market: Market) -> dict[int, float]:
        """Skill by horizon; with specialists the mean of theirs and the plain network's."""
        horizons = torch.tensor(self.card.horizons)
        own = horizon_skill(self.network, market, horizons, part)
        if not self.specialists:
            return own
        theirs = horizon_skill(self.specialists[0], market, horizons, self._gated(part))
        return {horizon: (skill + theirs[horizon]) / 2 for horizon, skill in own.items()}

    def ridge(self) -> Ridge:
        return Ridge(self.tensors["baseline.ridge"])


def _network(tensors: Mapping[str, Tensor], shape: Shape, recall_weight: float) -> tuple[Network, ContextualMemory]:
    """A network with its memory, of tensors that were checked."""
    network, memory = ServedNetwork(shape, "cpu"), ContextualMemory(shape.features * shape.scales, "cpu")
    network.copy_from({name: tensors[name] for name in network.parameters})
    memory.recollect(tensors["memory.rows"], tensors["memory.followed"])
    memory.refresh(network)
    memory.weight = recall_weight
    return network, memory


def load_trading_model(path: str | Path) -> TradingModel:
    """Read a model of the shared learner.

    :param path: a model file, or the directory that holds `model.safetensors`.
    :raise ModelError: there is no such file, or it is no model of the shared learner.
    """
    file = model_file(path)
    return trading_model(*read_tensors(file), file)


def trading_model(tensors: Mapping[str, Tensor], values: Mapping[str, Any], file: Path) -> TradingModel:
    """The model of these `tensors`, with these values in its card; `file` is what messages name.

    :raise ModelError: it is no model of the shared learner.
    """
    card = read_card(values, file)
    try:
        return TradingModel(tensors, card)
    except ValueError as error:
        raise ModelError(f"{file}: its tensors do not fit its card ({error}). Take another copy.") from error
