"""Parts follow each other in time with a purged stretch between, and too few bars are refused with the number needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progressive_market.split import bars_needed, split_bars
from progressive_training import DataError


@given(st.integers(1, 600), st.floats(0.05, 0.4), st.floats(0.05, 0.4), st.integers(0, 50_000))
def test_parts_are_ordered_and_purged(longest: int, validation: float, test: float, more: int) -> None:
    count = bars_needed(longest, validation, test) + more
    split = split_bars(count, longest, validation, test, "Scalping")
    assert split.train.start == 0
    assert split.validation.start - split.train.stop >= longest + 2
    assert split.test.start - split.validation.stop >= longest + 2
    assert split.test.stop == count
    assert min(part.stop - part.start for part in (split.train, split.validation, split.test)) >= 2 * longest


@given(st.integers(1, 600), st.integers(1, 600))
def test_no_bucket_learns_from_what_judges_another(one: int, other: int) -> None:
    first, second = (split_bars(20_000, longest, 0.15, 0.25, "Long") for longest in (one, other))
    assert first.train.stop <= second.validation.start
    assert first.validation.stop <= second.test.start
    assert first.validation.start == second.validation.start


def test_too_few_bars_are_refused_with_the_number_needed() -> None:
    needed = bars_needed(576, 0.15, 0.25)
    with pytest.raises(DataError, match=f"Long: {needed - 1} bars are too few .* at least {needed} are needed"):
        split_bars(needed - 1, 576, 0.15, 0.25, "Long")
    split_bars(needed, 576, 0.15, 0.25, "Long")
