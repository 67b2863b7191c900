"""The error of a score and the t of a gain, from sums by block."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progressive_core.engine.gain import paired_t, standard_error

numbers = st.floats(-10, 10).map(lambda value: round(value, 6))
blocks = st.lists(numbers, min_size=3, max_size=9).filter(lambda found: max(found) - min(found) > 0.01)


@given(blocks, st.floats(0.5, 2.0), numbers)
def test_the_error_grows_with_the_unit_and_a_constant_adds_none(
    found: list[float], unit: float, constant: float
) -> None:
    error = standard_error([unit * value + constant for value in found])
    assert error == pytest.approx(unit * statistics.stdev(found) * math.sqrt(len(found)))


@given(blocks, blocks)
def test_what_is_gained_one_way_is_lost_the_other(before: list[float], after: list[float]) -> None:
    count = min(len(before), len(after))
    there = paired_t(before[:count], after[:count], sum(before[:count]))
    back = paired_t(after[:count], before[:count], sum(after[:count]))
    assert there == pytest.approx(-back, nan_ok=True)


@given(blocks, st.lists(numbers, min_size=9, max_size=9))
def test_what_both_have_in_common_is_no_noise(gains: list[float], common: list[float]) -> None:
    after = [gain + shared for gain, shared in zip(gains, common, strict=False)]
    t = paired_t(common[: len(gains)], after, sum(common[: len(gains)]))
    assert t == pytest.approx(sum(gains) / standard_error(gains), abs=1e-3)


def test_a_score_without_blocks_counts_as_spread_evenly() -> None:
    assert paired_t((), (2.0, 4.0), 2.0) == pytest.approx(4.0 / standard_error((2.0, 4.0)))


def test_an_even_gain_is_sure_and_no_change_and_the_unknown_show_nothing() -> None:
    assert paired_t((1.0, 2.0), (2.0, 3.0), 3.0) == math.inf
    assert paired_t((2.0, 3.0), (1.0, 2.0), 5.0) == -math.inf
    assert math.isnan(paired_t((1.0, 2.0), (1.0, 2.0), 3.0))
    assert math.isnan(paired_t((1.0, 2.0), (), 3.0))
    assert math.isnan(standard_error((1.0,)))


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_a_strangers_blocks_that_are_no_numbers_show_nothing(odd: float) -> None:
    assert math.isnan(standard_error((odd, 1.0)))
    for before, after in (((odd, 1.0), (1.0, 1.0)), ((1.0, 1.0), (1.0, odd)), ((odd, -odd), (odd, odd))):
        assert math.isnan(paired_t(before, after, sum(before)))
