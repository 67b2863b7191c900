"""A result that a leaked column carries is doubted and the column named; a strong honest one is believed."""

from collections.abc import Callable
from itertools import accumulate

import numpy as np
import pytest
import torch

from progressive_market.bars import Bars
from progressive_market.bars.synthetic import NOISE, autoregressive, made_up
from progressive_market.features.feature_table import SCALES
from progressive_market.fills import Costs
from progressive_market.market import Market, Part, open_market
from progressive_market.split import split_bars
from progressive_training import Edge, Evaluation
from progressive_training.market import MarketEvaluator

BARS = 12_000
Floats = np.ndarray


def bars_of(returns: Floats, columns: dict[str, Floats]) -> Bars:
    random = np.random.default_rng(9)
    wick = 0.3 * NOISE * random.exponential(size=(2, len(returns)))
    volume = 100.0 * np.exp(0.3 * random.standard_normal(len(returns)))
    return made_up(returns, upper=wick[0], lower=wick[1], volume=volume, extra=columns, source="made up")


def following(market: Market, weights: dict[str, float], scale: int = 1) -> Callable[[Part], torch.Tensor]:
    """Long or short by the weighted sum of columns, averaged over `scale` bars."""

    def policy(part: Part) -> torch.Tensor:
        places = {name: market.names.index(name) * len(SCALES) + SCALES.index(scale) for name in weights}
        return sum(weights[name] * part.features[:, place].double() for name, place in places.items()).sign()  # type: ignore[union-attr]

    return policy


def judged(bars: Bars, weights: dict[str, float], scale: int = 1, allow_leak: tuple[str, ...] = ()) -> Evaluation:
    split = split_bars(len(bars), longest=24, validation_share=0.3, test_share=0.3, bucket="Swing")
    market = open_market(bars, split, Costs(side=0.0), "cpu")
    evaluator = MarketEvaluator(market, split, "Swing", allow_leak)
    policy = following(market, weights, scale)
    evaluator.consider(policy)
    return evaluator.evaluate(policy)


def walk(seed: int = 1) -> Floats:
    return NOISE * np.random.default_rng(seed).standard_normal(BARS)


def hidden(returns: Floats, correlation: float, span: int = 1) -> Floats:
    """The return of the next `span` bars under noise that leaves this correlation."""
    total = np.concatenate([[0.0], np.cumsum(np.append(returns, np.zeros(span)))])
    known = total[1 + span : 1 + span + BARS] - total[1 : BARS + 1]
    noise = np.random.default_rng(2).standard_normal(BARS) * known.std()
    return known + noise * np.sqrt(1 / correlation**2 - 1)


@pytest.mark.parametrize(("span", "correlation", "scale"), [(1, 0.3, 1), (24, 0.5, 6)])
def test_a_leak_under_noise_is_implausible_and_named(span: int, correlation: float, scale: int) -> None:
    returns = walk()
    bars = bars_of(returns, {"leak": hidden(returns, correlation, span), "noise": walk(3)})
    found = judged(bars, {"leak": 1.0, "noise": 0.1}, scale)
    assert (found.edge, found.trades, found.carriers) == (Edge.IMPLAUSIBLE, "nowhere", ("leak",))
    assert found.verdict.startswith("implausible: a column probably knows the future (leak;")
    assert found.t > 5


def test_two_columns_that_leak_together_are_both_named() -> None:
    returns = walk()
    columns = {f"leak_{n}": hidden(returns, 0.3) + 0.002 * walk(n) / NOISE for n in (4, 5)}
    found = judged(bars_of(returns, columns), dict.fromkeys(columns, 1.0))
    assert found.edge is Edge.IMPLAUSIBLE
    assert set(found.carriers) <= set(columns)


def test_what_the_user_allows_is_not_doubted() -> None:
    returns = walk()
    bars = bars_of(returns, {"leak": hidden(returns, 0.3), "noise": walk(3)})
    assert judged(bars, {"leak": 1.0}, allow_leak=("leak",)).edge is Edge.CONFIRMED
    assert judged(bars, {"leak": 1.0}, allow_leak=("noise",)).edge is Edge.IMPLAUSIBLE


@pytest.mark.parametrize("serial", [-0.3, 0.3])
def test_serial_correlation_is_believed_whoever_shows_it(serial: float) -> None:
    shocks = walk().tolist()
    returns = np.fromiter(accumulate(shocks, lambda last, new: serial * last + new), float, BARS)
    found = judged(bars_of(returns, {"lagged": returns}), {"log_return": serial, "lagged": 0.5 * serial})
    assert found.edge is Edge.CONFIRMED
    assert found.t > 10


def test_an_honest_column_that_shows_a_strong_drift_is_believed() -> None:
    random = np.random.default_rng(6)
    trend = autoregressive(BARS, 60, random)
    returns = walk() + 0.12 * NOISE * np.concatenate([[0.0], trend[:-1]])
    bars = bars_of(returns, {"view": trend + random.standard_normal(BARS)})
    found = judged(bars, {"view": 1.0}, scale=6)
    assert found.edge is Edge.CONFIRMED
    assert found.t > 4


def test_an_hour_that_pays_is_believed() -> None:
    angle = 2 * np.pi * np.arange(BARS) / 24
    returns = walk() + 0.3 * NOISE * np.concatenate([[0.0], np.sin(angle)[:-1]])
    found = judged(bars_of(returns, {"hour": np.sin(angle)}), {"hour": 1.0})
    assert found.edge is Edge.CONFIRMED
    assert found.t > 5


def test_the_answer_does_not_depend_on_the_scale_of_returns() -> None:
    for size in (0.1, 1.0):
        returns = size * walk()
        bars = bars_of(returns, {"leak": hidden(returns, 0.3)})
        assert judged(bars, {"leak": 1.0}).carriers == ("leak",)
