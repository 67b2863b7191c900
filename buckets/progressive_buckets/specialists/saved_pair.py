"""Plain network and specialists in one model file, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from progressive_buckets.learner.saving import check_network, load_into, model_of, take_network
from progressive_buckets.specialists.gating import own_name, specialists_of
from progressive_training import Model, ModelError

if TYPE_CHECKING:
    from progressive_buckets.specialists.specialist_pair import SpecialistPair


def model_of_pair(pair: SpecialistPair) -> Model:
    """The plain model, the specialists' tensors by names of their own, and a card that says whether both vote."""
    made, gated = model_of(pair.plain), pair.gated
    own = gated.critic.target.knowledge()
    own |= {"memory.rows": gated.memory.rows.clone(), "memory.followed": gated.memory.followed.clone()}
    card = {
        **made.card,
        **pair.evaluator.card(pair.acting()),
        "validation_score": pair.validate(),
        "specialists": pair.choice.adopted,
        "specialists_recall_weight": gated.memory.weight,
    }
    tensors = {own_name(name): tensor.cpu().contiguous() for name, tensor in own.items()}
    return Model(tensors={**made.tensors, **tensors}, card=card)


def load_pair(pair: SpecialistPair, model: Model) -> None:
    """Load a saved model into both; one without specialists into the plain network alone.

    :raise ModelError: it is damaged, or its features are not this market's, in the same order.
    """
    own, shape = specialists_of(model.tensors), pair.gated.critic.target.shape
    try:
        if own:
            check_network(own, shape)
        pair.evaluator.recall(model.card)
    except ValueError as error:
        raise ModelError(
            f"{pair.info.name}: the saved model is damaged, or was trained with other REGIMES ({error})"
        ) from error
    load_into(pair.plain, model)
    if own:
        take_network(pair.gated, own, float(model.card.get("specialists_recall_weight", 0.0)))
    pair.choice.made, pair.choice.adopted = True, bool(own) and model.card.get("specialists") is True
