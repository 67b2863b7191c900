"""An edge is judged by bars that did not choose the weights."""

import pytest
import torch

from progressive_buckets.learner.edge import Edge
from progressive_buckets.market.performance import t_statistic

BARS = 4096


def noise(seed: int, mean: float = 0.0) -> torch.Tensor:
    return torch.randn(BARS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + mean


def test_the_best_of_many_tries_on_noise_shows_no_edge() -> None:
    tries = [noise(seed) for seed in range(200)]
    edge = Edge(BARS, torch.device("cpu"))
    for growth in tries:
        edge.consider(growth)
    assert max(t_statistic(growth) for growth in tries) > 2.5
    assert edge.t() < 1.5


def test_a_real_edge_keeps_its_t() -> None:
    edge = Edge(BARS, torch.device("cpu"))
    for seed in range(20):
        edge.consider(noise(seed, mean=0.1))
    assert edge.t() == pytest.approx(0.1 * BARS**0.5, rel=0.35)


def test_one_try_is_judged_as_it_is_and_never_above_the_model_it_came_from() -> None:
    edge = Edge(BARS, torch.device("cpu"))
    edge.consider(noise(1, mean=0.1))
    assert edge.t() == pytest.approx(t_statistic(noise(1, mean=0.1)))
    edge.cap = 1.0
    assert edge.t() == 1.0
