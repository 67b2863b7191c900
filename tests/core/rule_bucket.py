"""A stranger's bucket without a network: it looks at one of its inputs, and which is all that it learns and can be taught."""

import line_bucket
from attrs import evolve, frozen

from progressive_training import Adoption, Knowledge, Model, State


@frozen
class RuleBucket(line_bucket.LineBucket):
    def open(self, bucket, resources):
        return RuleLearner(bucket, self.slope, self.distrust)


class RuleLearner(line_bucket.LineLearner):
    """Scores 1 while it looks at `volume`, which one episode of trying finds; importance is all that travels."""

    def __init__(self, bucket, slope, distrust):
        self.looks_at = "range"
        super().__init__(bucket, slope, distrust)

    def run_episode(self):
        report = super().run_episode()
        if report.episode == 3:
            self.looks_at = "volume"
            self.best_score, self.best_episode = self.validate(), 3
        return evolve(report, score=self.validate(), best_score=self.best_score, best_episode=self.best_episode)

    def validate(self):
        return float(self.looks_at == "volume")

    def validation_blocks(self):
        return ()

    def knowledge(self):
        shares = {"range": 0.2, "volume": 0.2, self.looks_at: 0.8}
        return Knowledge(origin=self.bucket.name, feature_importance=shares, horizons={6: 0.1}, t=4.0)

    def adopt(self, knowledge):
        if shares := knowledge.feature_importance:
            self.looks_at = max(shares, key=shares.get)
        return Adoption(dropped=tuple(knowledge.weights))

    def snapshot(self):
        state = super().snapshot()
        return State(tensors=state.tensors, values={**state.values, "looks_at": self.looks_at})

    def restore(self, state):
        super().restore(state)
        self.looks_at = state.values["looks_at"]

    def keep_best(self):
        pass

    def model(self):
        return Model(tensors={}, card={"looks_at": self.looks_at})

    def load(self, model):
        self.looks_at = model.card["looks_at"]


rule, ruled = RuleBucket("Rule"), RuleBucket("Ruled")
