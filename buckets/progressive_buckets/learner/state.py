"""Take a learner's whole state out as tensors and JSON values, and put it back to the bit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from progressive_training import Knowledge, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from progressive_buckets.learner.learner import MarketLearner


def live_tensors(learner: MarketLearner) -> Mapping[str, Tensor]:
    """The tensors of fixed size that training changes in place, by name."""
    critic, replay, exploration = learner.critic, learner.replay, learner.exploration
    return {
        "online.flat": critic.online.flat,
        "online.prior": critic.online.prior,
        "target.flat": critic.target.flat,
        "target.prior": critic.target.prior,
        "adam.mean": critic.adam.mean,
        "adam.square": critic.adam.square,
        "horizon_weight": critic.horizon_weight,
        "best": learner.best,
        "edge.states": learner.edge.states,
        "edge.score": learner.edge.score,
        "exploration.visits": exploration.visits,
        "exploration.seen": exploration.seen,
        "exploration.error": exploration.error,
        "exploration.progress": exploration.progress,
        "replay.bars": replay.bars,
        "replay.priorities": replay.priorities,
    }


def snapshot_learner(learner: MarketLearner) -> State:
    """All that changes in training, as copies; of the replay only the filled part."""
    filled = learner.replay.filled
    tensors = {
        name: (tensor[:filled] if name.startswith("replay.") else tensor).clone()
        for name, tensor in live_tensors(learner).items()
    }
    memory = learner.memory
    for name in ("bars", "rows", "followed"):
        tensors[f"memory.{name}"] = getattr(memory, name).clone()
    tensors["generator"] = learner.generator.get_state()
    told = learner.told
    return State(
        tensors=tensors,
        values={
            "episode": learner.episode,
            "best_score": learner.best_score if math.isfinite(learner.best_score) else None,
            "edge_cap": learner.edge.cap if math.isfinite(learner.edge.cap) else None,
            "best_episode": learner.best_episode,
            "adopted": learner.adopted,
            "adam_steps": learner.critic.adam.steps,
            "replay_filled": filled,
            "replay_cursor": learner.replay.cursor,
            "memory_weight": memory.weight,
            "told_importance": dict(told.feature_importance) if told else None,
            "told_horizons": {str(horizon): skill for horizon, skill in told.horizons.items()} if told else None,
        },
    )


def restore_learner(learner: MarketLearner, state: State) -> None:
    """Put a snapshot back; the learner then goes on as the one it was taken from."""
    tensors, values = state.tensors, state.values
    for name, tensor in live_tensors(learner).items():
        (tensor[: values["replay_filled"]] if name.startswith("replay.") else tensor).copy_(tensors[name])
    memory, device = learner.memory, learner.market.device
    memory.bars, memory.rows, memory.followed = (
        tensors[f"memory.{name}"].to(device).clone() for name in ("bars", "rows", "followed")
    )
    if len(memory.rows):
        memory.refresh(learner.critic.target)
    memory.weight = values["memory_weight"]
    learner.generator.set_state(tensors["generator"].cpu())
    learner.episode, learner.best_episode = values["episode"], values["best_episode"]
    learner.best_score = -math.inf if values["best_score"] is None else values["best_score"]
    learner.edge.cap = math.inf if values["edge_cap"] is None else values["edge_cap"]
    learner.adopted = values["adopted"]
    learner.critic.adam.steps = values["adam_steps"]
    learner.replay.filled, learner.replay.cursor = values["replay_filled"], values["replay_cursor"]
    learner.told = None
    if values["told_importance"] is not None:
        horizons = {int(horizon): skill for horizon, skill in values["told_horizons"].items()}
        learner.told = Knowledge(
            origin=learner.info.name, feature_importance=values["told_importance"], horizons=horizons
        )
