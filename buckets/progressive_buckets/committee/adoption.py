"""Whether a committee is adopted: a paired comparison on validation with what its members do alone."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch
from attrs import asdict, evolve, frozen

from progressive_training import Edge
from progressive_training.market import MarketEvaluator, t_statistic
from progressive_training.presentation import profit_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from progressive_buckets.committee.mean_vote import CommitteePolicy, Member
    from progressive_training import Evaluation
    from progressive_training.market import Market, Part

ADOPTION_T = -2.0
"""t from which a vote is adopted. Validation chose each member and not the vote, so that the comparison leans against it: seen by us on 20
planted markets, t was -0.5 in the mean (-1.9 to 0.9) where fresh bars gave the vote 5 points more. From 1 on it would have refused all of them."""
MEMBERS_T = 1.5
"""Mean of the members' own t from which a vote is adopted, so that it never is on a walk: there it was at most 1.0 on 24 of them, with a
deviation of 0.7, and at least 1.5 on 19 of the 20 planted markets."""
WHOLE, BY_REGIME = ("validation_t", "validation_alpha_t"), ("regime_validation_t", "regime_validation_alpha_t")
"""What a card holds of validation bars that did not choose its model."""


@frozen
class Adopted:
    """What validation says: log growth of the `committee` there, and of its `members` in the mean; `t` of the difference, by blocks; and
    `own_t`, the mean of the members' own t on bars that did not choose them, NaN where it is not known."""

    committee: float
    members: float
    t: float
    own_t: float

    @property
    def adopted(self) -> bool:
        """Whether the vote is followed in use, where its verdict lets it."""
        return self.own_t >= MEMBERS_T and self.t >= ADOPTION_T

    @property
    def reason(self) -> str:
        """Why, in words."""
        vote = f"{profit_text(self.committee)} where its members have {profit_text(self.members)}, t {self.t:.1f}"
        if self.t < ADOPTION_T:
            return f"worse than its members on validation ({vote})"
        own = f"t {self.own_t:.1f} in the mean on validation bars that did not choose them"
        if self.adopted:
            return f"no worse than its members on validation, and they show something ({own}; {vote})"
        return f"its members show too little ({own}, {MEMBERS_T:g} is needed; {vote})"


class CommitteeEvaluator(MarketEvaluator):
    """Judges a committee as any policy, and lets it trade only where it is `adopted`, too."""

    adopted: Callable[[], Adopted]

    def evaluate(self, policy: Callable[[Part], Tensor]) -> Evaluation:
        judged = super().evaluate(policy)
        if judged.test and not (found := self.adopted()).adopted:
            edge = Edge.NONE if judged.edge is Edge.CONFIRMED else judged.edge
            verdict = f"not adopted: {found.reason}; its vote by itself: {judged.verdict}"
            judged = self.judged = evolve(judged, edge=edge, trades="nowhere", verdict=verdict)
        return judged


def evidence_of(members: Sequence[Member], market: Market) -> dict[str, Any]:
    """What validation says of a committee on `market` at most, as a card holds it: of each t in its members' cards, which come from bars
    that did not choose them, the mean. Validation has chosen each member, and a vote of them looks better there than it is."""
    cards, detector = [member.model.card for member in members], market.regime_model
    recorded = {name: _mean([card.get(name) for card in cards]) for name in (*WHOLE, *BY_REGIME)}
    return recorded if detector is None else {**recorded, "regimes": asdict(detector)}


def _mean(values: Sequence[Any]) -> Any:
    """The mean of numbers, or of lists of them place by place; None where one is not known."""
    if all(isinstance(value, list) for value in values):
        return [_mean(each) for each in zip(*values, strict=False)]
    return None if None in values else fmean(values)


def compare_with_members(evaluator: MarketEvaluator, policy: CommitteePolicy) -> Adopted:
    """Compare a vote with what each member would do by its own, on all validation bars."""
    part = evaluator.validation
    together = evaluator.growth(policy, part)
    alone = torch.stack([evaluator.growth(member, part) for member in policy.alone()]).mean(dim=0)
    own_t = _mean([member.model.card.get(WHOLE[0]) for member in policy.members])
    return Adopted(
        committee=float(together.sum()),
        members=float(alone.sum()),
        t=t_statistic(together - alone),
        own_t=math.nan if own_t is None else own_t,
    )
