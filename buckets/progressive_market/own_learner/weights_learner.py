"""A learner on the market whose whole model is named weights: everything but the learning."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from progressive_market.bucket_market import open_bucket_market
from progressive_market.judging.performance import completed_trades
from progressive_market.market import Market, Part
from progressive_market.policy_learner import PolicyLearner
from progressive_market.serving.saved_market import market_card, refuse_earlier
from progressive_training import Adoption, EpisodeReport, Knowledge, Model, ModelError

if TYPE_CHECKING:
    from progressive_market.learner_state import Stateful
    from progressive_training import BucketInfo, Resources

Weights = dict[str, Tensor]
MarketPolicy = Callable[[Part], Tensor]
"""The signed position -1, 0 or 1 after each bar [N] of any part of a market."""
PolicyFrom = Callable[[Mapping[str, Tensor], Market], MarketPolicy]
RIDGE = "baseline.ridge"
COUNTS = ("episode", "best_episode", "best_score")
GROUPS = ("weights", "best", "state")


class WeightsLearner(PolicyLearner):
    """Implements `progressive_training.Learner`; a subclass gives `start`, `train` and `policy_from`.

    `weights` are the model, by name; `state` is what training reads beside them (tensors by name, sums or an optimiser's
    moments). Both are saved in checkpoints. Replace their tensors, do not write into them: policies hold them.
    """

    def __init__(self, info: BucketInfo, resources: Resources) -> None:
        self.info = info
        self.market, self.split, self.evaluator = open_bucket_market(info, resources)
        self.horizons = torch.tensor(info.horizons, device=self.market.device)
        self.weights, self.state = self.start()
        self.best, self.episode, self.best_episode = dict(self.weights), 0, 0
        self.best_score = self.evaluator.consider(self.policy())

    # ------------------------------------------------------------------ what a subclass gives

    @abstractmethod
    def start(self) -> tuple[Weights, Weights]:
        """The weights and the state before any training."""

    @abstractmethod
    def train(self) -> tuple[int, float]:
        """Train for one episode; return how many bars were visited, and the loss on them."""

    @staticmethod
    @abstractmethod
    def policy_from(weights: Mapping[str, Tensor], market: Market) -> MarketPolicy:
        """What `weights` do on `market`, which may be another one than the learner's."""

    # ------------------------------------------------------------------ training

    def run_episode(self) -> EpisodeReport:
        """Train, validate, and keep the weights if none were better."""
        self.episode += 1
        visited, loss = self.train()
        score = self._keep_if_best()
        scored = self.evaluator.scored
        held = self.policy()(scored)
        return EpisodeReport(
            episode=self.episode,
            score=score,
            best_score=self.best_score,
            best_episode=self.best_episode,
            loss=loss,
            exploration=0.0,
            exploration_cause="none: it explores nothing",
            transitions=visited,
            trades=completed_trades(self.market.account(held, scored).held),
        )

    def _keep_if_best(self) -> float:
        score = self.evaluator.consider(self.policy())
        if score > self.best_score:
            self.best, self.best_score, self.best_episode = dict(self.weights), score, self.episode
        return -math.inf if math.isnan(score) else score

    def policy(self) -> MarketPolicy:
        """What the current weights would do on any part of the market."""
        return self.policy_from(dict(self.weights), self.market)

    def keep_best(self) -> None:
        """Return to the weights with the best validation score."""
        self.weights = dict(self.best)

    # ------------------------------------------------------------------ knowledge

    def knowledge(self) -> Knowledge:
        """Copies of the weights, and why to distrust them if the policy is degenerate."""
        return Knowledge(
            origin=self.info.name,
            weights={name: tensor.clone() for name, tensor in self.weights.items()},
            distrust=self.evaluator.degeneration(self.policy()),
            t=self.own_t(),
        )

    def adopt(self, knowledge: Knowledge) -> Adoption:
        """Take over the weights of fitting name and shape."""
        own, offered = self.weights, knowledge.weights
        fitting = {name for name, tensor in offered.items() if name in own and tensor.shape == own[name].shape}
        for name in fitting:
            own[name] = offered[name].to(own[name], copy=True)
        if fitting:
            self._keep_if_best()  # the transfer that offered them is rolled back by restoring all of the learner
        return Adoption(
            copied=tuple(name for name in offered if name in fitting),
            new=tuple(name for name in own if name not in fitting),
            dropped=tuple(name for name in offered if name not in fitting),
        )

    # ------------------------------------------------------------------ saving

    def parts(self) -> dict[str, Stateful]:
        """The learner itself, and what judges it."""
        return {"learner": self, "evaluator": self.evaluator}

    def state_dict(self) -> dict[str, Any]:
        """Weights, best weights and state as tensors; the counts."""
        return {**{name: getattr(self, name) for name in COUNTS}, **self._tensors()}

    def _tensors(self) -> Weights:
        return {f"{group}.{name}": tensor for group in GROUPS for name, tensor in getattr(self, group).items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a state of `state_dict()`.

        :raise ValueError: something is missing, or of another type or size. The learner is then unchanged.
        """
        own = self._tensors()
        misfit = [name for name, tensor in own.items() if not _alike(state.get(name), tensor)]
        misfit += [name for name in COUNTS if type(state.get(name)) is not type(getattr(self, name))]
        if misfit:
            raise ValueError(f"{misfit[0]} is missing, or of another type or size")
        for group in GROUPS:
            names = getattr(self, group)
            setattr(self, group, {name: _copy(state[f"{group}.{name}"], like) for name, like in names.items()})
        for name in COUNTS:
            setattr(self, name, state[name])

    def model(self) -> Model:
        """The weights and the ridge baseline, and a card with all that is needed to use them on other bars."""
        policy = self.policy()
        tensors = {**self.weights, RIDGE: self.evaluator.ridge().weights}
        card: dict[str, Any] = {
            **market_card(self.market, self.split, self.info.settings),
            "horizons": list(self.info.horizons),
            **self.evaluator.card(policy),
            "validation_score": self.validate(),
        }
        return Model(tensors={name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, card=card)

    def load(self, model: Model) -> None:
        """Continue from a saved model.

        :raise ModelError: it is damaged, or its features are not this market's, in the same order.
        """
        if tuple(model.card.get("features", ())) != self.market.names:
            raise self._damaged("the saved model was trained on other features than these bars give")
        refuse_earlier(model.card, f"{self.info.name} model")
        if misfit := [name for name, own in self.weights.items() if not _alike(model.tensors.get(name), own)]:
            raise self._damaged(f"the saved model is damaged: {misfit[0]}")
        try:
            self.evaluator.recall(model.card)
        except ValueError as error:
            raise self._damaged(f"the saved model is damaged: {error}") from error
        self.weights = {name: _copy(model.tensors[name], own) for name, own in self.weights.items()}
        self.best_score, self.best_episode = -math.inf, self.episode
        self._keep_if_best()

    def _damaged(self, why: str) -> ModelError:
        return ModelError(f"{self.info.name}: {why}")


def _alike(given: object, own: Tensor) -> bool:
    return isinstance(given, Tensor) and given.shape == own.shape and given.dtype == own.dtype


def _copy(given: Tensor, like: Tensor) -> Tensor:
    return given.to(like.device, copy=True)
