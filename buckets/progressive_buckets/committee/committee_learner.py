"""The learner of a committee: it learns nothing, but measures what its members decide together, and whether that is worth adopting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve

from progressive_buckets.committee.adoption import Adopted, CommitteeEvaluator, compare_with_members, evidence_of
from progressive_buckets.committee.committee_model import RIDGE, CommitteeCard, members_in, tensors_of
from progressive_buckets.committee.mean_vote import CommitteePolicy, Member, member_of
from progressive_buckets.committee.membership import FEWEST, model_at, voters_before
from progressive_buckets.learner.compute import prepare
from progressive_training import (
    Adoption,
    ConfigError,
    EpisodeReport,
    Knowledge,
    LedgerEntry,
    Model,
    ModelError,
    get_logger,
)
from progressive_training.market import (
    PolicyLearner,
    checked_card,
    completed_trades,
    configured_market,
    evaluator_on,
    market_card,
)

if TYPE_CHECKING:
    from progressive_training import BucketInfo, Resources
    from progressive_training.market import Market, Split, Stateful

log = get_logger()
STRATEGY = "vote"
"""What the ledger calls the decision whether it is adopted."""


def open_committee(info: BucketInfo, resources: Resources) -> CommitteeLearner:
    """Load the members of a committee and the configured bars, on the processor, where saved models run.

    The parts of the bars are those of the member with the longest horizon, so that none has trained on what it is judged by.

    :raise ConfigError: fewer than two members vote. :raise DataError: the bars cannot be used.
    """
    voters, _ = voters_before(info)
    finished = {result.bucket: result.model_path for result in info.results if result.bucket in voters}
    models = {name: model_at(path) for name, path in finished.items()}
    made = {name: voters[name](model, str(finished[name])) for name, model in models.items()}
    horizons = {horizon for voter in made.values() for horizon in getattr(voter.card, "horizons", ())}
    info = evolve(info, horizons=tuple(sorted(horizons.union(info.horizons))))
    prepare(info.settings)
    market, split = configured_market(info, evolve(resources, device="cpu"))
    members = []
    for name, voter in made.items():
        try:
            members.append(member_of(name, voter, models[name], market.names, market.scaler))
        except ModelError as error:
            log.warning(str(error))
    if len(members) < FEWEST:
        raise ConfigError(
            f"{info.name}: {', '.join(each.name for each in members) or 'none'} of the finished buckets can vote on these bars, and "
            f"{FEWEST} are needed"
        )
    return CommitteeLearner(info, market, split, members)


class CommitteeLearner(PolicyLearner):
    """Implements `progressive_training.Learner`. Its one episode measures the vote; nothing changes it."""

    def __init__(self, info: BucketInfo, market: Market, split: Split, members: Sequence[Member]) -> None:
        self.info, self.market, self.split = info, market, split
        evaluator = evaluator_on(market, split, info, CommitteeEvaluator)
        assert isinstance(evaluator, CommitteeEvaluator)
        self.evaluator: CommitteeEvaluator = evaluator
        self.episode, self.best_score = 0, -math.inf
        self._seat(members)
        self.evaluator.recall(evidence_of(members, market))
        self.evaluator.consider(self.policy())

    def _seat(self, members: Sequence[Member]) -> None:
        self.members, self._policy = tuple(members), CommitteePolicy.on(self.market, members)
        self._compared: Adopted | None = None
        self.evaluator.adopted = self.adopted
        if self.evaluator.counted == "all" and any(each.model.card.get("evidence") == "test" for each in members):
            self.evaluator.counted = (
                "test"  # validation chose settings of a member, so it says nothing of their vote either
            )

    def policy(self) -> CommitteePolicy:
        """The vote."""
        return self._policy

    def adopted(self) -> Adopted:
        """Whether validation says that the vote is worth following in place of a member; compared once."""
        if self._compared is None:
            self._compared = compare_with_members(self.evaluator, self._policy)
        return self._compared

    def run_episode(self) -> EpisodeReport:
        """Measure the vote on validation."""
        self.episode += 1
        self.best_score = score = self.evaluator.consider(self._policy)
        scored = self.evaluator.scored
        return EpisodeReport(
            episode=self.episode,
            score=score,
            best_score=score,
            best_episode=self.episode,
            loss=0.0,
            exploration=0.0,
            exploration_cause="nothing is trained",
            transitions=len(scored),
            trades=completed_trades(self.market.account(self._policy(scored), scored).held),
        )

    def keep_best(self) -> Sequence[LedgerEntry]:
        """Decide whether the vote is adopted; the ledger says so."""
        found, name = self.adopted(), self.info.name
        return [
            LedgerEntry(
                strategy=STRATEGY,
                source=name,
                target=name,
                phase="choice",
                episode=self.episode,
                verdict="kept" if found.adopted else "rolled back",
                reason=found.reason,
                before=found.members,
                after=found.committee,
            )
        ]

    def knowledge(self) -> Knowledge:
        """Nothing that others could learn from: it has no weights of its own."""
        return Knowledge(origin=self.info.name, t=self.own_t())

    def adopt(self, knowledge: Knowledge) -> Adoption:
        """Drop all that is offered."""
        return Adoption(dropped=tuple(knowledge.weights))

    def parts(self) -> dict[str, Stateful]:
        """The learner itself, and what judges it."""
        return {"learner": self, "evaluator": self.evaluator}

    def state_dict(self) -> dict[str, Any]:
        """The number of episodes."""
        return {"episode": self.episode}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a state of `state_dict()`.

        :raise ValueError: it is none.
        """
        episode = state.get("episode")
        if type(episode) is not int or episode < 0:
            raise ValueError("episode is missing, or no number of episodes")
        self.episode = episode

    def model(self) -> Model:
        """All models of the members, and the card that describes their use."""
        _, one, _ = self.market.costs.table()
        deviation = float(self.market.returns[self.split.train].std()) * self.market.costs.capital
        card = {
            **market_card(self.market, self.split, self.info.settings),
            "horizons": list(self.info.horizons),
            "unit": one or deviation,
            "members": {each.name: dict(each.model.card) for each in self.members},
            **self.evaluator.card(self._policy),
            "validation_score": self.validate(),
        }
        tensors = {**tensors_of(self.members), RIDGE: self.evaluator.ridge().weights}
        return Model(tensors={name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, card=card)

    def load(self, model: Model) -> None:
        """Take the members that a saved committee holds in place of those of the run.

        :raise ModelError: it is damaged, or of other features than these bars have.
        """
        where = Path(f"{self.info.name} model")
        card = checked_card({"bucket": self.info.name, **model.card}, CommitteeCard, where)
        members = members_in(model, card.members, self.market.names, self.market.scaler, str(where))
        try:
            self.evaluator.recall(model.card)
        except ValueError as error:
            raise ModelError(f"{where}: the saved model is damaged ({error})") from error
        self._seat(members)
        self.best_score = self.evaluator.consider(self._policy)
