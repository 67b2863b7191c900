"""A saved model that values long and short over flat at each bar: its decision on the newest one, and its strategy on any bars."""

from __future__ import annotations

from abc import abstractmethod
from math import isfinite
from typing import TYPE_CHECKING, TypeVar

import pandas as pd
import torch

from progressive_training import ModelError
from progressive_training.market import (
    ACTIONS,
    FLAT,
    WARM_UP,
    Decision,
    Live,
    MarketCard,
    ServedModel,
    market_of,
    positions_of,
)

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_training.market import Action, Bars, Forming, Market, Part, Source

CardT = TypeVar("CardT", bound=MarketCard)


class AdvantageModel(ServedModel[CardT]):
    """Call it with bars and the position held; a subclass gives `advantages`, `costs` and `unit`."""

    heeds_start = True

    @abstractmethod
    def advantages(self, part: Part) -> Tensor:
        """Advantage of long and short over flat [N, 2] on the bars of `part`, in units.

        :raise ModelError: some of it is no number.
        """

    @abstractmethod
    def costs(self, market: Market) -> Tensor:
        """Costs of a change of position [from, to] [3, 3] by which it decides, in units."""

    @property
    @abstractmethod
    def unit(self) -> float:
        """Log growth of one unit."""

    def predictions(self, part: Part, market: Market) -> dict[int, float]:
        """Expected log return from the last bar of `part` on, by horizon; empty where it predicts nothing."""
        return {}

    def __call__(self, bars: Source | Bars, position: Action | None = None, *, forming: Forming = "refuse") -> Decision:
        """Decide on the newest bar, as the evaluated policy would; flat where the verdict lets the model not trade: nowhere, or not in the regime of that bar.

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
        return self._decided(closed, market_of(self.card.uncharged(), closed, last=1), position)

    def _decided(self, closed: Bars, market: Market, position: Action) -> Decision:
        """The decision on the newest of the bars, of which alone the `market` is; `position` is held."""
        newest, settled = market.part(slice(0, 1)), bool(market.settled[-1])
        advantage, held = self.advantages(newest), ACTIONS.index(position)
        chosen = ACTIONS[self._best(advantage[0], self.costs(market), held)]
        action, reason = chosen, self.reason
        if self.stays_flat:
            action = "flat"
        elif not settled:
            action, reason = "flat", f"{WARM_UP} bars after a gap"
        elif market.absent is not None and market.absent[-1]:
            action, reason = position, "nothing was traded at the end of the bar"
        elif outside := self.outside(newest):
            action, reason = chosen if self.overruled else "flat", outside
        return Decision(
            action=action,
            reason=reason,
            values=self._values(advantage[0], held, market),
            predictions=self.predictions(newest, market) if settled else {},
            time=pd.Timestamp(int(market.times[-1]), tz="UTC"),
            warnings=self._warnings(closed, market),
        )

    def live(self, position: Action = "flat") -> Live:
        """The model from here on, remembering what it holds and the bars it was given: one bar more costs that bar alone.

        :param position: what is held now.
        :raise ModelError: it is none of "flat", "long", "short".
        """
        market_of_newest = self._continued()

        def decide(bars: Source | Bars, held: Action, forming: Forming) -> Decision:
            position = _known(held)
            with torch.inference_mode():
                return self._decided(*market_of_newest(bars, forming), position)

        return Live(decide, _known(position))

    def follow_strategy(self, part: Part, market: Market, start: int = FLAT) -> Tensor:
        return positions_of(self.advantages(part), part.decidable, self.costs(market), part.absent, start)

    def _values(self, advantage: Tensor, held: int, market: Market) -> dict[Action, float]:
        """Log gain of each action that may be taken, net of the cost of changing from the position `held`."""
        gains = dict(zip(ACTIONS, [0.0, *(advantage * self.unit).tolist()], strict=True))
        sides, steps = (0, 1, -1), market.costs.table()
        values = {name: gain - steps[abs(sides[n] - sides[held])] for n, (name, gain) in enumerate(gains.items())}
        if market.costs.allowed == "long":
            del values["short"]
        return values

    def _finite(self, answer: Tensor) -> Tensor:
        """The same `answer`; weights that are numbers each can still be too large together.

        :raise ModelError: some of it is no number.
        """
        if answer.numel() and not isfinite(answer.abs().max()):
            raise ModelError(f"{self.card.bucket} model: its weights give no numbers on these bars. Take another copy.")
        return answer


def _known(position: Action | None) -> Action:
    if position not in ACTIONS or position is None:
        raise ModelError(
            f"position is {position!r:.60}, expected what is held now: one of {', '.join(map(repr, ACTIONS))} (model.live() "
            f"remembers it)"
        )
    return position
