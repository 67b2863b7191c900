"""A lesson describes the trade as it was: when, at which price, how it stood, what it paid."""

import math
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest
import torch
from attrs import asdict
from hypothesis import given
from hypothesis import strategies as st

from progressive_buckets.insight.to_host import to_host
from progressive_buckets.learner.fused import learning_passes
from progressive_buckets.naturalistic.lessons import Trades, completed_trades, lessons_trace, summarise_trades, surprise
from progressive_market.bars import Bars
from progressive_market.fills import Costs
from progressive_market.market import Market

from .conftest import OpenLearner


def trace_of(market: Market, trades: Trades) -> dict[str, Any]:
    return lessons_trace(market, to_host({"lessons": summarise_trades(market, trades)})["lessons"])


def test_a_trade_is_described_as_it_was(open_learner: OpenLearner, bars: Bars) -> None:
    market = open_learner(FEE=0.001, SLIPPAGE=0.0).market
    steps = torch.arange(100, 110)[None]  # one episode of ten bars
    held = torch.zeros(1, 10, dtype=torch.float64)
    held[0, 2:5] = -1  # short from the open of bar 103 to the open of bar 106
    nothing_wrong = torch.zeros(1, 10, 2)
    trades = completed_trades(market, steps, held, torch.zeros(1, 10, dtype=torch.bool), nothing_wrong)
    there = trades.entered
    assert (trades.entry[there].tolist(), trades.exit[there].tolist(), trades.side[there].tolist()) == (
        [102],
        [105],
        [-1.0],
    )

    opens = bars.open
    gains = [math.log(1 - (opens[t + 2] / opens[t + 1] - 1)) for t in (102, 103, 104)]
    running = [0.0, gains[0], gains[0] + gains[1], sum(gains)]
    assert float(trades.net[there]) == pytest.approx(sum(gains) + 2 * math.log(0.999))
    assert float(trades.expected[there]) == pytest.approx(float(trades.net[there]))
    assert float(trades.favourable[there]) == pytest.approx(max(running))
    assert float(trades.adverse[there]) == pytest.approx(min(running))

    trace = trace_of(market, trades)
    lesson = trace["shown"][0]
    assert trace["count"] == 1
    assert lesson["side"] == "short"
    assert lesson["bars_held"] == 3
    assert lesson["entry_price"] == pytest.approx(opens[103])
    assert lesson["exit_price"] == pytest.approx(opens[106])
    assert lesson["cause"] == "values"


@pytest.mark.skipif(learning_passes.library() is None, reason="installed without compiled passes")
@given(
    st.integers(0, 10_000),
    st.sampled_from([(1, 1), (1, 9), (3, 40), (2, 300)]),
    st.sampled_from([0.3, 0.9]),
    st.booleans(),
)
def test_the_compiled_pass_finds_the_trades_of_the_other(
    seed: int, shape: tuple[int, int], still: float, charged: bool
) -> None:
    random = torch.Generator().manual_seed(seed)
    returns = torch.randn(500, generator=random).double() * 0.02
    charges = torch.rand(500, 2, generator=random).double() * 1e-3 if charged else None
    market = cast("Market", SimpleNamespace(costs=Costs(0.001, 0.7), returns=returns, charges=charges))
    drawn = torch.randint(-1, 2, shape, generator=random).double()
    stays = (
        (torch.rand(shape, generator=random) < still).cummin(dim=1).values if still > 0.5 else torch.zeros(shape).bool()
    )
    held = torch.where(stays, drawn[:, :1], drawn.repeat_interleave(4, dim=1)[:, : shape[1]])
    bars = torch.randint(480, shape, generator=random)
    explored, errors = torch.rand(shape, generator=random) < 0.2, torch.randn(*shape, 2, generator=random)
    ours = completed_trades(market, bars, held, explored, errors)
    with patch.object(learning_passes, "library", lambda: None):
        theirs = completed_trades(market, bars, held, explored, errors)
    assert torch.equal(ours.entered, theirs.entered)
    for name, values in asdict(ours).items():
        assert torch.equal(values[ours.entered], getattr(theirs, name)[ours.entered]), name
    assert torch.equal(surprise(ours), surprise(theirs))


def test_a_reversal_is_two_trades_and_an_open_one_ends_with_the_episode(open_learner: OpenLearner) -> None:
    market = open_learner().market
    held = torch.tensor([[0, 1, 1, -1, -1, 0, 1, 1]], dtype=torch.float64)
    tried = torch.zeros(1, 8, dtype=torch.bool)
    tried[0, 3] = True
    trades = completed_trades(market, torch.arange(50, 58)[None], held, tried, torch.zeros(1, 8, 2))
    there = trades.entered
    assert trades.entry[there].tolist() == [51, 53, 56]
    assert trades.exit[there].tolist() == [53, 55, 57]
    assert trades.cause[there].tolist() == [1, 0, 2]


def test_an_episode_without_trades_has_no_lessons(open_learner: OpenLearner) -> None:
    market = open_learner().market
    nothing = completed_trades(
        market,
        torch.arange(50, 58)[None],
        torch.zeros(1, 8, dtype=torch.float64),
        torch.zeros(1, 8, dtype=torch.bool),
        torch.zeros(1, 8, 2),
    )
    assert trace_of(market, nothing) == {"count": 0, "shown": []}
