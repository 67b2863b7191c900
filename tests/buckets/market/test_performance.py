"""The numbers of a performance are those a person would work out."""

import math

import pytest
import torch

from progressive_market.bars import synthetic_bars
from progressive_market.fills import Costs
from progressive_market.judging.performance import measure, t_statistic
from progressive_market.market import open_market
from progressive_market.split import split_bars


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
    got = measure("turn", held, part, market.costs, market.interval)
    assert (got.trades, got.turnover) == (2, 4.0)
    assert got.long + got.flat + got.short == pytest.approx(1)
    assert 0 <= got.drawdown < 1
    first, turn, last = int(part.decidable.nonzero()[0]), 1000, int(part.decidable.nonzero()[-1])
    bought, sold, covered = (bars.open[t + 1] for t in (first, turn, last + 1))
    rise, fall = sold / bought, 2 - covered / sold
    long, short = 0.999 * rise * 0.999, 0.999 * (fall - 0.001 * covered / sold)
    assert got.log_return == pytest.approx(math.log(long * short))
