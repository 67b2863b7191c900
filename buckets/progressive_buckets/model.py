"""Use a trained model: one call on bars, with no trainer and no plugin involved but the features that it learned from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import torch

from progressive_buckets.card import Card, read_card
from progressive_buckets.insight.importance import horizon_skill
from progressive_buckets.learner.critic import cost_units
from progressive_buckets.learner.network import Network, Shape
from progressive_buckets.learner.saving import check_tensors
from progressive_buckets.naturalistic.recall import ContextualMemory
from progressive_training import ModelError, model_file, read_tensors
from progressive_training.market import (
    ACTIONS,
    FLAT,
    WARM_UP,
    Decision,
    Live,
    Ridge,
    ServedModel,
    best_actions,
    market_of,
    positions_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from progressive_training.market import Action, Bars, Forming, Market, Part, Source


class TradingModel(ServedModel[Card]):
    """A trained bucket. Call it with bars and the position held; `card` describes what it was trained on."""

    def __init__(self, tensors: Mapping[str, Tensor], card: Card) -> None:
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

    def __call__(self, bars: Source | Bars, position: Action | None = None, *, forming: Forming = "refuse") -> Decision:
        """Decide on the newest bar, as the evaluated policy would; flat where the verdict lets the model not trade.

        :param bars: whatever `load_bars` takes, or what it gives: `history` bars up to now, with the extra columns trained on, or
            shorter ones which these are merged of. With fewer the answer has a warning.
        :param position: what is held now; it must be given.
        :param forming: what to do with a bar that has not closed yet: "refuse" it, or "drop" it.
        :raise ModelError: a column is missing, the newest row is no bar or a bad print or not closed yet, there are not even
            enough bars to trade after a gap, or they are of another length than those trained on.
        :raise DataError: the bars cannot be read.
        """
        position = _known(position)
        closed = self.read(bars, forming)
        market = market_of(self.card.uncharged(), closed, last=1)
        row = market.features
        advantage, held = self._advantages(row), ACTIONS.index(position)
        chosen = ACTIONS[int(best_actions(advantage, self._costs(market))[0, held])]
        action, reason = chosen, self.reason
        if self.stays_flat:
            action = "flat"
        elif not market.settled[-1]:
            action, reason = "flat", f"{WARM_UP} bars after a gap"
        elif market.absent is not None and market.absent[-1]:
            action, reason = position, "nothing was traded at the end of the bar"
        return Decision(
            action=action,
            reason=reason,
            values=self._values(advantage[0], held, market),
            predictions=self._predictions(row, market) if market.settled[-1] else {},
            time=pd.Timestamp(int(market.times[-1]), tz="UTC"),
            warnings=self._warnings(closed, market),
        )

    def live(self, position: Action = "flat") -> Live:
        """The model from here on, remembering what it holds.

        :param position: what is held now.
        :raise ModelError: it is none of "flat", "long", "short".
        """
        return Live(lambda bars, held, forming: self(bars, held, forming=forming), _known(position))

    def _values(self, advantage: Tensor, held: int, market: Market) -> dict[Action, float]:
        """Log gain of each action that may be taken, net of the cost of changing from the position `held`."""
        gains = dict(zip(ACTIONS, [0.0, *(advantage * self.card.unit).tolist()], strict=True))
        sides, steps = (0, 1, -1), market.costs.table()
        values = {name: gain - steps[abs(sides[n] - sides[held])] for n, (name, gain) in enumerate(gains.items())}
        if market.costs.allowed == "long":
            del values["short"]
        return values

    def _predictions(self, row: Tensor, market: Market) -> dict[int, float]:
        """Expected log return over each horizon: the network counts in deviations of a return over so many bars."""
        deviations = self._finite(self.network.predictions(row))[0]
        returns = deviations * market.volatility[-1] * torch.tensor(self.card.horizons).sqrt()
        return dict(zip(self.card.horizons, returns.tolist(), strict=True))

    def _costs(self, market: Market) -> Tensor:
        return cost_units(market.costs, self.card.unit, self.card.reluctance, market.device)

    def _advantages(self, features: Tensor) -> Tensor:
        own = self.network.advantages(features)
        blended = self.memory.blend(self.network, features, own, self.memory.weight)
        return self._finite(blended)

    def follow_strategy(self, part: Part, market: Market, start: int = FLAT) -> Tensor:
        return positions_of(self._advantages(part.features), part.decidable, self._costs(market), part.absent, start)

    def skill(self, part: Part, market: Market) -> dict[int, float]:
        return horizon_skill(self.network, market, torch.tensor(self.card.horizons), part)

    def ridge(self) -> Ridge:
        return Ridge(self.tensors["baseline.ridge"])

    def _finite(self, answer: Tensor) -> Tensor:
        """The same `answer`; weights that are numbers each can still be too large together.

        :raise ModelError: some of it is no number.
        """
        if not answer.isfinite().all():
            raise ModelError(f"{self.card.bucket} model: its weights give no numbers on these bars. Take another copy.")
        return answer


def _known(position: Action | None) -> Action:
    if position not in ACTIONS or position is None:
        raise ModelError(
            f"position is {position!r:.60}, expected what is held now: one of {', '.join(map(repr, ACTIONS))} (model.live() "
            f"remembers it)"
        )
    return position


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
