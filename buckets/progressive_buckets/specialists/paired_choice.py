"""Whether specialists vote beside the plain network: a paired test on validation bars that neither of them chose."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from progressive_buckets.state_checks import checked_count, checked_flag, checked_like
from progressive_training import LedgerEntry
from progressive_training.market import in_first_half, t_statistic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STRATEGY = "specialists"
BLOCKS = 64
"""Of validation bars, at most, whose sums are compared."""
KEPT_BY_HALF = ("positions", "score", "regime_positions")
"""What an evaluator keeps for each half, by name in its state."""
VETO_T = -2.0
"""t of what the vote earns more than the plain network alone, below which it does not act."""


class Choice:
    """`made`: whether it was decided what acts; `adopted`: whether the specialists vote.

    `gained` [BLOCKS] is what the vote earned more than the plain network on each block of validation bars, summed over the `episodes`
    that were compared. Each episode is compared as it came out: of the best one of many, each network kept the one that luck favoured on
    these bars, and the vote of two such loses against either. Seen by us: where the vote gains 0.10 of the ceiling on fresh bars, t of
    the kept weights is -0.7 in the median.
    """

    def __init__(self) -> None:
        self.made = self.adopted = False
        self.gained, self.episodes = torch.zeros(BLOCKS, dtype=torch.float64), 0

    def compare(self, plain: Sequence[float], vote: Sequence[float]) -> None:
        """Count what both earned after one episode, in sums over the same blocks; empty ones say nothing."""
        if plain and vote:
            difference = torch.tensor(vote, dtype=torch.float64) - torch.tensor(plain, dtype=torch.float64)
            self.gained[: len(difference)] += difference
            self.episodes += 1

    def make(self) -> float:
        """Decide, and return the t; NaN, and against the specialists, where nothing was compared."""
        t = t_statistic(self.gained) if self.episodes else math.nan
        self.made, self.adopted = True, t >= VETO_T
        return t

    def by_half(self, plain: Mapping[str, Any], vote: Mapping[str, Any]) -> dict[str, Any]:
        """The state of an evaluator each half of which keeps what it would choose by its own bars: of states of one that considered
        the `plain` network alone, and of one that considered the `vote`."""
        first = in_first_half(torch.arange(BLOCKS), BLOCKS)  # as the evaluator parts its bars
        kept = [vote if self.episodes and t_statistic(self.gained[own]) >= VETO_T else plain for own in (first, ~first)]
        halves = {
            name: torch.stack([kept[half][name][half] for half in (0, 1)]) for name in KEPT_BY_HALF if name in vote
        }
        return {**vote, **halves, "choices": plain["choices"] + vote["choices"]}

    def state_dict(self) -> dict[str, Any]:
        """Tensors and JSON values by name."""
        return {"made": self.made, "adopted": self.adopted, "gained": self.gained, "episodes": self.episodes}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a state of `state_dict()`.

        :raise ValueError: something does not fit; nothing is then changed.
        """
        made, adopted = checked_flag(state, "made"), checked_flag(state, "adopted")
        gained, episodes = checked_like(state, gained=self.gained)["gained"], checked_count(state, "episodes")
        self.made, self.adopted, self.gained, self.episodes = made, adopted, gained.clone(), episodes


def entry_of(bucket: str, episode: int, t: float, before: float, after: float, *, adopted: bool) -> LedgerEntry:
    """The ledger entry of a choice; `before` and `after` are the validation scores of the plain network and of the vote."""
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
    if adopted:
        return (
            f"specialists vote: over all episodes that lost nothing beyond noise (t {t:.1f}, {VETO_T:.0f} is the least)"
        )
    return (
        "no episode was compared"
        if math.isnan(t)
        else f"specialists lost to the plain network over all episodes (t {t:.1f}, {VETO_T:.0f} is the least)"
    )
