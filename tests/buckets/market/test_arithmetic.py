"""A user's arithmetic: equity on real bars, with gaps, warm-up and ends, is what a dozen lines of plain Python give."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve, frozen
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from progressive_app.config.resolve import defaults
from progressive_buckets.learner.opening import learner_on
from progressive_market.bars import Bars
from progressive_market.features.feature_table import WARM_UP
from progressive_market.features.scaler import Scaler
from progressive_market.fills import NOTHING, RUIN, Costs
from progressive_market.judging.performance import measure
from progressive_market.market import Market, open_market
from progressive_market.policy import positions_of
from progressive_training import BucketInfo, MarketBucket, Resources

HOUR = 3600 * 10**9


def equity_by_hand(
    opens: list[float],
    segments: list[int],
    actions: list[int],
    fee: float,
    slippage: float,
    capital: float,
    paid: list[float] | None = None,
    borrowed: float = 0.0,
) -> list[float]:
    """Equity after each bar, with cash and units, as a broker keeps them. What is decided on a bar's close is filled at the
    next open, and is held until the one after, over a gap too; where these two opens are not there, or the segment is young,
    nothing is held. A position that is seen at a bar's open to have lost 95 % of what it was entered with is closed at the next.

    :param paid: rate of each bar, which longs pay and shorts receive, on what is held from its open to the next. :param
        borrowed: the rate that shorts pay on each bar, and on the five that a gap is long."""
    cash, units, age, curve, before = 1.0, 0.0, 0, [], 0
    stake, low, ruin = 1.0, False, False
    for t in range(len(opens)):
        age = age + 1 if t and segments[t] == segments[t - 1] else 1
        wanted = actions[t] if t + 2 < len(opens) and age > WARM_UP else 0
        price = opens[t + 1] if t + 1 < len(opens) else math.nan
        if wanted != before or (ruin and units):
            if units:
                cash += units * price - abs(units) * price * (fee + slippage)
                cash, units = max(cash, NOTHING * stake), 0.0
            if wanted != before and wanted:
                cash -= cash * capital * (fee + slippage)
                stake, low, ruin = cash, False, False
                units = wanted * capital * cash / price
                cash -= units * price
        before = wanted
        equity = cash
        if units:
            rate = paid[t + 1] if paid else 0.0
            bars = 1 if segments[t + 2] == segments[t + 1] else 6
            cash -= units * price * rate + max(-units, 0.0) * price * borrowed * bars
            equity = cash + units * opens[t + 2]
            low, ruin = low or equity <= RUIN * stake, low  # seen at this open, closed at the next
            if equity <= NOTHING * stake:  # nothing is left to close
                cash, units, equity = NOTHING * stake, 0.0, NOTHING * stake
        curve.append(equity)
    return curve


@frozen
class Case:
    """A market with gaps, and what is done in it."""

    opens: list[float]
    segments: list[int]
    actions: list[int]
    fee: float
    slippage: float
    capital: float

    def market(self, dearer: float = 0.0, slipping: float = 0.0) -> Market:
        costs = Costs(self.fee + self.slippage + dearer + slipping, self.capital)
        return open_market(bars_of(self.opens, self.segments), Scaler(np.zeros(25), np.ones(25)), costs, "cpu")

    def growth(self, market: Market) -> torch.Tensor:
        return market.growth(torch.tensor(self.actions), market.part(slice(0, len(self.opens))))


def bars_of(opens: list[float], segments: list[int]) -> Bars:
    prices, segment = np.array(opens), np.array(segments, dtype=np.int32)
    time = HOUR * (np.arange(len(opens)) + 5 * segment)
    return Bars(
        time=time,
        open=prices,
        high=prices,
        low=prices,
        close=prices,
        volume=np.ones(len(opens)),
        segment=segment,
        interval=HOUR,
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    lengths = draw(st.lists(st.integers(1, 60), min_size=1, max_size=4))
    assume(max(lengths) > WARM_UP + 3)
    segments = [number for number, length in enumerate(lengths) for _ in range(length)]
    count = len(segments)
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    size = draw(st.sampled_from([0.0, 0.001, 0.02, 0.5]))
    opens = (100 * np.exp(np.cumsum(size * random.standard_normal(count)))).tolist()
    if draw(st.booleans()):  # in runs, as a policy acts
        actions = np.repeat(random.integers(-1, 2, count), random.integers(1, 9, count))[:count].tolist()
    else:
        actions = draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=count, max_size=count))
    costs = st.one_of(st.just(0.0), st.floats(0, 0.1))
    return Case(opens, segments, actions, draw(costs), draw(costs), draw(st.sampled_from([0.01, 0.3, 0.999, 1.0])))


@given(cases())
@settings(max_examples=80, deadline=None)
def test_equity_is_that_of_a_plain_loop_on_every_bar(case: Case) -> None:
    by_hand = equity_by_hand(case.opens, case.segments, case.actions, case.fee, case.slippage, case.capital)
    market = case.market()
    growth = case.growth(market)
    assert torch.exp(torch.cumsum(growth, dim=0)).tolist() == pytest.approx(by_hand, rel=1e-9)
    part = market.part(slice(0, len(case.opens)))
    performance = measure("case", torch.tensor(case.actions), part, market)
    assert math.exp(performance.log_return) == pytest.approx(by_hand[-1], rel=1e-9)
    peaks = np.maximum.accumulate([1.0, *by_hand])[1:]
    assert performance.drawdown == pytest.approx(max(0.0, float((1 - by_hand / peaks).max())), abs=1e-9)
    assert torch.exp(growth.sum()) == pytest.approx(by_hand[-1], rel=1e-9)  # rewards sum to the log of equity


@given(cases(), st.floats(-0.01, 0.01), st.floats(0, 0.01))
@settings(max_examples=40, deadline=None)
def test_funding_and_borrowing_are_those_of_a_plain_loop(case: Case, funding: float, borrow: float) -> None:
    """Funding by a column, that differs from bar to bar; borrowing by a rate a year, of which an hour is charged."""
    rates = (funding * np.cos(np.arange(len(case.opens)))).tolist()
    costs = Costs(case.fee + case.slippage, case.capital, funding="rate", borrow=borrow * 365.25 * 24)
    bars = evolve(bars_of(case.opens, case.segments), extra={"rate": np.array(rates)})
    market = open_market(bars, Scaler(np.zeros(25), np.ones(25)), costs, "cpu")
    assert "rate" not in market.names
    by_hand = equity_by_hand(
        case.opens, case.segments, case.actions, case.fee, case.slippage, case.capital, rates, borrow
    )
    assert torch.exp(torch.cumsum(case.growth(market), dim=0)).tolist() == pytest.approx(by_hand, rel=1e-9)


def test_a_rate_a_year_is_paid_by_longs_and_received_by_shorts() -> None:
    """On constant prices, 10 % a year on the value: 30 days of hours cost 30 / 365.25 of it."""
    bars = bars_of([100.0] * 900, [0] * 900)
    by_side = []
    for side in (1, -1):
        market = open_market(bars, Scaler(np.zeros(25), np.ones(25)), Costs(0.0, 0.5, funding=0.1, borrow=0.03), "cpu")
        held = torch.zeros(900)
        held[100:820] = side
        by_side.append(math.exp(market.growth(held, market.part(slice(0, 900))).sum()) - 1)
    assert by_side == pytest.approx([-0.5 * 0.1 * 30 / 365.25, 0.5 * (0.1 - 0.03) * 30 / 365.25], rel=1e-9)


@given(cases(), st.floats(0, 0.1), st.floats(0, 0.1))
@settings(max_examples=50, deadline=None)
def test_more_fee_or_slippage_never_raises_equity_on_any_bar(case: Case, fee: float, slippage: float) -> None:
    assume(case.fee + fee <= 0.1)
    assume(case.slippage + slippage <= 0.1)
    part = case.market().part(slice(0, len(case.opens)))
    accounts = [
        market.account(torch.tensor(case.actions), part)
        for market in (case.market(), case.market(dearer=fee, slipping=slippage))
    ]
    assume(not any(account.ruined for account in accounts))  # who is ruined earlier may be spared worse
    cheap, dear = (torch.cumsum(account.growth, dim=0) for account in accounts)
    assert (dear <= cheap + 1e-12 * (1 + cheap.abs())).all()


@given(cases())
@settings(max_examples=25, deadline=None)
def test_flat_is_exactly_flat(case: Case) -> None:
    market = case.market()
    part = market.part(slice(0, len(case.opens)))
    growth = market.growth(torch.zeros(len(case.opens)), part)
    assert (growth == 0).all()
    performance = measure("flat", torch.zeros(len(case.opens)), part, market)
    assert (
        math.exp(performance.log_return),
        performance.drawdown,
        performance.turnover,
        performance.trades,
        performance.sharpe,
    ) == (
        1.0,
        0.0,
        0.0,
        0,
        0.0,
    )
    assert performance.flat == 1.0


RATES = st.just(0.0) | st.floats(1e-9, 0.1)
"""None, or one that a sum of 64 bits can tell from none."""


@given(st.sampled_from([1, -1]), RATES, RATES, st.floats(0.01, 1.0))
@settings(max_examples=50, deadline=None)
def test_on_constant_prices_a_position_loses_its_two_trades_and_nothing_else(
    side: int, fee: float, slippage: float, capital: float
) -> None:
    case = Case([100.0] * 40, [0] * 40, [side] * 40, fee, slippage, capital)
    growth = case.growth(case.market())
    assert int((growth != 0).sum()) == (2 if capital * (fee + slippage) > 0 else 0)
    assert math.exp(growth.sum()) == pytest.approx((1 - capital * (fee + slippage)) ** 2, rel=1e-12)


def test_a_flip_pays_for_two_trades_at_once() -> None:
    flips = [0] * 24 + [1, -1, 1, 0] + [0] * 12
    case = Case([100.0] * 40, [0] * 40, flips, 0.01, 0.0, 0.5)
    assert math.exp(case.growth(case.market()).sum()) == pytest.approx(0.995**6, rel=1e-12)  # in and out, three times


@pytest.fixture(scope="module")
def learner():
    torch.set_num_threads(1)
    random = np.random.default_rng(1)
    opens = (100 * np.exp(np.cumsum(0.01 * random.standard_normal(2600)))).tolist()
    bars = bars_of(opens, [0] * 1300 + [1] * 1300)
    asked = {**defaults(), "FEE": 0.002, "SLIPPAGE": 0.001, "CAPITAL_ALLOCATION": 0.6, "REPLAY_CAPACITY": 500}
    bucket = MarketBucket(name="Swing", horizons=(1, 6), width=8)
    info = BucketInfo(
        name="Swing", horizons=(1, 6), sequence=("Swing",), episodes=1, seed=1, run_dir=Path(), settings=asked
    )
    return learner_on(bars, bucket, info, Resources(device="cpu", parallel_episodes=2, batch_size=8))


def by_hand_on(market: Market, start: int, held: torch.Tensor) -> list[float]:
    """Equity over the bars of a part. The bars before it have warmed it up, and one behind it fills what is held last."""
    before = min(start, WARM_UP)
    bars = slice(start - before, start + len(held) + 1)
    actions = [0] * before + held.int().tolist() + [0]
    opens = torch.exp(market.log_open[bars]).tolist()
    return equity_by_hand(opens, market.segment[bars].tolist(), actions, fee=0.002, slippage=0.001, capital=0.6)


def test_what_is_learned_from_is_what_single_bars_pay(learner) -> None:
    """The table of rewards (demeaned, in units) and the costs of decisions, put together again along any positions, are a
    plain loop that puts the same share at stake anew on every bar. What a broker counts differs little where bars do."""
    critic, market, train = learner.critic, learner.market, learner.split.train
    part = market.part(train)
    actions = torch.from_numpy(np.random.default_rng(2).integers(-1, 2, len(part))) * part.decidable
    drift = market.rewards(torch.tensor([1.0, -1.0]))[train][market.decidable[train]].mean(dim=0)
    paid = (
        critic.rewards[train].double() * critic.unit + drift + critic.hyper.holding * critic.unit
    )  # [N, 2] of long and of short
    earned = torch.where(actions > 0, paid[:, 0], torch.where(actions < 0, paid[:, 1], 0.0))
    steps = torch.diff(actions, prepend=actions[:1] * 0).abs()
    by_tables = earned - torch.tensor(market.costs.table(), dtype=torch.float64)[steps]
    before, by_bar = 0, []
    for wanted, moved in zip(actions.tolist(), part.returns.tolist(), strict=True):
        by_bar.append(math.log((1 - 0.003 * 0.6 * abs(wanted - before)) * (1 + 0.6 * wanted * moved)))
        before = wanted
    assert by_tables.tolist() == pytest.approx(by_bar, abs=1e-6)  # the table is float32
    by_broker = by_hand_on(market, train.start, actions)
    assert by_tables.sum() == pytest.approx(math.log(by_broker[-1]), abs=0.02)


def test_what_is_reported_is_what_the_policys_positions_earn_by_hand(learner) -> None:
    """Score, evaluation and equity of the same positions are one number."""
    for network in (learner.critic.online, learner.critic.target):
        network.parameters["value.linear"].normal_(0, 30.0, generator=torch.Generator().manual_seed(0))
    part = learner.evaluator.validation
    held = positions_of(learner.critic.advantages(part.features), part.decidable, learner.critic.costs)
    assert held.abs().sum() > 0
    by_hand = by_hand_on(learner.market, part.start, held)
    assert math.exp(learner.validate()) == pytest.approx(by_hand[-1], rel=1e-9)
