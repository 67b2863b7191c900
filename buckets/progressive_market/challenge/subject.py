"""What an attack is given: a finished strategy, the bars that it is measured on, and a way to make its features of other bars."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, evolve

from progressive_market.bars.bar_records import PRICES

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_market.bars import Bars
    from progressive_market.fills import Costs
    from progressive_market.market import Market, Part


@define(eq=False, slots=False)
class Subject:
    """A strategy under attack, on N consecutive bars (`part`) of a `market`.

    `name`: of its bucket. `bars`: those of the market, raw, with history before the part: `bars.between(...)` and `evolve` change
    them, `remade` makes features of them anew. `policy`: signed positions [N] of the strategy on any part of a market. `opened`: the
    market of any bars, as the model's card says. `seed`: of the randomness of attacks.
    """

    name: str
    bars: Bars
    market: Market
    part: Part
    policy: Callable[[Part, Market], Tensor]
    opened: Callable[[Bars], Market]
    seed: int = 0

    @cached_property
    def held(self) -> Tensor:
        """Signed positions [N] of the strategy on the part."""
        return self.policy(self.part, self.market)

    @cached_property
    def growth(self) -> Tensor:
        """Log growth of each bar of the part [N] under the strategy, net of the costs that it was trained for."""
        return self.grown(self.held)

    def grown(self, held: Tensor, part: Part | None = None, costs: Costs | None = None) -> Tensor:
        """Log growth of each bar [N] of `part`, this one by default, under the positions `held` [N], at the market's `costs` or others."""
        market = self.market if costs is None else evolve(self.market, costs=costs)
        return market.growth(held, self.part if part is None else part)

    def on(self, part: Part) -> Tensor:
        """Log growth [N] where the strategy sees `part`, the same bars with other features or bars that are absent, in its place."""
        return self.grown(self.policy(part, self.market), part)

    def remade(self, bars: Bars) -> Subject:
        """The same strategy on `bars`, as many as `self.bars`: all features are made anew, nothing is trained."""
        market = self.opened(writable(bars))
        return evolve(self, bars=bars, market=market, part=market.part(self.rows))

    @property
    def rows(self) -> slice:
        """The bars of the part, as numbers of the market's."""
        return slice(self.part.start, self.part.start + len(self.part))

    def random(self) -> np.random.Generator:
        """Random numbers, the same at each call."""
        return np.random.default_rng(self.seed)


def writable(bars: Bars) -> Bars:
    """`bars` with copies of the arrays that nobody may write to: tensors share the memory of arrays, and cannot be read-only."""
    shared = {name: getattr(bars, name) for name in ("time", *PRICES, "volume", "segment")}
    copies = {name: values.copy() for name, values in shared.items() if not values.flags.writeable}
    return evolve(bars, **copies)
