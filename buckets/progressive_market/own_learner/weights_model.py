"""A saved model of a `WeightsLearner`, used without a trainer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attrs import evolve, frozen

from progressive_market.bars import load_bars
from progressive_market.judging.baselines import Ridge, with_baselines
from progressive_market.market import Part
from progressive_market.own_learner.weights_learner import RIDGE, PolicyFrom
from progressive_market.serving.saved_market import MarketCard, checked_card, market_of
from progressive_training import ModelError, model_file, read_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_market.bars import Bars, Source
    from progressive_market.market import Market
    from progressive_training import Performance

ACTIONS: Mapping[float, Literal["long", "flat", "short"]] = {1.0: "long", 0.0: "flat", -1.0: "short"}


@frozen
class Answer:
    """The position to take at the open of the next bar, and the `reason` why the model trades or stays flat."""

    action: Literal["long", "flat", "short"]
    reason: str


@frozen
class WeightsModel:
    """`tensors` of a saved model and the `card` that says on which market they are used, and whether it may trade there."""

    tensors: Mapping[str, Tensor]
    card: MarketCard
    policy_from: PolicyFrom
    overrules: bool = False

    @property
    def reason(self) -> str:
        """Why the model trades or stays flat."""
        return self.card.reason(overruled=self.overrules)

    def overruled(self) -> WeightsModel:
        """The same model, trading whatever its verdict says."""
        return evolve(self, overrules=True)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns beside time, prices and volume that it was trained with."""
        return self.card.columns

    def __call__(self, frame: Source) -> Answer:
        """The position to take at the open of the next bar, had the model traded every bar of `frame`, from flat.

        :param frame: bars in whatever `load_bars` takes.
        :raise ModelError: the bars do not fit those trained on, or are too few.
        """
        market = market_of(self.card, load_bars(frame))
        held = self._positions(Part(0, market.features, market.returns, market.settled, market.times), market)
        flat = self.card.stays_flat(overruled=self.overrules)
        return Answer("flat" if flat else ACTIONS[float(held[-1])], self.reason)

    def performance(self, bars: Bars) -> tuple[Performance, ...]:
        """What the model's strategy did on `bars`, whether or not it may trade, and the baselines beside it, net of the costs
        it was trained for.

        :raise ModelError: as for a call.
        """
        market = market_of(self.card, bars)
        part = market.part(slice(0, len(bars.close)))
        held = self._positions(part, market)
        return with_baselines(self.card.bucket, held, part, market, Ridge(self.tensors[RIDGE]))

    def _positions(self, part: Part, market: Market) -> Tensor:
        try:
            held = self.policy_from(self.tensors, market)(part)
        except Exception as error:  # a stranger's function, and weights of another shape than it expects
            raise ModelError(
                f"{self.card.bucket} model: it cannot be used ({error!r:.200}). Take another copy."
            ) from error
        if not held.isfinite().all():
            raise ModelError(f"{self.card.bucket} model: its weights give no numbers on these bars. Take another copy.")
        return held


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
