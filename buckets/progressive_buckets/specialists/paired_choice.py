"""Whether specialists act in place of the plain network: a paired test on validation bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from progressive_buckets.state_checks import checked_flag
from progressive_training import LedgerEntry
from progressive_training.market import stretch_of, t_statistic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from progressive_training.market import MarketEvaluator

STRATEGY = "specialists"
ADOPTED_T = 1.0
"""t of what the specialists earn more than the plain network, bar by bar on validation, from which they act."""
KEPT_BY_HALF = ("positions", "score", "regime_positions")
"""What an evaluator keeps for each half of the validation bars, by name in its state."""


class Choice:
    """Which of the two acts. `made`: whether that was decided; `adopted`: whether the specialists act."""

    def __init__(self) -> None:
        self.made = self.adopted = False

    def state_dict(self) -> dict[str, Any]:
        """Both as JSON values."""
        return {"made": self.made, "adopted": self.adopted}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a state of `state_dict()`.

        :raise ValueError: something does not fit; nothing is then changed.
        """
        made, adopted = checked_flag(state, "made"), checked_flag(state, "adopted")
        self.made, self.adopted = made, adopted


def entry_of(bucket: str, episode: int, t: float, before: float, after: float) -> LedgerEntry:
    """The ledger entry of a choice by this `t`; `before` and `after` are the validation scores of plain network and specialists."""
    adopted = t >= ADOPTED_T
    return LedgerEntry(
        strategy=STRATEGY,
        source=bucket,
        target=bucket,
        phase="choice",
        episode=episode,
        verdict="kept" if adopted else "rolled back",
        reason=_reason(t, adopted=adopted),
        before=before,
        after=after,
    )


def _reason(t: float, *, adopted: bool) -> str:
    return f"{'gained by regimes' if adopted else 'regimes did not gain beyond noise'}, t {t:.1f} of {ADOPTED_T:g}"


def state_of_both(evaluator: MarketEvaluator, plain: MarketEvaluator, gated: MarketEvaluator) -> dict[str, Any]:
    """The state of an evaluator that considered what both did: each half of the validation bars chooses between what it
    keeps of the plain network and of the specialists, by its own bars, so that the other half can judge that choice too."""
    states = plain.state_dict(), gated.state_dict()
    bars = torch.arange(len(evaluator.validation), device=evaluator.market.device)
    first = stretch_of(bars, len(bars)) % 2 == 0

    def growth(half: int, held: Tensor) -> Tensor:
        return evaluator.market.growth(held[half].double(), evaluator.validation)[first if half == 0 else ~first]

    gains = [growth(half, states[1]["positions"]) - growth(half, states[0]["positions"]) for half in (0, 1)]
    kept = [states[t_statistic(gain) >= ADOPTED_T] for gain in gains]
    by_half = {
        name: torch.stack([kept[half][name][half] for half in (0, 1)]) for name in KEPT_BY_HALF if name in states[0]
    }
    return {**states[0], **by_half, "choices": states[0]["choices"] + states[1]["choices"]}
