"""A lesson tells the trade as it was: when, at which price, how it stood, what it paid."""

import math

import pytest
import torch

from progressive_buckets.bars import Bars
from progressive_buckets.learner.lessons import completed_trades, tell

from .conftest import OpenLearner


def test_a_trade_is_told_as_it_was(open_learner: OpenLearner, bars: Bars) -> None:
    market = open_learner(FEE=0.001, SLIPPAGE=0.0).market
    steps = torch.arange(100, 110)[None]  # one episode of ten bars
    held = torch.zeros(1, 10, dtype=torch.float64)
    held[0, 2:5] = -1  # short from the open of bar 103 to the open of bar 106
    nothing_wrong = torch.zeros(1, 10, 2)
    trades = completed_trades(market, steps, held, torch.zeros(1, 10, dtype=torch.bool), nothing_wrong)
    assert (trades.entry.tolist(), trades.exit.tolist(), trades.side.tolist()) == ([102], [105], [-1.0])

    opens = bars.open
    gains = [math.log(1 - (opens[t + 2] / opens[t + 1] - 1)) for t in (102, 103, 104)]
    running = [0.0, gains[0], gains[0] + gains[1], sum(gains)]
    assert trades.net[0] == pytest.approx(sum(gains) + 2 * math.log(0.999))
    assert trades.expected[0] == pytest.approx(trades.net[0])
    assert trades.favourable[0] == pytest.approx(max(running))
    assert trades.adverse[0] == pytest.approx(min(running))

    told = tell(market, trades)
    lesson = told["told"][0]
    assert told["count"] == 1
    assert lesson["side"] == "short"
    assert lesson["bars_held"] == 3
    assert lesson["entry_price"] == pytest.approx(opens[103])
    assert lesson["exit_price"] == pytest.approx(opens[106])
    assert lesson["cause"] == "values"


def test_a_reversal_is_two_trades_and_an_open_one_ends_with_the_episode(open_learner: OpenLearner) -> None:
    market = open_learner().market
    held = torch.tensor([[0, 1, 1, -1, -1, 0, 1, 1]], dtype=torch.float64)
    tried = torch.zeros(1, 8, dtype=torch.bool)
    tried[0, 3] = True
    trades = completed_trades(market, torch.arange(50, 58)[None], held, tried, torch.zeros(1, 8, 2))
    assert trades.entry.tolist() == [51, 53, 56]
    assert trades.exit.tolist() == [53, 55, 57]
    assert trades.cause.tolist() == [1, 0, 2]


def test_an_episode_without_trades_has_no_lessons(open_learner: OpenLearner) -> None:
    market = open_learner().market
    nothing = completed_trades(
        market,
        torch.arange(50, 58)[None],
        torch.zeros(1, 8, dtype=torch.float64),
        torch.zeros(1, 8, dtype=torch.bool),
        torch.zeros(1, 8, 2),
    )
    assert tell(market, nothing) == {"count": 0, "told": []}
