"""The measures of transfer: what they say of curves by hand, and what must hold of any curve."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progressive_studies.transfer_report.measures import (
    area,
    area_ratio,
    asymptote_gain,
    backward_transfer,
    best_so_far,
    delayed,
    episodes_to,
    forward_transfer,
    jumpstart,
    lasting,
    threshold_of,
)

scores = st.floats(-10, 10)
curves = st.lists(scores, min_size=2, max_size=30).map(best_so_far)


def test_a_head_start_by_hand() -> None:
    scratch, taught = (0.0, 0.0, 5.0, 9.0, 10.0), (8.0, 9.5, 9.5, 11.0, 12.0)
    assert jumpstart(taught, scratch) == 8.0
    assert threshold_of(scratch) == 9.0
    assert (episodes_to(taught, 9.0), episodes_to(scratch, 9.0)) == (1, 3)
    assert asymptote_gain(taught, scratch) == 2.0
    assert area_ratio(taught, scratch) == pytest.approx((4 + 9.5 + 9.5 + 11 + 6) / (0 + 5 + 9 + 5))


def test_a_sources_episodes_by_hand() -> None:
    """Two episodes of waiting: a jumpstart at a price. Scratch meanwhile has learned, and then stays where it is."""
    scratch, taught = (0.0, 2.0, 4.0), (4.0, 4.0)
    waited = delayed(taught, 2, untrained=0.0)
    assert waited == (0.0, 0.0, 4.0, 4.0)
    assert episodes_to(waited, threshold_of(scratch)) == 2
    assert area_ratio(taught, scratch) == pytest.approx(8 / 4)
    assert area_ratio(waited, scratch) == pytest.approx((0 + 0 + 4 + 2) / (0 + 2 + 4 + 2))


def test_where_nothing_is_to_be_learned_there_is_no_threshold_and_no_ratio() -> None:
    for scratch in ((0.0, 0.0, 0.0), (-2.0, -1.0, -0.5)):
        assert math.isnan(threshold_of(scratch))
        assert math.isnan(episodes_to((0.0, 1.0), threshold_of(scratch)))
        assert math.isnan(area_ratio((0.0, 1.0), scratch))
    assert math.isinf(episodes_to((0.0, 1.0), 2.0))


def test_scores_that_are_not_numbers_are_never_the_best() -> None:
    assert best_so_far([1.0, math.nan, 0.5, 2.0, math.nan]) == (1.0, 1.0, 1.0, 2.0, 2.0)
    assert best_so_far([math.nan, 1.0, 0.0])[1:] == (1.0, 1.0)


@given(st.lists(scores, min_size=1))
def test_the_best_so_far_never_falls_and_ends_at_the_best(values: list[float]) -> None:
    curve = best_so_far(values)
    assert len(curve) == len(values)
    assert list(curve) == sorted(curve)
    assert curve[-1] == max(values)


@given(curves, st.integers(0, 20))
def test_a_curve_goes_on_level(curve: tuple[float, ...], more: int) -> None:
    longer = lasting(curve, len(curve) - 1 + more)
    assert longer[: len(curve)] == curve
    assert set(longer[len(curve) :]) <= {curve[-1]}
    assert len(longer) == len(curve) + more
    assert area(longer) == pytest.approx(area(curve) + more * curve[-1], abs=1e-9)
    assert lasting(curve, 0) == curve


@given(curves)
def test_nothing_is_gained_over_oneself(curve: tuple[float, ...]) -> None:
    assert jumpstart(curve, curve) == asymptote_gain(curve, curve) == 0.0
    ratio = area_ratio(curve, curve)
    assert math.isnan(ratio) or ratio == pytest.approx(1.0)


@given(curves, st.floats(0.1, 1000))
def test_ratios_and_episodes_do_not_depend_on_the_unit_of_the_score(curve: tuple[float, ...], unit: float) -> None:
    scratch, taught = (0.0, 1.0, 2.0), curve
    scaled = tuple(score * unit for score in scratch), tuple(score * unit for score in taught)
    assert area_ratio(scaled[1], scaled[0]) == pytest.approx(area_ratio(taught, scratch), abs=1e-9)
    near = any(math.isclose(score, 1.8, rel_tol=1e-9) for score in taught)
    assert near or episodes_to(scaled[1], threshold_of(scaled[0])) == episodes_to(taught, threshold_of(scratch))


@given(curves, scores, scores)
def test_a_higher_score_takes_no_fewer_episodes(curve: tuple[float, ...], one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert episodes_to(curve, low) <= episodes_to(curve, high)


@given(curves, curves, st.floats(0, 5))
def test_a_better_curve_has_no_smaller_area_ratio(
    taught: tuple[float, ...], scratch: tuple[float, ...], more: float
) -> None:
    better = area_ratio([score + more for score in taught], scratch)
    assert math.isnan(better) or better >= area_ratio(taught, scratch) - 1e-9


@given(curves, st.integers(0, 20))
def test_waiting_for_a_source_never_helps(curve: tuple[float, ...], episodes: int) -> None:
    rising = [score - min(curve) for score in curve]
    waited = delayed(rising, episodes, untrained=0.0)
    score = threshold_of(rising)
    assert math.isnan(score) or episodes_to(waited, score) >= episodes_to(rising, score)
    ratio = area_ratio(waited, rising)
    assert math.isnan(ratio) or ratio <= 1 + 1e-9


def test_forward_and_backward_transfer_by_hand() -> None:
    results = [
        [0.0, -1.0, 0.5],
        [5.0, 2.0, 1.0],
        [4.0, 6.0, 3.0],
        [7.0, 5.0, 8.0],
    ]
    assert forward_transfer(results) == pytest.approx(((2.0 - -1.0) + (3.0 - 0.5)) / 2)
    assert backward_transfer(results) == pytest.approx(((7.0 - 5.0) + (5.0 - 6.0)) / 2)


def test_models_that_do_not_fit_are_left_out() -> None:
    nan = math.nan
    results = [[0.0, 0.0, 0.0], [5.0, nan, 1.0], [nan, 6.0, 3.0], [7.0, nan, 8.0]]
    assert forward_transfer(results) == 3.0
    assert backward_transfer(results) == 2.0
    assert math.isnan(forward_transfer([[0.0], [1.0]])) and math.isnan(backward_transfer([[0.0], [1.0]]))


@given(st.lists(scores, min_size=2, max_size=5))
def test_models_that_learned_nothing_transfer_nothing(untrained: list[float]) -> None:
    results = [untrained] * (len(untrained) + 1)
    assert forward_transfer(results) == backward_transfer(results) == 0.0
