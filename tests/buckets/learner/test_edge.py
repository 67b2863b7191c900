"""An edge is judged by bars that did not choose the weights."""

import math

import pytest
import torch

from progressive_buckets.insight.edge import Edge
from progressive_market.performance import t_statistic

BARS = 4096


def noise(seed: int, mean: float = 0.0) -> torch.Tensor:
    return torch.randn(BARS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + mean


def judged(tries: list[torch.Tensor], cap: float = math.inf) -> float:
    """The t of an edge that was offered tries; the state of each is its number."""
    edge = Edge(torch.arange(BARS), BARS, size=1)
    for number, growth in enumerate(tries):
        edge.consider(growth, torch.tensor([float(number)]))
    edge.cap = cap
    return edge.t(lambda state: tries[int(state)])


def test_the_best_of_many_tries_on_noise_shows_no_edge() -> None:
    tries = [noise(seed) for seed in range(200)]
    assert max(t_statistic(growth) for growth in tries) > 2.5
    assert judged(tries) < 1.5


def test_a_real_edge_keeps_its_t() -> None:
    assert judged([noise(seed, mean=0.1) for seed in range(20)]) == pytest.approx(0.1 * BARS**0.5, rel=0.35)


def test_one_try_is_judged_as_it_is_and_never_above_the_model_it_came_from() -> None:
    one = noise(1, mean=0.1)
    assert judged([one]) == pytest.approx(t_statistic(one))
    assert judged([one], cap=1.0) == 1.0


def test_weights_that_are_no_numbers_are_kept_by_no_half() -> None:
    one = noise(1, mean=0.1)
    assert judged([one, torch.full_like(one, math.nan)]) == pytest.approx(t_statistic(one))


def test_some_bars_choose_and_all_judge() -> None:
    """What is only good on the few bars that were looked at shows no edge on all of them."""
    luck = noise(1)
    luck[::8] += 1.0
    edge = Edge(torch.arange(0, BARS, 8), BARS, size=1)
    edge.consider(luck[::8], torch.zeros(1))
    assert edge.t(lambda _: noise(2)) == pytest.approx(t_statistic(noise(2)))
