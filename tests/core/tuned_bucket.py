"""A stranger's bucket whose settings can be searched: how far a line is moved at each step, which is far too little by default."""

from pathlib import Path

import line_bucket
import torch
from attrs import evolve, frozen

from progressive_training import Evaluation, Fold, Halves, Number, OneOf, Setting, read_tensors

STEP = Setting("STEP", 0.001, Number(0, 1), "how far a line is moved at each step", "any time", per_bucket=True)
WAY = Setting("WAY", "plain", OneOf(("plain", "signed")), "by what a line is moved", "any time", per_bucket=True)
BLOCKS = 16


@frozen
class TunedBucket(line_bucket.LineBucket):
    @property
    def settings(self):
        return (STEP, WAY)

    def tunable(self):
        return {"STEP": "1e-4..0.1:log", "WAY": "plain|signed"}

    def open(self, bucket, resources):
        return TunedLearner(bucket, self.slope, self.distrust, self.t)

    def plan_trials(self, settings, horizons, folding):
        parts = range(1, (folding.folds if folding else 1) + 1)
        return tuple(Fold(number=each, train_from="", validate_from="", test_from="", until="") for each in parts)

    def halves(self, models, folds, settings):
        assert len(models) == len(folds)
        blocks = [-error * (1 + place / BLOCKS) for error in models for place in range(BLOCKS)]
        return Halves(tuple(blocks), tuple(0.9 * each for each in blocks))

    def load_model(self, path):
        """How far a model is from the line."""
        tensors, _ = read_tensors(Path(path) / "model.safetensors")
        return float(((tensors["line.weight"] - torch.tensor([self.slope, 1.0])) ** 2).sum())


class TunedLearner(line_bucket.LineLearner):
    def __init__(self, bucket, slope, distrust, t):
        super().__init__(bucket, slope, distrust, t)
        self.evaluator = TunedEvaluator(bucket)

    def run_episode(self):
        before, own = self.weight, self.bucket.settings
        report = super().run_episode()  # which moves it by a step of 0.05
        moved = (self.weight - before) / 0.05
        self.weight = before + own["STEP"] * (moved.sign() if own["WAY"] == "signed" else moved)
        score = self.validate()
        self.best_score = max(score, self.best_score if self.best_episode < self.episode else -1e9)
        self.best_episode, self.best_weight = self.episode, self.weight.clone()
        return evolve(report, score=score, best_score=self.best_score, best_episode=self.episode)

    def model(self):
        return evolve(super().model(), card={"bucket": self.bucket.name})


class TunedEvaluator(line_bucket.LineEvaluator):
    """Notes when the test part is read."""

    def __init__(self, bucket):
        self.bucket = bucket

    def evaluate(self, policy):
        if self.bucket.settings["EVIDENCE"] == "half":
            return Evaluation(validation=(), test=(), verdict="a trial")
        search = self.bucket.run_dir.parents[1]
        with (search / "read.txt").open("a") as file:
            file.write(f"{self.bucket.run_dir.name} {(search / 'choice.json').exists()}\n")
        return super().evaluate(policy)


first, second = TunedBucket("First"), TunedBucket("Second")
