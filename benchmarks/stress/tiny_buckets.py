"""Buckets that learn one number: all that a run does besides learning, in a tenth of a second."""

from __future__ import annotations

from typing import Any

import torch
from attrs import frozen

from progressive_training import (
    Adoption,
    BucketInfo,
    EpisodeReport,
    Evaluation,
    Knowledge,
    Model,
    Performance,
    Resources,
    State,
)

STEP = 0.3
"""Of the way to what is to be learned, in an episode."""


@frozen
class TinyBucket:
    """A bucket that learns its `goal`."""

    name: str
    goal: float
    horizons: tuple[int, ...] = (1, 6)

    def memory_needed(self, bucket: BucketInfo, resources: Resources) -> int:
        return 1024

    def check(self, bucket: BucketInfo, resources: Resources) -> None:
        """Nothing has to be there."""

    def open(self, bucket: BucketInfo, resources: Resources) -> TinyLearner:
        return TinyLearner(bucket, self.goal)


class TinyLearner:
    """Knows a number, `value`, and its own evaluator is itself."""

    def __init__(self, bucket: BucketInfo, goal: float) -> None:
        self._bucket, self._goal = bucket, goal
        self.evaluator = self
        self.value, self.episode = torch.zeros(1), 0
        self.generator = torch.Generator().manual_seed(bucket.seed)

    def run_episode(self) -> EpisodeReport:
        self.value = self.value + STEP * (self._goal - self.value) + 0.01 * torch.randn(1, generator=self.generator)
        self.episode += 1
        score = self.validate()
        return EpisodeReport(
            episode=self.episode,
            score=score,
            best_score=score,
            best_episode=self.episode,
            loss=-score,
            exploration=0.1,
            exploration_cause="always",
            transitions=1,
            trades=0,
        )

    def validate(self) -> float:
        return -abs(self._goal - float(self.value))

    def validation_blocks(self) -> tuple[float, ...]:
        return (self.validate() / 2 - 0.005, self.validate() / 2 + 0.005)

    def knowledge(self) -> Knowledge:
        weights = {"value": self.value.clone()}
        return Knowledge(
            origin=self._bucket.name, weights=weights, feature_importance={"x": 1.0}, horizons={1: 0.1}, t=4.0
        )

    def adopt(self, knowledge: Knowledge) -> Adoption:
        self.value = knowledge.weights["value"].clone()
        return Adoption(copied=("value",))

    def snapshot(self) -> State:
        tensors = {"value": self.value.clone(), "generator": self.generator.get_state()}
        return State(tensors=tensors, values={"episode": self.episode})

    def restore(self, state: State) -> None:
        self.value, self.episode = state.tensors["value"].clone(), state.values["episode"]
        self.generator.set_state(state.tensors["generator"])

    def keep_best(self) -> None:
        """The last episode is the best one."""

    def policy(self) -> float:
        return self.validate()

    def model(self) -> Model:
        return Model(tensors={"value": self.value.clone()}, card={})

    def load(self, model: Model) -> None:
        self.value = model.tensors["value"].clone()

    def close(self) -> None:
        """Nothing is held."""

    def consider(self, policy: Any) -> float:
        return float(policy)

    def evaluate(self, policy: Any) -> Evaluation:
        row = Performance(
            strategy="model",
            log_return=float(policy),
            sharpe=0.0,
            drawdown=0.0,
            turnover=0.0,
            trades=0,
            long=0.0,
            flat=1.0,
            short=0.0,
            t=0.0,
        )
        return Evaluation(validation=(row,), test=(row,), verdict="no edge shown")

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Any) -> None:
        """Nothing is remembered."""
