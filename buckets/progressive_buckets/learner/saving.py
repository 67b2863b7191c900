"""A learner's model as it is saved, and a learner that goes on from one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from progressive_buckets.card import FORMAT
from progressive_buckets.market.features import SCALES
from progressive_training import Model, ModelError

if TYPE_CHECKING:
    from progressive_buckets.learner.learner import MarketLearner


def model_of(learner: MarketLearner) -> Model:
    """The weights that act, memory and ridge baseline, and the card that says how to use them.

    Tensors named `gates.*`, `extractor.*`, `value.*` and `horizon.*` are the knowledge that travels.
    """
    market, critic, memory = learner.market, learner.critic, learner.memory
    measured = learner.measured()
    tensors = critic.target.knowledge()
    tensors["memory.rows"], tensors["memory.followed"] = memory.rows.clone(), memory.followed.clone()
    tensors["baseline.ridge"] = learner.ridge().weights.clone()
    card = {
        "format": FORMAT,
        "bucket": learner.info.name,
        "seed": learner.info.seed,
        "features": list(market.names),
        "scales": list(SCALES),
        "horizons": list(learner.info.horizons),
        "width": critic.hyper.width,
        "members": critic.hyper.members,
        "scaler": {"mean": market.scaler.mean.tolist(), "deviation": market.scaler.deviation.tolist()},
        "costs": {"side": market.costs.side, "capital": market.costs.capital},
        "interval_seconds": market.interval,
        "unit": critic.unit,
        "reluctance": critic.hyper.reluctance,
        "recall_weight": memory.weight,
        "abstains": learner.abstains(),
        "validation_t": learner.edge_t(),
        "validation_score": learner.validate(),
        "importance": {
            "screened": dict(measured.screened),
            "permuted": dict(measured.permuted),
            "agreement": measured.agreement,
        },
    }
    return Model(tensors={name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, card=card)


def load_into(learner: MarketLearner, model: Model) -> None:
    """Put a saved model's weights and memory into `learner`, as its best so far.

    :raise ModelError: its features, in their order, are not this market's.
    """
    offered = tuple(model.card["features"])
    if offered != learner.market.names:
        raise ModelError(
            f"{learner.info.name}: the model was trained on features {', '.join(offered)}; these bars give "
            f"{', '.join(learner.market.names)}. Train on bars with the same columns."
        )
    network, device = learner.critic.target, learner.market.device
    weights = {name: model.tensors[name] for name in network.parameters if name in model.tensors}
    network.prior.fill_(1.0)
    network.copy_from({name: w.to(device) for name, w in weights.items() if w.shape == network.parameters[name].shape})
    learner.critic.online.load_state(network.state())
    memory = learner.memory
    memory.recollect(model.tensors["memory.rows"].to(device), model.tensors["memory.followed"].to(device))
    memory.refresh(network)
    memory.weight = float(model.card["recall_weight"])
    learner.edge.cap = float(model.card["validation_t"])
    learner.consider()
