from pathlib import Path

import torch
from ridge_bucket.bucket import RIDGE_PENALTY, RidgeLearner, bucket

from progressive_training import BucketInfo, Knowledge, Resources, resolve
from progressive_training.testing import check_bucket


def opened(tmp_path: Path) -> RidgeLearner:
    info = BucketInfo(
        name="Ridge",
        horizons=bucket.horizons,
        sequence=("Ridge",),
        episodes=8,
        seed=1,
        run_dir=tmp_path,
        settings=resolve(None, {"SYNTHETIC_BARS": 6000, "DEVICE": "cpu"}),
    )
    return RidgeLearner(info, Resources(device="cpu", parallel_episodes=1, batch_size=1))


def test_bucket() -> None:
    check_bucket(bucket)


def test_after_eight_episodes_it_is_the_ridge_regression_on_all_training_bars(tmp_path: Path) -> None:
    learner = opened(tmp_path)
    prior = torch.linspace(-1e-4, 1e-4, len(learner.weights["ridge"]), dtype=torch.float64)
    learner.adopt(Knowledge(origin="Teacher", weights={"ridge": prior}))
    for _ in range(8):
        learner.run_episode()
    bars = torch.arange(learner.split.train.stop)[learner.market.decidable[: learner.split.train.stop]]
    rows = learner.market.features[bars].double()
    outcomes, _ = learner.market.outcomes(bars, learner.horizons)
    gains = (outcomes * learner.horizons.sqrt()[:, None]).mean(dim=0) * learner.market.volatility[bars]
    penalty = RIDGE_PENALTY.default * torch.eye(len(prior), dtype=torch.float64)
    expected = torch.linalg.solve(rows.T @ rows + penalty, rows.T @ gains.double() + penalty @ prior)
    torch.testing.assert_close(learner.weights["ridge"], expected)
