"""A stranger's buckets with a learner of their own: a line fitted by stochastic gradient descent."""

import torch
from attrs import frozen

from progressive_training import Adoption, EpisodeReport, Evaluation, Knowledge, Model, Performance, State


@frozen
class LineBucket:
    name: str
    horizons: tuple[int, ...] = (1, 6)
    slope: float = 2.0
    distrust: str = ""
    t: float = 4.0

    def memory_needed(self, bucket, resources):
        return 1024

    def check(self, bucket, resources):
        pass

    def open(self, bucket, resources):
        return LineLearner(bucket, self.slope, self.distrust, self.t)


class LineLearner:
    def __init__(self, bucket, slope, distrust, t=4.0):
        self.bucket, self.distrust, self.t = bucket, distrust, t
        self.evaluator = LineEvaluator()
        self.generator = torch.Generator().manual_seed(bucket.seed)
        self.truth = torch.tensor([slope, 1.0])
        self.weight, self.best_weight = torch.zeros(2), torch.zeros(2)
        self.episode, self.best_episode, self.best_score = 0, 0, self.validate()

    def run_episode(self):
        for _ in range(5):
            inputs = torch.randn(16, 2, generator=self.generator)
            error = inputs @ (self.weight - self.truth)
            self.weight = self.weight - 0.05 * inputs.T @ error / 16
        self.episode += 1
        score = self.validate()
        if score > self.best_score:
            self.best_score, self.best_episode, self.best_weight = score, self.episode, self.weight.clone()
        return EpisodeReport(
            episode=self.episode,
            score=score,
            best_score=self.best_score,
            best_episode=self.best_episode,
            loss=-score,
            exploration=0.1,
            exploration_cause="always",
            transitions=80,
            trades=0,
        )

    def validate(self):
        return -float(((self.weight - self.truth) ** 2).sum())

    def validation_blocks(self):
        half = self.validate() / 2
        return (half - 0.005, half + 0.005)  # of which the standard error is 0.01

    def knowledge(self):
        return Knowledge(
            origin=self.bucket.name,
            weights={"line.weight": self.weight.clone()},
            feature_importance={"x": 0.7, "one": 0.3},
            horizons=dict.fromkeys(self.bucket.horizons, 0.1),
            distrust=self.distrust,
            t=self.t,
        )

    def adopt(self, knowledge):
        fits = knowledge.weights.get("line.weight")
        if fits is not None and fits.shape == self.weight.shape:
            self.weight = fits.clone()
            return Adoption(copied=("line.weight",))
        return Adoption(new=("line.weight",), dropped=tuple(knowledge.weights))

    def snapshot(self):
        tensors = {"weight": self.weight.clone(), "best": self.best_weight, "generator": self.generator.get_state()}
        values = {"episode": self.episode, "best_episode": self.best_episode, "best_score": self.best_score}
        return State(tensors=tensors, values=values)

    def restore(self, state):
        self.weight, self.best_weight = state.tensors["weight"].clone(), state.tensors["best"].clone()
        self.generator.set_state(state.tensors["generator"])
        self.episode, self.best_episode = state.values["episode"], state.values["best_episode"]
        self.best_score = state.values["best_score"]

    def keep_best(self):
        self.weight = self.best_weight.clone()

    def policy(self):
        score = self.validate()
        return lambda part: score

    def model(self):
        return Model(tensors={"line.weight": self.weight.clone()}, card={})

    def load(self, model):
        self.weight = model.tensors["line.weight"].clone()

    def close(self):
        pass


class LineEvaluator:
    def consider(self, policy):
        return policy("validation")

    def evaluate(self, policy):
        row = Performance(
            strategy="model",
            log_return=policy("test"),
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

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


first, second, third = LineBucket("First"), LineBucket("Second"), LineBucket("Third", slope=-4.0)
stuck = LineBucket("Stuck", distrust="it always buys")
lucky = LineBucket("Lucky", t=1.5)
