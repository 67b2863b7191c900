"""Drift is told apart from skill: on a market that rises, being long is no edge, and timing it is."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from progressive_market.bars import synthetic_bars
from progressive_market.fills import Costs
from progressive_market.judging.block_statistics import t_statistic
from progressive_market.judging.exposure import exposure
from progressive_market.market import Market, Part, open_market
from progressive_market.split import Split, split_bars
from progressive_training import Edge
from progressive_training.market import MarketEvaluator

SEEDS = st.integers(0, 2**31)


def drawn(seed: int, count: int = 6_400) -> torch.Tensor:
    return 0.01 * torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(seed=SEEDS, alpha=st.floats(-1e-3, 1e-3), beta=st.floats(-2, 2), drift=st.floats(-1e-2, 1e-2))
@settings(deadline=None, max_examples=50)
def test_it_finds_the_alpha_and_beta_that_a_result_is_made_of(
    seed: int, alpha: float, beta: float, drift: float
) -> None:
    hold, own = drawn(seed) + drift, drawn(seed + 1) / 10
    found = exposure(alpha + beta * hold + own, hold)
    assert found.beta == pytest.approx(beta, abs=5 * 0.1 / math.sqrt(6_400))
    assert found.alpha == pytest.approx(alpha, abs=5 * 1e-3 * (1 + 100 * abs(drift)) / math.sqrt(6_400))
    assert found.t == pytest.approx(t_statistic(alpha + own - (found.beta - beta) * hold))


@given(seed=SEEDS, size=st.floats(1e-6, 1e3), share=st.floats(0.01, 1) | st.floats(-1, -0.01))
@settings(deadline=None, max_examples=50)
def test_what_only_holds_has_no_alpha(seed: int, size: float, share: float) -> None:
    hold = size * (drawn(seed) + 0.003)
    found = exposure(share * hold, hold)
    assert (found.beta, found.alpha, found.t) == (pytest.approx(share), 0.0, 0.0)


def test_nothing_held_and_a_market_that_stands_still_have_neither() -> None:
    nothing = torch.zeros(640, dtype=torch.float64)
    assert exposure(nothing, drawn(1, 640)) == exposure(nothing, nothing)
    assert exposure(drawn(1, 640), nothing).beta == 0.0


RISE = 1.5e-3
"""Drift of a bar: buy and hold has a t of 7 on each part."""


def rising(seed: int) -> tuple[Market, Split]:
    """A random walk that drifts upwards, and nothing in it that could be timed but what `foresight` sees."""
    bars = synthetic_bars(6_000, seed=seed)
    split = split_bars(len(bars), longest=24, validation_share=0.3, test_share=0.3, bucket="Swing")
    market = open_market(bars, split, Costs(side=0.0), "cpu")
    walk = drawn(seed, len(bars)) + RISE
    market.returns.copy_(torch.expm1(walk))
    return market, split


def often_long(part: Part) -> torch.Tensor:
    """Long or flat by the toss of a coin for each hundred bars."""
    tossed = torch.rand(len(part) // 100 + 1, generator=torch.Generator().manual_seed(part.start))
    return (tossed < 0.7).double().repeat_interleave(100)[: len(part)]


def always_long(part: Part) -> torch.Tensor:
    return torch.ones_like(part.returns)


def foresight(part: Part) -> torch.Tensor:
    """Long, but flat on a tenth of the bars, where it knows that they fall."""
    seen = torch.rand(len(part), generator=torch.Generator().manual_seed(part.start)) < 0.1
    return 1 - (seen & (part.returns < 0)).double()


@pytest.mark.parametrize("policy", [always_long, often_long])
@pytest.mark.parametrize("seed", range(3))
def test_on_a_walk_that_rises_being_long_is_no_edge(policy: object, seed: int) -> None:
    evaluator = MarketEvaluator(*rising(seed), "Swing")
    evaluator.consider(policy)  # type: ignore[arg-type]
    evaluation = evaluator.evaluate(policy)  # type: ignore[arg-type]
    assert evaluation.t > 4
    assert evaluation.edge is Edge.NONE
    assert " to buy and hold, on validation bars" in evaluation.verdict
    assert evaluation.verdict.endswith("; 3 is needed of both)")


def test_timing_a_market_that_rises_is_one() -> None:
    evaluator = MarketEvaluator(*rising(1), "Swing")
    evaluator.consider(foresight)
    evaluation = evaluator.evaluate(foresight)
    assert evaluation.edge is Edge.CONFIRMED
    assert evaluation.verdict.startswith("edge confirmed (edge t = ")
    assert " of alpha " in evaluation.verdict


def test_a_model_that_is_loaded_keeps_the_alpha_it_had() -> None:
    evaluator = MarketEvaluator(*rising(1), "Swing")
    evaluator.consider(often_long)
    judged, card = evaluator.evaluate(often_long), evaluator.card(often_long)
    loaded = MarketEvaluator(*rising(1), "Swing")
    loaded.recall(card)
    loaded.consider(often_long)
    assert loaded.evaluate(often_long) == judged
    assert loaded.card(often_long) == evaluator.card(often_long)
