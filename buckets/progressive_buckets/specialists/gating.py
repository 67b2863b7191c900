"""The inputs of specialists: every feature as it is, and once more for each regime after the first.

With K regimes of probabilities p, the copy of x for regime k is x * (p_k - p_1), k from 2 to K: effect coding, so that what
holds in all regimes is the feature's own weight, and a copy's weight says by how much a regime departs from it. With a product
x * p_k for each regime beside x (half as much again for two regimes, and one of three redundant) the network learned less than
the plain one where views change their sign with the regime: median 0.34 of the ceiling for 0.57, and 0.78 with this coding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from attrs import evolve

from progressive_buckets.learner.network import GATES
from progressive_training import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from progressive_training.market import Market, Part

OWN = "regimes"
"""What stands in a name after the first dot, in front of all that belongs to the specialists."""


def gated_features(features: Tensor, regimes: Tensor) -> Tensor:
    """The inputs of specialists [N, K * columns], of `features` [N, columns] and probabilities of `regimes` [N, K]."""
    departures = regimes[:, 1:] - regimes[:, :1]
    return torch.cat([features, *(features * each[:, None] for each in departures.unbind(dim=1))], dim=1)


def gated_names(names: tuple[str, ...], count: int) -> tuple[str, ...]:
    """The names of the raw features that specialists for `count` regimes see: `x`, then `x@2` for the second regime, and so on."""
    return names + tuple(f"{name}@{regime}" for regime in range(2, count + 1) for name in names)


def gated_market(market: Market) -> Market:
    """`market` as its specialists see it. What is measured on it is kept beside what is measured on `market`."""
    assert market.regimes is not None
    return evolve(
        market,
        names=gated_names(market.names, market.regimes.shape[1]),
        features=gated_features(market.features, market.regimes),
        measured=market.once("measured by specialists", dict),
    )


def gated_part(part: Part) -> Part:
    """The same bars as specialists see them.

    :raise ModelError: nothing is known of their regimes.
    """
    if part.regimes is None:
        raise ModelError("the model has specialists for market regimes, and the regimes of these bars are not known")
    return evolve(part, features=gated_features(part.features, part.regimes))


def own_name(name: str) -> str:
    """What a tensor of the specialists' network is called where it stands beside the plain one: `extractor.regimes.0.weight` of
    `extractor.0.weight`, so that a transfer finds it by its prefix like any other."""
    first, _, rest = name.partition(".")
    return f"{first}.{OWN}.{rest}"


def plain_name(name: str) -> str | None:
    """The name that `own_name` was given; None of a name that it never gives."""
    first, _, rest = name.partition(".")
    own, _, rest = rest.partition(".")
    return f"{first}.{rest}" if own == OWN and rest else None


def specialists_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the specialists in a model file, as their own network names them; none of a model without."""
    return {plain: tensor for name, tensor in tensors.items() if (plain := plain_name(name))}


def inputs_of(tensors: Mapping[str, Tensor]) -> int:
    """How many raw features the specialists with these `tensors` see, their copies for regimes included.

    :raise ValueError: they have no gates.
    """
    gates = tensors.get(GATES)
    if gates is None or gates.dim() != 2:
        raise ValueError("the specialists have no gates")
    return gates.shape[1]
