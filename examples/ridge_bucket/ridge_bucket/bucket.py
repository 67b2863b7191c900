"""Ridge: a bucket whose learner is a ridge regression. Each episode adds a block of training bars to its normal equations."""

from collections.abc import Mapping
from functools import partial

import torch
from attrs import evolve

from progressive_training import Knowledge, Number, Setting
from progressive_training.market import Market, MarketPolicy, Ridge, Weights, WeightsBucket, WeightsLearner

RIDGE_PENALTY = Setting(
    "RIDGE_PENALTY",
    1000.0,
    Number(1e-3, 1e9),
    "how strongly a ridge regression holds its weights back",
    "later buckets",
)
BLOCKS = 8
"""Episodes until each training bar was learned from once; later ones count them again."""


class RidgeLearner(WeightsLearner):
    """Predicts the mean log return over the horizons from the features of a bar, and trades where it exceeds the cost."""

    def start(self) -> tuple[Weights, Weights]:
        columns = self.market.features.shape[1]
        gram = self.info.settings[RIDGE_PENALTY] * torch.eye(columns, dtype=torch.float64, device=self.market.device)
        return {"ridge": gram.new_zeros(columns)}, {"gram": gram}

    @staticmethod
    def policy_from(weights: Mapping[str, torch.Tensor], market: Market) -> MarketPolicy:
        return partial(Ridge(weights["ridge"]).positions, market=market)

    def train(self) -> tuple[int, float]:
        """Recursive least squares: the ridge regression on all bars so far, around the weights that were adopted."""
        bars = torch.arange(self.split.train.stop, device=self.market.device)
        bars = bars.tensor_split(BLOCKS)[(self.episode - 1) % BLOCKS]
        bars = bars[self.market.decidable[bars]]
        outcomes, _ = self.market.outcomes(bars, self.horizons)  # [horizons, bars], in deviations
        gains = (outcomes * self.horizons.sqrt()[:, None]).mean(dim=0) * self.market.volatility[bars]
        rows = self.market.features[bars].double()
        errors = gains.double() - rows @ self.weights["ridge"]
        gram = self.state["gram"] + rows.T @ rows
        self.weights["ridge"] = self.weights["ridge"] + torch.linalg.solve(gram, rows.T @ errors)
        self.state["gram"] = gram
        return len(bars), float(errors.square().mean())

    def knowledge(self) -> Knowledge:
        """Also the share of each feature in the weights, and the correlation of predictions with outcomes by horizon."""
        part, weights = self.evaluator.validation, self.weights["ridge"]
        shares = weights.abs().view(len(self.market.names), -1).sum(dim=1)
        bars = torch.arange(len(part), device=weights.device)[part.decidable]
        outcomes, _ = self.market.outcomes(part.bars[bars], self.horizons)
        predicted = part.features[bars].double() @ weights
        skill = torch.corrcoef(torch.vstack([predicted, outcomes]))[0, 1:].nan_to_num()
        return evolve(
            super().knowledge(),
            feature_importance=dict(zip(self.market.names, (shares / shares.sum()).tolist(), strict=True))
            if shares.any()
            else {},
            horizons=dict(zip(self.info.horizons, skill.tolist(), strict=True)),
        )


bucket = WeightsBucket(name="Ridge", horizons=(6, 24, 96), learner=RidgeLearner, settings=(RIDGE_PENALTY,))
