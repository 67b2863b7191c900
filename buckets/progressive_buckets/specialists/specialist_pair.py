"""The learner of a bucket whose market knows regimes: the plain network and its specialists, trained side by side.

Each is a `MarketLearner` that knows nothing of the other. The plain one trains to the bit as it would without regimes. At the end
a paired test on validation bars decides whether both vote or the plain one acts alone. Both are saved and teach: the specialists'
weights have names of their own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from attrs import evolve

from progressive_buckets.learner.adopting import SharedInsight
from progressive_buckets.specialists.gating import OWN, own_name, plain_name
from progressive_buckets.specialists.paired_choice import Choice, entry_of
from progressive_buckets.specialists.saved_pair import load_pair, model_of_pair
from progressive_buckets.specialists.voting import SeenBySpecialists, VotingPolicy
from progressive_training import Adoption, EpisodeReport, Knowledge
from progressive_training.market import PolicyLearner, Stateful, evaluator_on, with_prefix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from progressive_buckets.learner.learner import MarketLearner
    from progressive_buckets.network_policy import NetworkPolicy
    from progressive_training import LedgerEntry, Model, State


class SpecialistPair(PolicyLearner):
    """`plain` and `gated`, the specialists, of one bucket. Implements `progressive_training.Learner`.

    Until the choice between them is made, their scores are the mean of both, by which transfers are judged: a
    source that teaches one of them helps by half of what it gives it. Afterwards they are those of what acts.
    """

    def __init__(self, plain: MarketLearner, gated: MarketLearner) -> None:
        self.info, self.market, self.split = plain.info, plain.market, plain.split
        self.plain, self.gated = plain, gated
        self.evaluator = evaluator_on(plain.market, plain.split, plain.info)
        self.evaluator.scored = plain.evaluator.scored  # the same object: policies know what they did on it
        self._seen = SeenBySpecialists([(plain.evaluator.scored, gated.evaluator.scored)])
        self._vote: VotingPolicy | None = None
        self.choice, self.shared = Choice(), SharedInsight()

    @property
    def both(self) -> tuple[MarketLearner, MarketLearner]:
        """The plain learner, then the specialists'."""
        return self.plain, self.gated

    @property
    def voters(self) -> tuple[MarketLearner, ...]:
        """Those that act: the plain one alone, until the choice is made and where it is against the specialists."""
        return self.both if self.choice.adopted else (self.plain,)

    # ------------------------------------------------------------------ training

    def run_episode(self) -> EpisodeReport:
        """One episode of each. The report is the plain one's; what the specialists did is in its traces.

        `best_episode` is the later one of both: training goes on while either of them improves.
        """
        self.choice.made = self.choice.adopted = False
        report, other = self.plain.run_episode(), self.gated.run_episode()
        if self.plain.progress.fixed:
            self.evaluator.forget()
        vote, judge = self._voting(recall=False), self.evaluator
        judge.consider(vote)
        self.choice.compare(judge.validation_blocks(self.plain.without_recall()), judge.validation_blocks(vote))
        trace = {"score": other.score, "best_score": other.best_score, "best_episode": other.best_episode}
        return evolve(
            report,
            best_episode=max(report.best_episode, other.best_episode),
            transitions=report.transitions + other.transitions,
            trades=report.trades + other.trades,
            traces={**report.traces, "specialists": {**trace, "loss": other.loss}},
        )

    def keep_best(self) -> list[LedgerEntry]:
        """Return both to their best weights, and choose whether they vote.

        The evaluator has considered the vote after every episode. Each half of the validation bars decides by its own bars whether what
        it keeps is that or the plain network, so that the other half can judge this choice too.
        """
        for each in self.both:
            each.keep_best()
        before, after = (self.evaluator.validate(policy) for policy in (self.plain.acting(), self._voting()))
        t = self.choice.make()
        states = self.plain.evaluator.state_dict(), self.evaluator.state_dict()
        self.evaluator.load_state_dict(self.choice.by_half(*states))
        return [entry_of(self.info.name, self.plain.progress.episode, t, before, after, adopted=self.choice.adopted)]

    # ------------------------------------------------------------------ measuring

    def policy(self) -> NetworkPolicy | VotingPolicy:
        """The policy that acts; weights that were adopted are considered first."""
        if self.choice.made and any(each.progress.adopted for each in self.voters):
            self.consider()
        return self.acting()

    def acting(self) -> NetworkPolicy | VotingPolicy:
        """As `policy`, before validation has decided on what was adopted."""
        return self._voting() if self.choice.adopted else self.plain.acting()

    def consider(self) -> None:
        """Hand what acts to the evaluator as a choice, and keep it if none was better."""
        for each in self.voters:
            each.consider()
        self.evaluator.consider(self._voting(recall=False) if self.choice.adopted else self.plain.without_recall())

    def _voting(self, *, recall: bool = True) -> VotingPolicy:
        """What both do together; the same object for the same weights."""
        plain, gated = (each.acting() if recall else each.without_recall() for each in self.both)
        if self._vote is None or self._vote.plain is not plain or self._vote.gated is not gated:
            self._vote = VotingPolicy(plain, gated, self._seen)
        return self._vote

    def validate(self) -> float:
        """The score of what acts, or the mean of both until that is chosen."""
        if self.choice.made:
            return super().validate()
        return sum(each.validate() for each in self.both) / 2

    def validation_blocks(self) -> tuple[float, ...]:
        """`validate()` by blocks."""
        if self.choice.made:
            return super().validation_blocks()
        return _mean(*(each.validation_blocks() for each in self.both))

    def validate_after(self, moment: str) -> tuple[float, tuple[float, ...]] | None:
        """`validate()` and its blocks on the validation bars from `moment` (an ISO time) on; None where these are too few."""
        if self.choice.made:
            return super().validate_after(moment)
        scores = [found for each in self.both if (found := each.validate_after(moment))]
        if len(scores) < len(self.both):
            return None
        (plain, plain_blocks), (gated, gated_blocks) = scores
        return (plain + gated) / 2, _mean(plain_blocks, gated_blocks)

    # ------------------------------------------------------------------ knowledge

    def knowledge(self) -> Knowledge:
        """What both know: the weights of both by name, the importance of both their inputs, half a share each, and their mean skill by
        horizon; distrust and t are those of what acts."""
        plain, gated = (each.measured() for each in self.both)
        importance = {name: share / 2 for name, share in plain.importance.items()}
        importance |= {f"{OWN}.{name}": share / 2 for name, share in gated.importance.items()}
        horizons = {horizon: (skill + gated.horizons[horizon]) / 2 for horizon, skill in plain.horizons.items()}
        self.shared.share(importance, horizons)
        weights = self.plain.critic.target.knowledge()
        weights |= {own_name(name): tensor for name, tensor in self.gated.critic.target.knowledge().items()}
        return Knowledge(
            origin=self.info.name,
            weights=weights,
            feature_importance=importance,
            horizons=horizons,
            distrust=self.evaluator.degeneration(self.acting()),
            t=self.own_t(),
        )

    def adopt(self, knowledge: Knowledge) -> Adoption:
        """Each takes over what is its own. Of a teacher without regimes that is the plain one; the skill by horizon is both's."""
        own = {plain: tensor for name, tensor in knowledge.weights.items() if (plain := plain_name(name))}
        others = {name: tensor for name, tensor in knowledge.weights.items() if plain_name(name) is None}
        importance = _unless_own(knowledge.feature_importance, self.shared.importance)
        skill = _unless_own(knowledge.horizons, self.shared.horizons)
        mark = f"{OWN}."
        own_importance = {name[len(mark) :]: share for name, share in importance.items() if name.startswith(mark)}
        plain_importance = {name: share for name, share in importance.items() if not name.startswith(mark)}
        taken = Adoption(dropped=())
        for learner, weights, shares, named in (
            (self.plain, others, plain_importance, str),
            (self.gated, own, own_importance, own_name),
        ):
            offered = evolve(knowledge, weights=weights, feature_importance=_as_shares(shares), horizons=skill)
            made = learner.adopt(offered)
            taken = Adoption(
                copied=(*taken.copied, *map(named, made.copied)),
                new=(*taken.new, *map(named, made.new)),
                dropped=(*taken.dropped, *map(named, made.dropped)),
            )
        return taken

    # ------------------------------------------------------------------ saving

    def parts(self) -> dict[str, Stateful]:
        """The parts of both, the choice between them, and what was shared and considered."""
        own: dict[str, Stateful] = {"choice": self.choice, "shared": self.shared, "evaluator": self.evaluator}
        return own | with_prefix("plain", self.plain.parts()) | with_prefix(OWN, self.gated.parts())

    def restore(self, state: State) -> None:
        """Return to a snapshot; training then goes on as it did from there, to the bit.

        :raise ModelError: it does not fit; the learner is then as it was.
        """
        super().restore(state)
        for each in self.both:
            if len(each.memory.rows):
                each.memory.refresh(each.critic.target)

    def model(self) -> Model:
        """Both networks in one file; its card says whether both vote."""
        return model_of_pair(self)

    def load(self, model: Model) -> None:
        """Continue from a saved model. One without specialists is that of the plain network, which then acts alone.

        :raise ModelError: it is damaged, or its features are not this market's, in the same order.
        """
        load_pair(self, model)
        self.consider()

    def close(self) -> None:
        """Release the market and all parts."""
        for each in self.both:
            each.close()
        super().close()


def _mean(first: tuple[float, ...], second: tuple[float, ...]) -> tuple[float, ...]:
    """The mean of both, block by block; empty where one of them says nothing."""
    return tuple((one + other) / 2 for one, other in zip(first, second, strict=True)) if first and second else ()


def _unless_own(given: Mapping[Any, float], own: Mapping[Any, float]) -> Mapping[Any, float]:
    """What was `given`; nothing where it is what this learner shared itself."""
    return {} if dict(given) == own else given


def _as_shares(parts: Mapping[str, float]) -> dict[str, float]:
    """The same in proportion, summing to 1."""
    total = math.fsum(parts.values())
    return {name: part / total for name, part in parts.items()} if total > 0 else {}
