"""When a trial is given up."""

import math

from hypothesis import given
from hypothesis import strategies as st

from progressive_studies.search.pruning import floors, lags
from progressive_studies.search.tried import Trial


def trials(*steps):
    return [
        Trial(number=number, values={}, status="finished", score=each[-1], steps=tuple(each))
        for number, each in enumerate(steps)
    ]


def test_a_trial_has_to_be_as_good_as_the_best_third_of_those_before_it_had_been_by_then_and_later_as_the_best():
    tried = trials(*([level + episode / 100 for episode in range(1, 21)] for level in (1, 2, 3, 4, 5, 6)))
    found = floors(tried)
    assert found[:7] == (-math.inf,) * 7 and found[7] == 5.08 and found[15:] == (6.16, 6.17, 6.18, 6.19, 6.20)
    assert lags(found, 8, 5.07) and not lags(found, 8, 5.08) and lags(found, 8, math.nan)
    assert not lags(found, 7, -9.0)
    assert lags(found, 30, 6.19) and not lags(found, 30, 6.20)


def test_one_that_ended_before_counts_with_its_last_score():
    assert floors(trials([4.0] * 3, [1.0] * 10, [2.0] * 10))[9] == 4.0


def test_the_first_batch_is_never_given_up():
    assert floors([]) == () and not lags((), 50, -math.inf)


STEPS = st.lists(st.floats(-1, 1) | st.just(math.nan) | st.just(-math.inf), min_size=1, max_size=12)


@given(st.lists(STEPS, min_size=1, max_size=12))
def test_the_best_of_earlier_trials_stands_at_each_floor_and_a_third_of_them_at_the_first(steps):
    found = floors(trials(*steps))
    assert len(found) == max(map(len, steps)) and all(floor == -math.inf for floor in found[:7])
    for episode, _ in enumerate(found, 1):
        standing = sum(not lags(found, episode, each[min(episode, len(each)) - 1]) for each in steps)
        assert standing >= (len(steps) / 3 if episode == 8 else 1)
