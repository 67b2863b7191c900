"""Attacks on a strategy that is known: what each does to it, by hand."""

import numpy as np
import pytest
import torch
from attrs import evolve
from torch import Tensor

from progressive_market.challenge.altered_bars import in_order, last_digit, with_moves, with_other_digits
from progressive_market.challenge.dear_trades import MOST, break_even, costs
from progressive_market.challenge.feeds import feeds
from progressive_market.challenge.late_fills import late
from progressive_market.challenge.other_paths import bootstrap, digits, reversed_drift, shock
from progressive_market.challenge.outages import outages
from progressive_market.challenge.peer_review import rank_correlation
from progressive_market.challenge.weak_points import CHEAP, FEED, INSTANT, Tried, weak_points
from progressive_training.market import SCALES, Bars, Costs, Market, Part, Subject, open_market, synthetic_bars
from progressive_training.market import Split as MarketSplit

COUNT, FIRST, LAST = 3_000, 2_000, 2_900
SIDE = 0.0004


def bars_with_tip() -> Bars:
    """Bars whose column `tip` is the sign of the return from the next open to the one after it, and `other`, which is noise."""
    bars = synthetic_bars(COUNT, seed=3)
    tip = np.zeros(COUNT)
    tip[:-2] = np.sign(bars.open[2:] - bars.open[1:-1])
    return evolve(bars, extra={"tip": tip, "other": np.random.default_rng(0).standard_normal(COUNT)})


def by_tip(part: Part, market: Market) -> Tensor:
    """Long where the tip is positive, short where it is negative, and flat where it says nothing or nobody sees it."""
    column = market.names.index("tip") * len(SCALES)
    return part.features[:, column].double().sign()


@pytest.fixture
def subject() -> Subject:
    """One who follows the tip."""

    def opened(bars: Bars) -> Market:
        return open_market(bars, scaler, Costs(side=SIDE), "cpu")

    bars = bars_with_tip()
    split = MarketSplit(slice(0, 1_500), slice(1_500, 2_000), slice(2_000, COUNT))
    scaler = open_market(bars, split, Costs(side=SIDE), "cpu").scaler
    market = opened(bars)
    return Subject("Tip", bars, market, market.part(slice(FIRST, LAST)), by_tip, opened)


def kept(subject: Subject, growth: Tensor) -> float:
    return float(growth.sum() / subject.growth.sum())


def test_an_edge_of_one_bar_is_gone_a_bar_later(subject: Subject) -> None:
    found = late(subject)
    assert float(subject.growth.sum()) > 1
    held = subject.held
    by_hand = subject.market.growth(torch.cat([torch.zeros(1), held[:-1]]), subject.part)
    assert torch.equal(found["fill 1 bar late"], by_hand)
    assert all(kept(subject, growth) < 0.2 for growth in found.values())


def test_nothing_is_left_at_the_break_even(subject: Subject) -> None:
    side = break_even(subject)
    assert side is not None
    assert SIDE < side < MOST
    left = subject.grown(subject.held, costs=Costs(side=side))
    assert float(left.sum()) == pytest.approx(0, abs=1e-4)
    rising = [float(growth.sum()) for growth in costs(subject).values()]
    assert rising == sorted(rising, reverse=True)
    assert rising[0] < float(subject.growth.sum())


def test_costs_are_named_by_what_they_are_multiples_of(subject: Subject) -> None:
    assert list(costs(subject)) == ["costs x 1.5", "costs x 2", "costs x 4"]
    free = evolve(subject, market=evolve(subject.market, costs=Costs(side=0.0)))
    assert all(name.startswith("costs of 0.") and name.endswith(" % a side") for name in costs(free))


def test_who_does_not_trade_has_no_break_even(subject: Subject) -> None:
    flat = evolve(subject, policy=lambda part, market: torch.zeros_like(part.returns))
    assert break_even(flat) is None


def test_a_feature_that_says_nothing_costs_only_who_listens_to_it(subject: Subject) -> None:
    found = feeds(subject)
    assert found["tip frozen"].abs().sum() == 0  # without it there are no trades
    assert torch.equal(found["tip alone"], subject.growth)
    assert torch.equal(found["other frozen"], subject.growth)
    assert torch.equal(found["other 3 bars late"], subject.growth)
    assert kept(subject, found["tip 3 bars late"]) < 0.2
    assert {f"{name} frozen" for name in subject.market.names} <= found.keys()


def test_in_an_outage_what_is_held_stays(subject: Subject) -> None:
    shares = [kept(subject, growth) for growth in outages(subject).values()]
    assert 1 > shares[0] > shares[1] > 0


def test_a_path_of_drawn_blocks_is_compared_with_the_same_bars(subject: Subject) -> None:
    ((growth, own),) = bootstrap(subject).values()
    assert growth.shape == own.shape == (3 * len(subject.part),)
    same = (growth - own).abs() < 1e-3  # but where blocks meet, and for the cost of a trade there
    assert float(same.double().mean()) > 0.98


def test_moved_bars_are_bars(subject: Subject) -> None:
    bars, random = subject.bars, np.random.default_rng(1)
    for made in (
        with_moves(bars, 0.01 * random.standard_normal(COUNT), ()),
        in_order(bars, random.permutation(COUNT), ()),
        with_other_digits(bars, random),
    ):
        low, high = np.minimum(made.open, made.close), np.maximum(made.open, made.close)
        assert (made.low > 0).all()
        assert (made.low <= low * (1 + 1e-12)).all()
        assert (made.high >= high * (1 - 1e-12)).all()
        assert len(made) == COUNT


def test_columns_in_the_units_of_the_price_move_with_it(subject: Subject) -> None:
    bars = evolve(subject.bars, extra={"band": subject.bars.close * 1.01, "other": subject.bars.extra["other"]})
    moved = with_moves(bars, np.full(COUNT, 0.001), ("band",))
    np.testing.assert_allclose(moved.extra["band"], moved.close * 1.01)
    assert (moved.extra["other"] == bars.extra["other"]).all()
    np.testing.assert_allclose(np.diff(np.log(moved.close)), np.diff(np.log(bars.close)) + 0.001, atol=1e-9)


def test_the_drift_of_the_part_is_turned_round(subject: Subject) -> None:
    long = evolve(subject, policy=lambda part, market: torch.ones_like(part.returns))
    (turned,) = reversed_drift(long).values()
    assert float(turned.sum()) == pytest.approx(-float(long.growth.sum()), abs=0.02)


def test_a_shock_costs_one_who_is_always_long_nothing_on_average(subject: Subject) -> None:
    long = evolve(subject, policy=lambda part, market: torch.ones_like(part.returns))
    (shocked,) = shock(long).values()
    assert float(shocked.sum()) == pytest.approx(float(long.growth.sum()), abs=0.1)


@pytest.mark.parametrize(
    ("decimals", "unit"), [(0, 1.0), (2, 0.01), (9, 0.1)]
)  # the fifth digit where there are too many
def test_the_last_digit_is_that_of_the_prices(decimals: int, unit: float, subject: Subject) -> None:
    prices = {name: np.round(getattr(subject.bars, name), decimals) for name in ("open", "high", "low", "close")}
    assert last_digit(evolve(subject.bars, **prices)) == pytest.approx(unit)
    (growth,) = digits(subject).values()
    assert kept(subject, growth) == pytest.approx(1, abs=0.02)


def test_ranks_are_compared_with_ties_at_their_mean() -> None:
    one, other = torch.tensor([1.0, 2.0, 2.0, 9.0]), torch.tensor([10.0, 20.0, 21.0, 22.0])
    assert rank_correlation(one, other) == pytest.approx(0.9486833)
    assert np.isnan(rank_correlation(one, torch.ones(4)))


def tried(**kept_shares: float) -> list[Tried]:
    names = {"late": "fill 1 bar late", "frozen": "tip frozen", "alone": "tip alone"}
    return [
        Tried(attack="", owner="", variant=names[name], growth=share, kept=share, t=-5.0)
        for name, share in kept_shares.items()
    ]


@pytest.mark.parametrize(
    ("shares", "even", "t", "faults", "words"),
    [
        (
            {"late": -0.2, "frozen": 0.8},
            0.01,
            4,
            (INSTANT,),
            "It needs an instant fill: one bar of delay turns it into a loss; without `tip`",
        ),
        ({"late": 0.9, "frozen": 0.0, "alone": 0.9}, 0.01, 4, (FEED,), "it rests on `tip` alone"),
        (
            {"late": 0.9, "frozen": 0.0, "alone": 0.3},
            0.01,
            4,
            (),
            "without `tip`, which it needs most, nothing remains",
        ),
        (
            {"late": 0.9, "frozen": 0.8},
            0.0014,
            4,
            (CHEAP,),
            "it needs cheap trades: break-even fee 0.13 %, and it pays 0.09 %",
        ),
        ({"late": -0.2, "frozen": 0.0, "alone": 1.0}, 0.0014, 1.5, (), "It earns too little on these bars"),
    ],
)
def test_the_answer(shares: dict[str, float], even: float, t: float, faults: tuple[str, ...], words: str) -> None:
    found = weak_points(0.5, t, tried(**shares), 0.001, 0.001, even, 0.0001)
    assert found.faults == faults
    assert words in found.sentence


def test_what_earns_nothing_cannot_be_broken() -> None:
    assert weak_points(-0.1, -1, (), 0.001, 0.001, None, 0.0).faults == ()
