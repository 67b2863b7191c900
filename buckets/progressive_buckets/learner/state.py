"""Take a learner's whole state out as tensors and JSON values, and put it back to the bit."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from progressive_training import Knowledge, ModelError, State

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_buckets.learner.learner import MarketLearner

LARGEST = 2**62
_HORIZON = re.compile(r"[0-9]{1,9}", re.ASCII)


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


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < LARGEST


def _shares(value: Any) -> bool:
    return value is None or (
        isinstance(value, Mapping)
        and all(isinstance(name, str) and (each is None or type(each) in (int, float)) for name, each in value.items())
    )


def check_state(learner: MarketLearner, state: State) -> None:
    """Hold a snapshot, which a checkpoint from anywhere may be, against this learner; nothing is changed before.

    :raise ModelError: something is missing, of another type or size, or points at a bar that is not there.
    """
    bars, capacity = len(learner.market.returns), learner.replay.capacity
    values, tensors = state.values, state.tensors
    counts = {"episode": LARGEST, "best_episode": LARGEST, "adam_steps": LARGEST, "replay_filled": capacity}
    counts["replay_cursor"] = capacity - 1
    fits = {key: type(values.get(key)) is int and 0 <= values[key] <= most for key, most in counts.items()}
    fits |= {key: values.get(key, "") is None or _number(values.get(key)) for key in ("best_score", "edge_cap")}
    fits["adopted"] = type(values.get("adopted")) is bool
    fits["memory_weight"] = _number(values.get("memory_weight")) and 0 <= values["memory_weight"] <= 1
    fits |= {key: key in values and _shares(values[key]) for key in ("told_importance", "told_horizons")}
    horizons = values.get("told_horizons") if fits["told_horizons"] else None
    fits["told_horizons"] &= (values.get("told_importance") is None) == (values.get("told_horizons") is None)
    fits["told_horizons"] &= all(_HORIZON.fullmatch(horizon) for horizon in horizons or ())
    if odd := next((key for key, good in fits.items() if not good), None):
        raise _misfit(learner, odd)
    expected = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in live_tensors(learner).items()}
    for name in ("replay.bars", "replay.priorities"):
        expected[name] = (values["replay_filled"],), expected[name][1]
    rows, met = tensors.get("memory.rows"), tensors.get("memory.bars")
    kept = len(rows) if rows is not None and rows.dim() else 0
    known = 0 if met is not None and met.numel() == 0 else kept  # of a loaded model it is not known where they were met
    expected["memory.bars"] = (known,), torch.int64
    expected["memory.rows"] = (kept, learner.market.features.shape[1]), torch.float32
    expected["memory.followed"] = (kept, 2), torch.float32
    expected["generator"] = tuple(learner.generator.get_state().shape), torch.uint8
    for name, sizes_and_type in expected.items():
        tensor = tensors.get(name)
        if tensor is None or (tuple(tensor.shape), tensor.dtype) != sizes_and_type:
            raise _misfit(learner, name)
    for name in ("replay.bars", "memory.bars"):
        if len(tensors[name]) and not 0 <= int(tensors[name].min()) <= int(tensors[name].max()) < bars:
            raise _misfit(learner, name)


def _misfit(learner: MarketLearner, key: str) -> ModelError:
    return ModelError(
        f"{learner.info.name}: the checkpoint does not fit this run ({key} is missing, or of another type, size or range)"
    )


def restore_learner(learner: MarketLearner, state: State) -> None:
    """Put a snapshot back; the learner then goes on as the one it was taken from.

    :raise ModelError: it does not fit; the learner is then as it was.
    """
    check_state(learner, state)
    tensors, values = state.tensors, state.values
    try:
        learner.generator.set_state(tensors["generator"].cpu())
    except RuntimeError:
        raise _misfit(learner, "generator") from None
    for name, tensor in live_tensors(learner).items():
        (tensor[: values["replay_filled"]] if name.startswith("replay.") else tensor).copy_(tensors[name])
    memory, device = learner.memory, learner.market.device
    memory.bars, memory.rows, memory.followed = (
        tensors[f"memory.{name}"].to(device).clone() for name in ("bars", "rows", "followed")
    )
    if len(memory.rows):
        memory.refresh(learner.critic.target)
    memory.weight = values["memory_weight"]
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
