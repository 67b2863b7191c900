"""The saved model of a committee: the models of its members in one file, and its use on other bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from attrs import frozen

from progressive_buckets.advantage_model import AdvantageModel
from progressive_buckets.committee.mean_vote import Member, mean_vote, member_of, vote_costs
from progressive_buckets.committee.membership import voter_from
from progressive_training import Model, ModelError, model_file, read_tensors
from progressive_training.market import LARGEST, MarketCard, Ridge, Scaler, checked_card

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_training.market import Market, Part

RIDGE = "baseline.ridge"
BORDER = "/"
"""Between a member's name and that of its tensor: no bucket's name holds one."""


@frozen(kw_only=True)
class CommitteeCard(MarketCard):
    """The market's part is inherited. `horizons`: all those of its members, in bars. `unit`: log growth of one vote. `members`: the card
    of each member, by its name."""

    horizons: tuple[int, ...]
    unit: float
    members: Mapping[str, Mapping[str, Any]]

    def out_of_range(self) -> str:
        """The name of a value that no committee has; empty where there is none."""
        in_range = {"unit": 0 < self.unit < LARGEST, "members": bool(self.members)}
        return next((key for key, fits in in_range.items() if not fits), super().out_of_range())


class CommitteeModel(AdvantageModel[CommitteeCard]):
    """A committee. Call it with bars and the position held; `card` describes what it was judged on, `members` who votes."""

    def __init__(self, members: Sequence[Member], card: CommitteeCard, ridge: Tensor) -> None:
        self.members, self.card, self._ridge = tuple(members), card, ridge

    @property
    def unit(self) -> float:
        return self.card.unit

    def advantages(self, part: Part) -> Tensor:
        return self._finite(mean_vote(self.members, part))

    def costs(self, market: Market) -> Tensor:
        return vote_costs(market.costs, market.device)

    def ridge(self) -> Ridge:
        return Ridge(self._ridge)


def tensors_of(members: Sequence[Member]) -> dict[str, Tensor]:
    """The tensors of all members, each behind its name."""
    return {f"{each.name}{BORDER}{name}": tensor for each in members for name, tensor in each.model.tensors.items()}


def members_in(
    model: Model, cards: Mapping[str, Mapping[str, Any]], names: Sequence[str], scaler: Scaler, where: str
) -> tuple[Member, ...]:
    """The members that a committee's `model` holds, with their `cards`.

    :param names, scaler: the committee's features. :param where: what holds the model, for messages.
    :raise ModelError: one is damaged, or its bucket is not installed.
    """
    made = []
    for name, card in cards.items():
        start = f"{name}{BORDER}"
        tensors = {each.removeprefix(start): tensor for each, tensor in model.tensors.items() if each.startswith(start)}
        own = Model(tensors=tensors, card=card)
        made.append(member_of(name, voter_from(name, own, f"{where}, {name} in it"), own, names, scaler))
    return tuple(made)


def load_committee(path: str | Path) -> CommitteeModel:
    """Read a model of a committee.

    :param path: a model file, or the directory that holds `model.safetensors`.
    :raise ModelError: there is no such file, or it is no committee.
    """
    file = model_file(path)
    tensors, values = read_tensors(file)
    card = checked_card(values, CommitteeCard, file)
    ridge = tensors.get(RIDGE)
    fits = ridge is not None and (ridge.shape, ridge.dtype) == ((len(card.scaler.mean),), torch.float64)
    if ridge is None or not fits or not ridge.isfinite().all():
        raise ModelError(f"{file}: {RIDGE} is missing, or does not fit its card. Take another copy.")
    members = members_in(Model(tensors=tensors, card=values), card.members, card.features, scaler_of(card), str(file))
    return CommitteeModel(members, card, ridge)


def scaler_of(card: MarketCard) -> Scaler:
    """The scaler that a card records."""
    import numpy as np

    return Scaler(np.array(card.scaler.mean), np.array(card.scaler.deviation))
