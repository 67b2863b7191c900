"""Use a trained model: one call on a frame of bars, with no trainer and no plugin involved."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from progressive_buckets.card import Card, read_card
from progressive_training import ModelError, model_file, read_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from progressive_buckets.learner.network import Network
    from progressive_buckets.naturalistic.recall import ContextualMemory
    from progressive_training import Performance
    from progressive_training.market import Bars, Market, Source

Action = Literal["long", "flat", "short"]
ACTIONS: tuple[Action, ...] = ("flat", "long", "short")
"""In the order of the policy's positions 0, 1, 2."""


@frozen
class Decision:
    """The model's decision on the last bar, to be executed at the open of the next.

    `values`: expected log gain of each allowed action over staying flat for good, net of the cost of changing from the position
    held. `predictions`: expected return by horizon in bars, in standard deviations of a return over so many bars. `time`:
    open of the last bar (UTC, nanoseconds). `reason`: the verdict by which the model trades or stays flat.
    """

    action: Action
    values: Mapping[Action, float]
    predictions: Mapping[int, float]
    time: int
    reason: str


class TradingModel:
    """A trained bucket. Call it with bars; `card` describes what it was trained on.

    It trades where its card says so. `overrules`: its user lets it trade whatever the verdict.
    """

    overrules = False

    def __init__(self, tensors: Mapping[str, Tensor], card: Card) -> None:
        from progressive_buckets.learner.network import Network, Shape
        from progressive_buckets.learner.saving import check_tensors
        from progressive_buckets.naturalistic.recall import ContextualMemory

        self.card, self.tensors = card, tensors
        shape = Shape(len(card.features), len(card.scales), card.width, card.members, card.horizons)
        columns = shape.features * shape.scales
        check_tensors(tensors, shape)  # before anything is made of these sizes
        self.network: Network = Network(shape, "cpu")
        self.network.copy_from({name: tensors[name] for name in self.network.parameters})
        self.memory: ContextualMemory = ContextualMemory(columns, "cpu")
        self.memory.recollect(tensors["memory.rows"], tensors["memory.followed"])
        self.memory.refresh(self.network)
        self.memory.weight = card.recall_weight

    @property
    def reason(self) -> str:
        """Why the model trades or stays flat."""
        return self.card.reason(overruled=self.overrules)

    def overruled(self) -> TradingModel:
        """The same model, trading whatever its verdict says."""
        model = copy(self)
        model.overrules = True
        return model

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns beside time, prices and volume that it was trained with."""
        return self.card.columns

    def __call__(self, frame: Source, position: Action = "flat") -> Decision:
        """Decide on the last bar of `frame`, as the evaluated policy would; flat where the verdict lets the model not trade.

        :param frame: bars in whatever `load_bars` takes, in any order of columns, as exchanges name them, with the extra columns trained on; the more
            history the better, up to about 2,000 bars.
        :param position: what is held now.
        :raise ModelError: a column is missing or unknown, the last bar is no bar, there is too little history, or the
            bars are of another length than those trained on.
        """
        from progressive_training.market import best_actions

        if position not in ACTIONS:
            raise ModelError(f"position is {position!r}, expected one of {', '.join(map(repr, ACTIONS))}")
        market = self.market(_last_bar_kept(frame))
        row = market.features[-1:]
        advantage = self._advantages(row)
        predicted = self._finite(self.network.predictions(row))[0].tolist()
        gains = dict(zip(ACTIONS, [0.0, *(advantage[0] * self.card.unit).tolist()], strict=True))
        held, steps = ACTIONS.index(position), market.costs.table()
        sides = (0, 1, -1)
        values = {name: gain - steps[abs(sides[n] - sides[held])] for n, (name, gain) in enumerate(gains.items())}
        if market.costs.allowed == "long":
            del values["short"]
        chosen = int(best_actions(advantage, self._costs(market))[0, held])
        settled = bool(market.settled[-1])
        action = ACTIONS[chosen] if settled and not self.card.stays_flat(overruled=self.overrules) else "flat"
        forecast = dict(zip(self.card.horizons, predicted, strict=True))
        return Decision(action, values, forecast, int(market.times[-1]), self.reason)

    def performance(self, bars: Bars) -> tuple[Performance, ...]:
        """Performance of the model's strategy on `bars`, whether or not it may trade, and the baselines beside it, net of the costs it was trained for.

        :raise ModelError: as for a call.
        """
        from progressive_training.market import Bars, Ridge, positions_of, with_baselines

        if not isinstance(bars, Bars):
            raise ModelError(f"performance takes the bars of load_bars(FILE), got a {type(bars).__name__}")
        market = self.market(bars)
        part = market.part(slice(0, len(bars.close)))
        held = positions_of(self._advantages(part.features), part.decidable, self._costs(market), part.absent)
        ridge = Ridge(self.tensors["baseline.ridge"])
        return with_baselines(self.card.bucket, held, part, market, ridge)

    def market(self, bars: Bars) -> Market:
        """Match `bars` by column names and put them in order and scale.

        :raise ModelError: a column is missing or unknown, there is too little history, or the bars are of another
            length than those trained on.
        """
        from progressive_training.market import market_of

        return market_of(self.card, bars)

    def _costs(self, market: Market) -> Tensor:
        from progressive_buckets.learner.critic import cost_units

        return cost_units(market.costs, self.card.unit, self.card.reluctance, market.device)

    def _advantages(self, features: Tensor) -> Tensor:
        own = self.network.advantages(features)
        blended = self.memory.blend(self.network, features, own, self.memory.weight)
        return self._finite(blended)

    def _finite(self, answer: Tensor) -> Tensor:
        """The same `answer`; weights that are numbers each can still be too large together.

        :raise ModelError: some of it is no number.
        """
        if not answer.isfinite().all():
            raise ModelError(f"{self.card.bucket} model: its weights give no numbers on these bars. Take another copy.")
        return answer


def load_trading_model(path: str | Path) -> TradingModel:
    """Read a model of the shared learner.

    :param path: a model file, or the directory that holds `model.safetensors`.
    :raise ModelError: there is no such file, or it is no model of the shared learner.
    """
    file = model_file(path)
    tensors, values = read_tensors(file)
    card = read_card(values, file)
    try:
        return TradingModel(tensors, card)
    except ValueError as error:
        raise ModelError(f"{file}: its tensors do not fit its card ({error}). Take another copy.") from error


def _last_bar_kept(frame: Source) -> Bars:
    """The bars of `frame`, whose newest row must be one of them: an older one is not what was asked about."""
    from progressive_training.market import clean_reading, read

    reading = read(frame)
    bars = clean_reading(reading)
    if reading.time.max() != bars.time[-1]:
        raise ModelError("the newest row of the frame is no bar (a price is missing or impossible): give a whole bar")
    return bars
