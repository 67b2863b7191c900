"""A learner takes over what another one knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from progressive_training import Adoption, Knowledge

if TYPE_CHECKING:
    from progressive_buckets.learner.learner import MarketLearner


def adopt_knowledge(learner: MarketLearner, knowledge: Knowledge) -> Adoption:
    """Take over weights that fit by name and shape, and importances and horizon skills that are not our own."""
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
    told = learner.told or Knowledge(origin=learner.info.name)
    if knowledge.feature_importance and dict(knowledge.feature_importance) != dict(told.feature_importance):
        critic.set_prior(knowledge.feature_importance)
    if knowledge.horizons and dict(knowledge.horizons) != dict(told.horizons):
        critic.set_horizon_weight(knowledge.horizons)
    if len(learner.memory.rows):
        learner.memory.refresh(network)
    learner.adopted = True
    return Adoption(
        copied=tuple(fitting),
        new=tuple(name for name in network.parameters if name not in fitting),
        dropped=tuple(name for name in knowledge.weights if name not in fitting),
    )
