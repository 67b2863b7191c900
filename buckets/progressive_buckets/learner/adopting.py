"""Adoption: a learner takes over knowledge of another one, and remembers what it has shared itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from progressive_buckets.state_checks import misfit
from progressive_training import Adoption

if TYPE_CHECKING:
    from progressive_buckets.learner.learner import MarketLearner
    from progressive_training import Knowledge


_HORIZON = re.compile(r"[0-9]{1,9}", re.ASCII)


class SharedInsight:
    """The `importance` of features and the skill by `horizons` that a learner last gave to others; empty at first.

    Knowledge that comes back with equal ones brings nothing new: they are the learner's own.
    """

    def __init__(self) -> None:
        self.importance: Mapping[str, float] = {}
        self.horizons: Mapping[int, float] = {}

    def share(self, importance: Mapping[str, float], horizons: Mapping[int, float]) -> None:
        """Remember what is given to others now."""
        self.importance, self.horizons = dict(importance), dict(horizons)

    def state_dict(self) -> dict[str, Any]:
        """Both as JSON values."""
        horizons = {str(horizon): skill for horizon, skill in self.horizons.items()}
        return {"importance": dict(self.importance), "horizons": horizons}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a state of `state_dict()`.

        :raise ValueError: something does not fit; nothing is then changed.
        """
        importance, horizons = _checked_values(state, "importance"), _checked_values(state, "horizons")
        if not all(_HORIZON.fullmatch(horizon) for horizon in horizons):
            raise misfit("horizons")
        self.share(importance, {int(horizon): skill for horizon, skill in horizons.items()})


def _checked_values(state: Mapping[str, Any], name: str) -> Mapping[str, float]:
    """The numbers by name in `state[name]`; one that was not finite has been saved as None."""
    values = state.get(name)
    if not isinstance(values, Mapping) or not all(
        isinstance(key, str) and (value is None or type(value) in (int, float)) for key, value in values.items()
    ):
        raise misfit(name)
    return values


def adopt_knowledge(learner: MarketLearner, knowledge: Knowledge) -> Adoption:
    """Copy the weights that match by name and shape, and use importances and horizon skills that did not come from here.

    Changed weights go into both networks, and the optimiser's moments are reset.
    """
    critic, network = learner.critic, learner.critic.target
    own = network.knowledge()
    fitting = {
        name: tensor.to(learner.market.device)
        for name, tensor in knowledge.weights.items()
        if name in network.parameters and tensor.shape == network.parameters[name].shape
    }
    if any(not torch.equal(tensor, own[name]) for name, tensor in fitting.items()):
        network.copy_from(fitting)
        critic.online.load_state(network.state())
        critic.adam.forget()
    if knowledge.feature_importance and dict(knowledge.feature_importance) != learner.shared.importance:
        critic.set_prior(knowledge.feature_importance)
    if knowledge.horizons and dict(knowledge.horizons) != learner.shared.horizons:
        critic.set_horizon_weight(knowledge.horizons)
    if len(learner.memory.rows):
        learner.memory.refresh(network)
    learner.progress.adopted = True
    return Adoption(
        copied=tuple(fitting),
        new=tuple(name for name in network.parameters if name not in fitting),
        dropped=tuple(name for name in knowledge.weights if name not in fitting),
    )
