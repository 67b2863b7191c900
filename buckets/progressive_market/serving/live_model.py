"""A model that remembers the position it has taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from progressive_market.bars.bar_records import Bars
from progressive_market.serving.decision import Action, Decision
from progressive_training import ModelError

if TYPE_CHECKING:
    from progressive_market.bars import Source
    from progressive_market.serving.served_bars import Forming


class Live:
    """Decides on bar after bar: each answer is taken to have been executed, and is what is held at the next.

    `position`: what is held now, "flat", "long" or "short"; set it where an order was not filled. `latest`: the last answer, None
    before the first.
    """

    def __init__(self, decide: Callable[[Source | Bars, Action, Forming], Decision], position: Action) -> None:
        """:param decide: a model's call."""
        self._decide, self.position = decide, position
        self.latest: Decision | None = None

    def __call__(self, bars: Source | Bars, *, forming: Forming = "refuse") -> Decision:
        """The decision on the newest bar. Asked again about the same bar, the same answer is given and nothing changes.

        :raise ModelError: as for a call of the model; or the newest bar is older than that of the last answer.
        """
        decision = self._decide(bars, self.position, forming)
        if self.latest is not None and decision.time <= self.latest.time:
            if decision.time < self.latest.time:
                raise ModelError(
                    f"the newest bar is of {decision.time.isoformat()}, and one of {self.latest.time.isoformat()} has been decided "
                    f"on: give the bars up to now"
                )
            return self.latest
        self.latest, self.position = decision, decision.action
        return decision

    def __repr__(self) -> str:
        return f"<live, {self.position}{f', decided on {self.latest.time.isoformat()}' if self.latest else ''}>"
