"""A learner's model for saving, and a learner that continues from a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from progressive_buckets.card import FORMAT, read_card
from progressive_buckets.learner.network import Shape
from progressive_buckets.learner_settings import CHOOSE, REWARD
from progressive_buckets.naturalistic.recall import CAPACITY
from progressive_training import Model, ModelError
from progressive_training.market import market_card

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from progressive_buckets.insight.importance import Measured
    from progressive_buckets.learner.learner import MarketLearner


def model_of(learner: MarketLearner) -> Model:
    """Weights of the target network, contextual memory and ridge baseline, and the card that describes their use.

    A transfer reads the tensors named `gates.*`, `extractor.*`, `value.*` and `horizon.*`.
    """
    market, critic, memory = learner.market, learner.critic, learner.memory
    measured = learner.measured()
    tensors = critic.target.knowledge()
    tensors["memory.rows"], tensors["memory.followed"] = memory.rows.clone(), memory.followed.clone()
    tensors["baseline.ridge"] = learner.evaluator.ridge().weights.clone()
    card = {
        "format": FORMAT,
        "bucket": learner.info.name,
        "seed": learner.info.seed,
        **market_card(market, learner.split, learner.info.settings),
        "horizons": list(learner.info.horizons),
        "width": critic.hyper.width,
        "members": critic.hyper.members,
        "unit": critic.unit,
        "reluctance": critic.hyper.reluctance,
        "holding": critic.hyper.holding,
        "reward": learner.info.settings[REWARD],
        "choose": learner.info.settings[CHOOSE],
        "recall_weight": memory.weight,
        **learner.evaluator.card(learner.acting()),
        "validation_score": learner.validate(),
        "importance": importance_of(measured),
    }
    return Model(tensors={name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, card=card)


def importance_of(measured: Measured) -> dict[str, Any]:
    """How a card records the importance of features."""
    screened, permuted = dict(measured.screened), dict(measured.permuted)
    return {"screened": screened, "permuted": permuted, "agreement": measured.agreement}


def check_tensors(tensors: Mapping[str, Tensor], shape: Shape) -> None:
    """Check a saved model's tensors against the shape of its network, before memory is allocated for them.

    :raise ValueError: one is missing, of another type or shape, or holds a number that is not finite.
    """
    check_network(tensors, shape)
    _check_each(tensors, {"baseline.ridge": (shape.features * shape.scales,)}, torch.float64)


def check_network(tensors: Mapping[str, Tensor], shape: Shape) -> None:
    """As `check_tensors`, of a network and its memory alone."""
    columns = shape.features * shape.scales
    rows = tensors.get("memory.rows")
    kept = len(rows) if rows is not None and rows.dim() else 0
    if kept > CAPACITY:
        raise ValueError(f"memory.rows holds {kept} situations, expected {CAPACITY} at most")
    if len(shape.horizons) > len(tensors):  # each horizon has two tensors; checked before a table of all is made
        raise ValueError(f"{len(shape.horizons)} horizons and only {len(tensors)} tensors")
    expected = {
        **shape.parameters(),
        "memory.rows": (kept, columns),
        "memory.followed": (kept, 2),
    }
    _check_each(tensors, expected, torch.float32)


def _check_each(tensors: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], dtype: torch.dtype) -> None:
    for name, sizes in expected.items():
        tensor = tensors.get(name)
        fits = tensor is not None and tuple(tensor.shape) == sizes and tensor.dtype == dtype
        if tensor is None or not fits or not tensor.isfinite().all():
            raise ValueError(f"{name} is not a tensor of finite {str(dtype).removeprefix('torch.')} of shape {sizes}")


def load_into(learner: MarketLearner, model: Model) -> None:
    """Load a saved model's weights and memory into `learner`, as its best so far.

    :raise ModelError: the model is damaged, or its features are not this market's, in the same order.
    """
    card = read_card(model.card, Path(f"{learner.info.name} model"))
    offered = card.features
    try:
        check_tensors(model.tensors, Shape(len(offered), len(card.scales), card.width, card.members, card.horizons))
        if offered != learner.market.names:
            raise ModelError(
                f"{learner.info.name}: the model was trained on features {', '.join(offered)}; these bars give "
                f"{', '.join(learner.market.names)}. Train on bars with the same columns."
            )
        learner.evaluator.recall(model.card)
    except ValueError as error:
        raise ModelError(f"{learner.info.name}: the saved model is damaged ({error})") from error
    take_network(learner, model.tensors, card.recall_weight)
    learner.consider()


def take_network(learner: MarketLearner, tensors: Mapping[str, Tensor], recall_weight: float) -> None:
    """Put the saved weights that fit, and the saved memory, in place of those of `learner`."""
    network, device = learner.critic.target, learner.market.device
    weights = {name: tensors[name] for name in network.parameters if name in tensors}
    network.prior.fill_(1.0)
    network.copy_from({name: w.to(device) for name, w in weights.items() if w.shape == network.parameters[name].shape})
    learner.critic.online.load_state(network.state())
    memory = learner.memory
    memory.recollect(tensors["memory.rows"].to(device), tensors["memory.followed"].to(device))
    memory.refresh(network)
    memory.weight = recall_weight
