"""A saved model of a `WeightsLearner`, used without a trainer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from attrs import evolve

from progressive_market.judging.baselines import Ridge
from progressive_market.market import carried
from progressive_market.own_learner.weights_learner import RIDGE, PolicyFrom
from progressive_market.policy import FLAT
from progressive_market.serving.decision import ACTIONS, Decision
from progressive_market.serving.saved_market import MarketCard, checked_card, market_of
from progressive_market.serving.served_model import ServedModel
from progressive_training import ModelError, model_file, read_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_market.bars import Bars, Source
    from progressive_market.market import Market, Part
    from progressive_market.serving.served_bars import Forming


class WeightsModel(ServedModel[MarketCard]):
    """`tensors` of a saved model and the `card` that says on which market they are used, and whether it may trade there."""

    def __init__(self, tensors: Mapping[str, Tensor], card: MarketCard, policy_from: PolicyFrom) -> None:
        self.tensors, self.card, self.policy_from = tensors, card, policy_from

    def __call__(self, bars: Source | Bars, *, forming: Forming = "refuse") -> Decision:
        """The position to take at the open of the next bar, had the model traded every one of `bars`, from flat: its policy
        alone knows what a position held before is worth, so it is not asked for.

        :param bars: whatever `load_bars` takes, or what it gives. :param forming: "refuse" a bar that has not closed, or "drop" it.
        :raise ModelError: the bars do not fit those trained on, or are too few.
        """
        closed = self.read(bars, forming)
        market = market_of(self.card.uncharged(), closed)
        part = evolve(market.part(slice(0, len(closed))), decidable=market.settled)
        side = float(self.follow_strategy(part, market)[-1] if self.stays_flat else self._held(part, market)[-1])
        return Decision(
            action="flat" if self.stays_flat else ACTIONS[int(side)],  # -1 is the last, short
            reason=self.reason or self.outside(part),
            time=pd.Timestamp(int(market.times[-1]), tz="UTC"),
            warnings=self._warnings(closed, market),
        )

    def ridge(self) -> Ridge:
        return Ridge(self.tensors[RIDGE])

    def follow_strategy(self, part: Part, market: Market, start: int = FLAT) -> Tensor:
        try:
            held = self.policy_from(self.tensors, market)(part)
        except Exception as error:  # a stranger's function, and weights of another shape than it expects
            raise ModelError(
                f"{self.card.bucket} model: it cannot be used ({error!r:.200}). Take another copy."
            ) from error
        if not held.isfinite().all():
            raise ModelError(f"{self.card.bucket} model: its weights give no numbers on these bars. Take another copy.")
        return held if part.absent is None else carried(held, part.absent)


def load_weights_model(path: str | Path, policy_from: PolicyFrom) -> WeightsModel:
    """Read a model that a `WeightsLearner` saved.

    :param policy_from: the learner's own.
    :raise ModelError: there is no such file, or it is no such model.
    """
    file = model_file(path)
    tensors, values = read_tensors(file)
    card = checked_card(values, MarketCard, file)
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ModelError(f"{file}: {name} holds what is no number. Take another copy.")
    ridge = tensors.get(RIDGE)
    if ridge is None or ridge.shape != (len(card.scaler.mean),):
        raise ModelError(f"{file}: {RIDGE} is missing, or does not fit its card. Take another copy.")
    return WeightsModel(tensors, card, policy_from)
