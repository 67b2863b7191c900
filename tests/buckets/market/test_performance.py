"""The numbers of a performance are those a person would work out."""

import math

import numpy as np
import pytest
import torch
from attrs import evolve

from progressive_market.bars import synthetic_bars
from progressive_market.fills import Costs
from progressive_market.judging.account_notes import account_notes
from progressive_market.judging.baselines import Ridge, with_baselines
from progressive_market.judging.block_statistics import t_statistic
from progressive_market.judging.breakout import breakout, breakout_name
from progressive_market.judging.daily import daily_returns, sharpe_ratio
from progressive_market.judging.performance import measure
from progressive_market.market import open_market
from progressive_market.split import split_bars

HOUR = 3600 * 10**9


def test_t_of_independent_bars_is_the_textbook_one() -> None:
    growth = torch.randn(64_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.02
    textbook = float(growth.mean() / growth.std()) * math.sqrt(len(growth))
    assert t_statistic(growth) == pytest.approx(textbook, rel=0.25)


def test_t_is_not_inflated_by_bars_that_come_in_runs() -> None:
    growth = torch.randn(640, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1
    assert t_statistic(growth.repeat_interleave(100)) < 1.3 * t_statistic(growth)


def test_a_performance_adds_up() -> None:
    bars = synthetic_bars(2000, seed=1)
    market = open_market(bars, split_bars(2000, 10, 0.2, 0.2, "x"), Costs(0.001), "cpu")
    part = market.part(slice(0, 2000))
    held = torch.ones(2000, dtype=torch.float64)
    held[1000:] = -1
    got = measure("turn", held, part, market)
    assert (got.trades, got.turnover) == (2, 4.0)
    assert got.long + got.flat + got.short == pytest.approx(1)
    assert 0 <= got.drawdown < 1
    first, turn, last = int(part.decidable.nonzero()[0]), 1000, int(part.decidable.nonzero()[-1])
    bought, sold, covered = (bars.open[t + 1] for t in (first, turn, last + 1))
    rise, fall = sold / bought, 2 - covered / sold
    long, short = 0.999 * rise * 0.999, 0.999 * (fall - 0.001 * covered / sold)
    assert got.log_return == pytest.approx(math.log(long * short))


def test_the_sharpe_ratio_is_that_of_days_with_the_textbook_error() -> None:
    """Days of +2 % and -1 % in turn: mean 0.5 %, deviation 1.5 %, no skew, kurtosis 1; Lo's error for such days is 1 / sqrt(D)."""
    days = np.tile([0.02, -0.01], 200)
    growth = torch.zeros(400 * 24, dtype=torch.float64)
    growth[23::24] = torch.log1p(torch.tensor(days))
    returns = daily_returns(growth, HOUR * np.arange(400 * 24))
    assert returns == pytest.approx(days)
    ratio, error = sharpe_ratio(returns)
    assert ratio == pytest.approx(0.005 / 0.015 * math.sqrt(365.25), rel=2e-3)
    assert error == pytest.approx(math.sqrt(365.25 / 400), rel=2e-3)


def test_the_error_of_the_sharpe_ratio_is_how_far_it_scatters() -> None:
    draws = np.random.default_rng(0).standard_t(6, (400, 300)) / 100 + 0.001
    ratios, errors = np.array([sharpe_ratio(returns) for returns in draws]).T
    assert errors.mean() == pytest.approx(ratios.std(), rel=0.12)


def test_days_without_bars_are_days_without_a_return() -> None:
    times = HOUR * np.array([0, 1, 24 * 3])
    got = daily_returns(torch.log(torch.tensor([1.1, 1.1, 0.9], dtype=torch.float64)), times)
    assert got == pytest.approx([0.21, 0, 0, -0.1])


@pytest.mark.parametrize("days", [1, 4])
def test_a_few_days_have_no_sharpe_ratio_and_nothing_traded_has_none_either(days: int) -> None:
    returns = np.linspace(0.01, 0.02, days)
    assert all(map(math.isnan, sharpe_ratio(returns)))
    assert sharpe_ratio(0 * returns) == (0.0, 0.0)


def test_buy_and_hold_is_the_last_price_over_the_first_with_two_trades_across_gaps() -> None:
    bars = synthetic_bars(2000, seed=1)
    gap = np.where(np.arange(2000) < 1200, 0, 50 * HOUR)
    bars = evolve(bars, time=bars.time + gap, segment=(gap > 0).astype(np.int32))
    market = open_market(bars, split_bars(2000, 10, 0.2, 0.2, "x"), Costs(0.001), "cpu")
    for start, stop in ((0, 2000), (1000, 1500)):
        part = market.part(slice(start, stop))
        rows = with_baselines(
            "model", torch.zeros(len(part)), part, market, Ridge(torch.zeros(25, dtype=torch.float64))
        )
        held = next(row for row in rows if row.strategy == "buy and hold")
        last = bars.open[min(stop, 1999)]
        assert held.log_return == pytest.approx(math.log(0.999 * last / bars.open[start + 1] * 0.999))
        assert (held.trades, held.turnover) == (1, 2.0)
        assert (held.beta, held.alpha, held.alpha_t) == (pytest.approx(1), pytest.approx(0), 0.0)


def test_breakout_is_long_from_a_new_high_to_a_new_low_and_sees_no_later_bar() -> None:
    market = open_market(synthetic_bars(6_000, seed=2), split_bars(6_000, 10, 0.2, 0.2, "x"), Costs(0.001), "cpu")
    assert breakout_name(market) == "breakout 40/20 days"
    close, held, by_hand = market.closes, 0.0, []
    for t in range(6_000):
        if t >= 960 and close[t] > max(close[t - 960 : t]):
            held = 1.0
        if t >= 480 and close[t] < min(close[t - 480 : t]):
            held = 0.0
        by_hand.append(held)
    part = market.part(slice(3_000, 4_500))
    assert 0 < sum(by_hand[3_000:4_500]) < 1_500
    assert breakout(part, market).tolist() == by_hand[3_000:4_500]
    ends = evolve(market, closes=np.where(np.arange(6_000) < 4_500, close, 1e9))
    assert torch.equal(breakout(part, ends), breakout(part, market))


def test_breakout_on_few_bars_says_that_its_spans_are_shorter() -> None:
    market = open_market(synthetic_bars(1_200, seed=2), split_bars(1_200, 10, 0.2, 0.2, "x"), Costs(0.001), "cpu")
    assert breakout_name(market) == "breakout 10/5 days"


def test_ruin_is_named() -> None:
    """The price of ten doubles twice, bar by bar: short of all the equity ends at the second fill beyond 19.5."""
    bars = synthetic_bars(400, seed=1)
    prices = 10 * np.exp(np.linspace(0, np.log(4), 400))
    bars = evolve(bars, open=prices, high=prices, low=prices, close=prices)
    market = open_market(bars, split_bars(6_000, 10, 0.2, 0.2, "x"), Costs(0.0), "cpu")
    part = market.part(slice(0, 400))
    (ruin,) = account_notes(-torch.ones(400, dtype=torch.float64), part, market, "test")
    assert ruin == "ruin on test: a position lost 95 % of the equity at entry, and ended at the next fill"
    assert account_notes(torch.ones(400, dtype=torch.float64), part, market, "test") == []
