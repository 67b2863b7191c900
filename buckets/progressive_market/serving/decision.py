"""What a model answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from attrs import field, frozen

if TYPE_CHECKING:
    import pandas as pd

Action = Literal["flat", "long", "short"]
ACTIONS: tuple[Action, ...] = ("flat", "long", "short")
"""In the order of the policy's positions 0, 1, 2."""


@frozen(kw_only=True)
class Decision:
    """The position to take at the open of the next bar.

    `action`: "flat", "long" or "short". `reason`: why the action is not simply what the strategy does ("no edge shown", "24 bars
    after a gap"), or why not to trust it where it is; None where there is nothing to say. `values`: expected log gain of each
    action that may be taken over staying flat for good, net of the cost of changing from the position held. `predictions`:
    expected log return over each horizon (in bars) from the next fill on, none right after a gap. `time`: open of the bar that was decided on, UTC.
    `warnings`: what is amiss with the bars.
    """

    action: Action
    reason: str | None
    values: Mapping[Action, float] = field(factory=dict)
    predictions: Mapping[int, float] = field(factory=dict)
    time: pd.Timestamp
    warnings: tuple[str, ...] = ()
