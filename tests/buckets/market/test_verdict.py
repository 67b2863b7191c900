"""The verdict follows from validation and test together, says its reason, and never believes what is too good."""

import math

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from progressive_market.judging.verdict import Alpha, Doubt, judge, pooled_t
from progressive_training import Edge, Evaluation, Performance, PerformanceKind

ROW = Performance(
    strategy="Long",
    log_return=1.0,
    sharpe=1.0,
    drawdown=0.1,
    turnover=10,
    trades=5,
    long=0.5,
    flat=0.2,
    short=0.3,
    t=3.0,
)
BARS = (2000, 2000)
T = st.floats(-50, 50, allow_subnormal=False)
COUNT = st.integers(1, 10**7)


def verdict_of(validation_t: float, test_t: float, bars: tuple[int, int] = BARS, **more: object) -> Evaluation:
    return judge((ROW,), (evolve(ROW, t=test_t),), validation_t, bars, **more)  # type: ignore[arg-type]


@given(validation_t=T, test_t=T, bars=st.tuples(COUNT, COUNT))
def test_the_pooled_t_weighs_each_part_by_the_root_of_its_bars(
    validation_t: float, test_t: float, bars: tuple[int, int]
) -> None:
    pooled = pooled_t(validation_t, test_t, bars)
    roots = [math.sqrt(count) for count in bars]
    assert pooled * math.sqrt(sum(bars)) == pytest.approx(validation_t * roots[0] + test_t * roots[1], abs=1e-6)
    assert pooled == pytest.approx(pooled_t(test_t, validation_t, bars[::-1]))
    assert abs(pooled) <= math.hypot(validation_t, test_t) * (1 + 1e-9), "as much as both can show, and no more"


def test_an_edge_that_rests_on_an_allowed_column_says_so() -> None:
    assert "if told, which ALLOW_LEAK lets pass," in verdict_of(4.0, 4.0, allow_leak=("told",)).verdict
    assert "ALLOW_LEAK" not in verdict_of(4.0, 4.0).verdict + verdict_of(1.0, 1.0, allow_leak=("told",)).verdict


@given(t=T, count=COUNT)
def test_two_equal_parts_show_what_one_twice_as_long_would(t: float, count: int) -> None:
    assert pooled_t(t, t, (count, count)) == pytest.approx(math.sqrt(2) * t)


@given(validation_t=T | st.just(math.nan), test_t=T, bars=st.tuples(COUNT, COUNT))
def test_an_edge_is_confirmed_by_three_together_and_nothing_against_it(
    validation_t: float, test_t: float, bars: tuple[int, int]
) -> None:
    evaluation = verdict_of(validation_t, test_t, bars)
    parts = [test_t] if math.isnan(validation_t) else [validation_t, test_t]
    assert (evaluation.edge is Edge.CONFIRMED) == (evaluation.t >= 3 and min(parts) > 0)
    assert (evaluation.trades == "everywhere") == (evaluation.edge is Edge.CONFIRMED)
    assert evaluation.verdict.startswith("edge confirmed (" if evaluation.edge is Edge.CONFIRMED else "no edge shown (")


def test_the_sentence_says_why() -> None:
    both = "on validation bars that did not choose the model and on test together"
    assert verdict_of(3.0, 3.0).verdict == f"edge confirmed (edge t = 4.2 {both})"
    assert verdict_of(2.0, 1.0).verdict == f"no edge shown (edge t = 2.1 {both}; 3 is needed)"
    assert verdict_of(2.99, 2.99, (1, 10**7)).verdict == f"no edge shown (edge t = 2.9 {both}; 3 is needed)"
    assert verdict_of(6.0, -0.24).verdict == (
        f"no edge shown (edge t = 4.1 {both}; -0.2 on test, and both parts must be above 0)"
    )
    assert verdict_of(-0.01, 6.0).verdict == (
        f"no edge shown (edge t = 4.2 {both}; 0.0 on validation, and both parts must be above 0)"
    )
    alone = "on test bars alone, since no choice was considered on validation"
    assert verdict_of(math.nan, 3.1).verdict == f"edge confirmed (edge t = 3.1 {alone})"
    assert verdict_of(math.nan, 2.9).verdict == f"no edge shown (edge t = 2.9 {alone}; 3 is needed)"


def test_drift_is_not_skill() -> None:
    """Whoever moves with buy and hold has to show an edge beyond his share of it."""
    both = "on validation bars that did not choose the model and on test together"
    drifting = verdict_of(3.0, 3.0, alpha=Alpha(validation_t=0.5, test_t=0.5, beta=0.62))
    assert drifting.edge is Edge.NONE
    assert drifting.verdict == (
        f"no edge shown (edge t = 4.2, edge t of alpha = 0.7 at beta 0.6 to buy and hold, {both}; 3 is needed of both)"
    )
    lucky = verdict_of(3.0, 3.0, alpha=Alpha(validation_t=6.0, test_t=-0.3, beta=0.62))
    assert lucky.verdict.endswith("; -0.3 of alpha on test, and both parts must be above 0)")
    skilled = verdict_of(3.0, 3.0, alpha=Alpha(validation_t=3.0, test_t=2.0, beta=0.62))
    assert (
        skilled.verdict == f"edge confirmed (edge t = 4.2, edge t of alpha = 3.5 at beta 0.6 to buy and hold, {both})"
    )
    alone = verdict_of(3.0, 3.0, alpha=Alpha(validation_t=0.5, test_t=0.5, beta=-0.1))
    assert alone.verdict == f"edge confirmed (edge t = 4.2 {both})", "drift is no part of what hardly moves with it"
    nothing = verdict_of(1.0, 1.0, alpha=Alpha(validation_t=0.5, test_t=0.5, beta=0.62))
    assert nothing.verdict == f"no edge shown (edge t = 1.4 {both}; 3 is needed)", (
        "nothing is sold, so alpha adds nothing"
    )
    unseen = verdict_of(math.nan, 3.5, alpha=Alpha(validation_t=math.nan, test_t=3.2, beta=0.9))
    assert unseen.edge is Edge.CONFIRMED


def test_a_result_too_good_is_never_confirmed() -> None:
    doubt = Doubt("of its edge nothing is left without tomorrow", ("tomorrow",))
    evaluation = verdict_of(12.0, 12.0, doubt=doubt)
    assert (evaluation.edge, evaluation.trades) == (Edge.IMPLAUSIBLE, "nowhere")
    assert evaluation.carriers == ("tomorrow",)
    assert evaluation.verdict == f"implausible: a column probably knows the future ({doubt.reason})"


def test_what_one_action_earned_while_others_paid_is_no_edge() -> None:
    evaluation = verdict_of(3.5, 3.5, degenerate="degenerate policy, long on 100 % of the bars")
    assert evaluation.edge is Edge.NONE
    assert evaluation.verdict.endswith("degenerate policy")
    assert evaluation.warnings[0] == "degenerate policy, long on 100 % of the bars; it does not teach other buckets"


def test_nobody_beats_a_strategy_that_made_no_trade() -> None:
    idle = evolve(ROW, log_return=0.0, turnover=0.0, trades=0, long=0.0, flat=1.0, short=0.0, t=0.0)
    better = evolve(ROW, strategy="buy and hold", kind=PerformanceKind.BASELINE)
    assert judge((idle,), (idle, better), 0.0, BARS).warnings == ("its strategy made no trade",)
    assert judge((ROW,), (idle, better), 1.0, BARS).warnings == ("its strategy made no trade on test",)


def test_what_earned_less_or_lost_is_said_of_the_strategy_in_per_cent() -> None:
    losing = evolve(ROW, log_return=-0.024)
    better = evolve(ROW, strategy="buy and hold", kind=PerformanceKind.BASELINE)
    assert judge((ROW,), (losing, better), 0.0, BARS).warnings == (
        "its strategy lost money on test: -2.4 % after costs",
        "its strategy earned less on test than buy and hold",
    )


def test_a_collapsed_policy_is_flagged() -> None:
    stuck = evolve(ROW, long=0.99, flat=0.01, short=0.0)
    assert "collapsed to one action: long on 99 % of the bars" in judge((ROW,), (stuck,), 3.0, BARS).warnings
