"""Each evaluation shows the result by regime; where the whole shows no edge, a model may trade in the regimes that do."""

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from attrs import evolve

from progressive_market.bars import Bars, synthetic_bars
from progressive_market.fills import Costs
from progressive_market.judging.by_regime.regime_edge import needed_t
from progressive_market.judging.by_regime.traded_regimes import in_regimes, regimes_in
from progressive_market.market import Market, Part, open_market
from progressive_market.split import Split, split_bars
from progressive_training import Edge, PerformanceKind
from progressive_training.market import MarketEvaluator

Policy = Callable[[Part], torch.Tensor]
LASTS = 100
"""Bars of a regime before the next one."""


@pytest.fixture(scope="module")
def bars() -> Bars:
    return synthetic_bars(4_000, seed=3)


@pytest.fixture(scope="module")
def split(bars: Bars) -> Split:
    return split_bars(len(bars), longest=24, validation_share=0.35, test_share=0.35, bucket="Swing")


def with_regimes(market: Market, count: int = 2) -> Market:
    """Regimes that follow one another."""
    turn = torch.arange(len(market.returns)) // LASTS % count
    return evolve(market, regimes=torch.nn.functional.one_hot(turn, count).float())


@pytest.fixture(scope="module")
def market(bars: Bars, split: Split) -> Market:
    return with_regimes(open_market(bars, split, Costs(side=0.0), "cpu"))


def judge(market: Market, split: Split, policy: Policy) -> MarketEvaluator:
    evaluator = MarketEvaluator(market, split, "Swing")
    evaluator.consider(policy)
    evaluator.evaluate(policy)
    return evaluator


def knowing(*shares: float) -> Policy:
    """Foresight on a share of the bars of each regime, its contrary where the share is negative, and coins on the others."""

    def policy(part: Part) -> torch.Tensor:
        random = torch.Generator().manual_seed(part.start)
        coins = torch.randint(2, part.returns.shape, generator=random).double() * 2 - 1
        share = torch.tensor(shares)[part.regime]
        seen = torch.rand(part.returns.shape, generator=random) < share.abs()
        return torch.where(seen, part.returns.sign() * share.sign(), coins)

    return policy


def test_a_model_trades_in_the_one_regime_that_shows_an_edge(market: Market, split: Split) -> None:
    policy = knowing(-0.25, 0.3)
    evaluator = judge(market, split, policy)
    evaluation = evaluator.judged
    assert evaluation is not None
    assert (evaluation.edge, evaluation.trades) == (Edge.CONFIRMED, "in regime 2")
    assert [each.trades for each in evaluation.regimes] == ["nowhere", "in regime 2"]
    assert evaluation.regimes[0].t < 0 < needed_t(2) < evaluation.regimes[1].t == pytest.approx(evaluation.t)
    assert evaluation.verdict.startswith("edge confirmed in regime 2 (edge t = ")
    assert re.search(r"all regimes together show none: edge t = -?[0-9.]+; 3 is needed\)$", evaluation.verdict)
    card = evaluator.card(policy)
    assert (card["trades"], card["verdict"]) == ("in regime 2", evaluation.verdict)
    assert card["validation_t"] == evaluator.validation_t(policy) < evaluation.validation_t, (
        "the card's is of the whole"
    )


def test_the_first_row_is_what_the_model_does_in_use_and_the_baselines_trade_everywhere(
    market: Market, split: Split
) -> None:
    policy = knowing(-0.25, 0.3)
    evaluation = judge(market, split, policy).judged
    assert evaluation is not None
    part = market.part(split.test)
    inside = part.within({1})
    own, hold = evaluation.test[0], next(row for row in evaluation.test if row.strategy == "buy and hold")
    assert own.log_return == pytest.approx(float(market.growth(policy(inside), inside).sum()))
    assert own.flat == pytest.approx(0.5, abs=0.1)
    assert hold.log_return == pytest.approx(float(market.hold(part).sum()))
    in_regime = evaluation.regimes[1].test
    assert (in_regime[0].strategy, in_regime[0].kind) == ("Swing in regime 2", PerformanceKind.REGIME)
    assert in_regime[0].log_return == pytest.approx(own.log_return)
    assert in_regime[0].flat == 0, "a share of the bars of the regime"
    held_there = next(row for row in in_regime if row.strategy == "buy and hold")
    assert held_there.log_return == pytest.approx(float((market.hold(part) * inside.decidable).sum()), abs=1e-3)
    assert all(row.log_return != hold.log_return for row in in_regime)


def test_an_edge_of_the_whole_is_used_everywhere_and_shown_by_regime(market: Market, split: Split) -> None:
    evaluation = judge(market, split, knowing(0.05, 0.4)).judged
    assert evaluation is not None
    assert evaluation.trades == "everywhere"
    assert evaluation.regimes[0].t < 3 < evaluation.regimes[1].t
    assert sum(each.test[0].log_return for each in evaluation.regimes) == pytest.approx(
        evaluation.test[0].log_return, abs=0.01
    )


def test_the_hurdle_grows_with_the_number_of_regimes() -> None:
    assert [round(needed_t(count), 1) for count in (1, 2, 3, 4, 8)] == [3.0, 3.2, 3.3, 3.4, 3.6]


def test_where_no_regime_is_known_nothing_is_said_of_any(bars: Bars, split: Split) -> None:
    """What runs without REGIMES write stays as it was."""
    evaluator = judge(open_market(bars, split, Costs(side=0.0), "cpu"), split, knowing(0.3))
    assert evaluator.judged is not None
    assert evaluator.judged.regimes == ()
    assert list(evaluator.state_dict()) == ["positions", "score", "cap", "choices"]
    assert not any("regime" in name for name in evaluator.card(knowing(0.3)))


def test_a_regime_that_the_test_part_does_not_see_shows_no_edge(market: Market, split: Split) -> None:
    never = evolve(market, regimes=market.regimes.clone() if market.regimes is not None else None)
    assert never.regimes is not None
    never.regimes[split.test] = torch.tensor([1.0, 0.0])
    evaluation = judge(never, split, knowing(-0.25, 0.9)).judged
    assert evaluation is not None
    assert evaluation.regimes[1].validation_t > 5
    assert (evaluation.regimes[1].test_t, evaluation.trades) == (0.0, "nowhere")
    assert "0.0 on test, and both parts must be above 0" in evaluation.regimes[1].verdict


def test_drift_within_a_regime_is_no_edge(market: Market, split: Split) -> None:
    """A model that is long in the regime that rose has no skill: holding the market there earns as much."""
    assert market.regimes is not None
    rising = market.returns + torch.where(market.regimes[:, 1] > 0, 0.0025, -0.0025)
    drifting = evolve(market, returns=rising)

    evaluation = judge(drifting, split, lambda part: torch.ones_like(part.returns)).judged
    assert evaluation is not None
    assert evaluation.regimes[1].t > 3.2
    assert "edge t of alpha = 0.0 at beta 1.0 to buy and hold" in evaluation.regimes[1].verdict
    assert evaluation.trades == "nowhere"


def test_an_edge_that_a_leak_makes_in_one_regime_is_implausible(bars: Bars, split: Split) -> None:
    leak = np.zeros(len(bars))
    leak[:-2] = bars.open[2:] / bars.open[1:-1] - 1
    market = with_regimes(open_market(evolve(bars, extra={"leak": leak}), split, Costs(side=0.0), "cpu"))
    column = market.names.index("leak") * (market.features.shape[1] // len(market.names))

    def policy(part: Part) -> torch.Tensor:
        known = part.features[:, column].double().sign()
        return torch.where(part.regime == 1, known, -part.returns.sign())

    evaluation = judge(market, split, policy).judged
    assert evaluation is not None
    assert (evaluation.edge, evaluation.trades, evaluation.carriers) == (Edge.IMPLAUSIBLE, "nowhere", ("leak",))
    assert evaluation.verdict.startswith("implausible in regime 2: a column probably knows the future (leak")


def test_a_saved_model_is_judged_in_its_regimes_as_it_was(market: Market, split: Split) -> None:
    """A verdict may be made on a model that was saved and loaded again: nothing but its card is known of its validation then."""
    policy = knowing(-0.25, 0.3)
    first = judge(market, split, policy)
    again = MarketEvaluator(market, split, "Swing")
    again.recall(first.card(policy))
    again.consider(policy)
    assert again.evaluate(policy) == first.judged
    of_another = {name: t for name, t in first.card(policy).items() if "regime" not in name}
    again.recall(of_another)
    again.consider(policy)
    evaluation = again.evaluate(policy)
    assert math.isnan(evaluation.regimes[1].validation_t), "a card of a run without regimes says nothing of them"
    with pytest.raises(ValueError, match="its card has no regime_validation_t"):
        again.recall({**first.card(policy), "regime_validation_t": [1.0, "x"]})


def test_an_evaluator_goes_on_from_its_state_also_in_regimes(market: Market, split: Split) -> None:
    policy = knowing(-0.25, 0.3)
    first = judge(market, split, policy)
    again = MarketEvaluator(market, split, "Swing")
    again.load_state_dict(first.state_dict())
    assert again.evaluate(policy) == first.judged
    for name in ("regime_positions", "regime_cap"):
        with pytest.raises(ValueError, match=name):
            again.load_state_dict({key: value for key, value in first.state_dict().items() if key != name})


def test_who_trades_in_one_regime_pays_for_leaving_it_and_holds_over_absent_bars(bars: Bars, split: Split) -> None:
    costs = Costs(side=0.001)
    market = with_regimes(open_market(bars, split, costs, "cpu"))
    part = market.part(slice(2_000, 2_300))  # regime 1, then 2, then 1 again
    always = torch.ones_like(part.returns)
    inside = part.within({1})
    held = market.account(always, inside).held
    assert (int(held.argmax()), int(held.sum())) == (100, 100)
    growth = market.growth(always, inside)
    assert float(growth[200]) == pytest.approx(math.log1p(-0.001)), "sold at the first fill after the regime"
    absent = torch.zeros_like(part.decidable)
    absent[[100, 200, 201]] = True  # nobody saw the regime begin, nor end
    unseen = evolve(part, absent=absent)
    later = market.account(always, unseen.within({1})).held
    assert (int(later.argmax()), int(later.sum())) == (101, 101)


@pytest.mark.parametrize(
    "trades", ["everywhere", "nowhere", "in regime 2", "in regimes 1 and 3", "in regimes 1, 2 and 4"]
)
def test_where_a_model_trades_is_read_as_it_is_written(trades: str) -> None:
    numbers = regimes_in(trades)
    assert not numbers or in_regimes(numbers) == trades


@pytest.mark.parametrize(
    "trades",
    [
        "",
        "in regime",
        "in regime 0",
        "in regime 02",
        "in regime 2 ",
        "in regimes 3 and 1",
        "in regimes 1",
        "in regime ٢",
    ],
)
def test_no_other_place_is_traded_in(trades: str) -> None:
    with pytest.raises(ValueError, match="no place to trade in"):
        regimes_in(trades)
