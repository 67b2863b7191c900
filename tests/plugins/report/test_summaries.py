"""What tables and lists are made of: histograms, thinned curves, reasons counted together."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from progressive_plugins.report.account_part import MOST_BARS, histogram
from progressive_plugins.report.thinning import thinned
from progressive_plugins.report.transfer_part import without_numbers

PROFITS = st.lists(st.floats(-1e6, 1e9, allow_nan=False), min_size=1, max_size=60)


@given(PROFITS)
def test_every_trade_is_in_one_bar_and_gains_are_apart_from_losses(profits: list[float]) -> None:
    made = histogram(np.array(profits))
    assert sum(made.counts) == len(profits) and len(made.edges) == len(made.counts) + 1
    assert 0.0 in made.edges and all(low < high for low, high in zip(made.edges, made.edges[1:], strict=False))
    assert len(made.counts) <= MOST_BARS + 2
    below = sum(count for count, high in zip(made.counts, made.edges[1:], strict=True) if high <= 0)
    assert below == sum(profit < 0 for profit in profits)


@given(st.integers(0, 400), st.integers(2, 50), st.sets(st.integers(0, 399), max_size=3))
def test_what_is_thinned_keeps_its_ends_and_what_is_asked_for(count: int, most: int, wanted: set[int]) -> None:
    items = list(range(count))
    left = thinned(items, most, [item in wanted for item in items])
    assert left == sorted(set(left)) and len(left) <= most + len(wanted)
    assert {*items[:1], *items[-1:], *(wanted & set(items))} <= set(left)
    assert thinned(items, max(2, count)) == items


@given(st.floats(-9, 9, allow_nan=False), st.floats(0, 9))
def test_reasons_that_differ_in_numbers_are_one(gain: float, error: float) -> None:
    reasons = {
        without_numbers(f"not proven: {gain:+.1f} % +- {error:.1f}, below its own"): "not proven",
        without_numbers(f"did not help beyond noise, t {gain:.1f}"): "did not help beyond noise",
        without_numbers(f"memory: needs {math.ceil(error)} MB"): "memory",
        without_numbers("hurt on validation"): "hurt on validation",
        without_numbers("the target's own bars disagree"): "the target's own bars disagree",
    }
    assert [*reasons] == [*reasons.values()]
