"""Whether specialists vote beside the plain network: a paired test on validation bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from progressive_buckets.state_checks import checked_flag
from progressive_training import LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Mapping
STRATEGY = "specialists"
ADOPTED_T = 1.0
"""t of what the vote earns more than the plain network alone, bar by bar on validation, from which it acts."""


class Choice:
    """`made`: whether it was decided what acts; `adopted`: whether the specialists vote."""

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
    """The ledger entry of a choice by this `t`; `before` and `after` are the validation scores of the plain network and of the vote."""
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
