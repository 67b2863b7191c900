"""Whether the best trial is adopted."""

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progressive_studies.search.choosing import (
    NEEDED,
    Fresh,
    best_of,
    choice_of,
    deflated_t,
    paired_t,
)

BLOCKS = 64


@pytest.fixture
def tried(trial, incumbent):
    """Three trials, of which the last has the best score."""
    return [trial(number, incumbent | {"WIDTH": 32 + number}, number / 10) for number in range(3)]


def drawn(seed, mean=0.0, blocks=BLOCKS):
    numbers = random.Random(seed)
    return tuple(numbers.gauss(mean, 1.0) for _ in range(blocks))


def fresh(*pairs):
    return [Fresh(seed=seed, incumbent=pair[0], choice=pair[1]) for seed, pair in enumerate(pairs, 1)]


def test_the_best_is_that_of_the_finished_ones_and_the_incumbent_where_none_is_better(trial):
    def best(*scores):
        return best_of([trial(number, {}, score, status) for number, (score, status) in enumerate(scores)]).number

    assert best((0.1, "finished"), (0.3, "finished"), (0.9, "pruned")) == 1
    assert best((0.3, "finished"), (0.3, "finished")) == 0
    assert best((math.nan, "finished"), (-math.inf, "finished")) == 0
    assert best((math.nan, "finished"), (-0.2, "finished"), (math.nan, "finished")) == 1


def test_the_difference_of_a_block_is_averaged_over_the_seeds_before_blocks_are_counted():
    incumbent, choice = (drawn(1), drawn(2)), (drawn(3, 0.5), drawn(4, 0.5))
    means = [
        sum(block) / 2
        for block in zip(
            *[[a - b for a, b in zip(*pair, strict=True)] for pair in zip(choice, incumbent, strict=True)], strict=True
        )
    ]
    assert math.isclose(
        paired_t(choice, incumbent), statistics.mean(means) / (statistics.stdev(means) / math.sqrt(BLOCKS))
    )
    assert math.isclose(paired_t(choice * 2, incumbent * 2), paired_t(choice, incumbent))  # as many bars as before
    assert math.isclose(paired_t(incumbent, choice), -paired_t(choice, incumbent))


def test_what_cannot_be_told_apart_shows_nothing(tried):
    flat, one = (0.0,) * BLOCKS, drawn(1)
    assert paired_t([one], [one]) == 0.0 and paired_t([flat], [flat]) == 0.0
    assert paired_t([(0.3,) * 3], [(0.2,) * 3]) == 0.0  # no spread, no error
    for choice, incumbent in (([(0.5,)], [(0.1,)]), ([()], [()]), ([], []), ([(math.nan, 1.0)], [(0.0, 0.0)])):
        assert math.isnan(paired_t(choice, incumbent))
        found = choice_of(tried, [Fresh(seed=1, incumbent=b, choice=a) for a, b in zip(choice, incumbent, strict=True)])
        assert not found.adopted and found.why.startswith("No better setting shown: trial 2 cannot be told from")
    with pytest.raises(ValueError, match="zip"):
        paired_t([(0.1, 0.2)], [(0.1,)])


def test_the_incumbent_stays_where_it_is_the_best(trial, incumbent):
    found = choice_of([trial(0, incumbent, 0.4), trial(1, incumbent | {"WIDTH": 64}, 0.2)])
    assert (found.best, found.adopted, found.settings) == (0, False, {})
    assert found.why == "No better setting shown: of 2 trials none has a better score than the settings as they are."


def test_a_t_that_is_too_small_adopts_nothing(tried):
    found = choice_of(tried, fresh((drawn(1), drawn(2)), (drawn(3), drawn(4))), t_choosing=2.5, t_deflated=0.4)
    assert not found.adopted and found.settings == {} and (found.t_choosing, found.t_deflated) == (2.5, 0.4)
    assert found.why == (
        "No better setting shown: trial 2 has the best score, but on the half of validation that no trial was judged on (64 blocks, "
        f"2 fresh seeds) its paired t against the settings as they are is {found.t:.2f}, and 2 is needed."
    )


def test_a_t_just_below_what_is_needed_does_not_look_as_if_it_were_that(tried):
    noise, needed = drawn(1), NEEDED
    spread = paired_t([noise], [(0.0,) * BLOCKS])
    step = math.sqrt(math.fsum((each - math.fsum(noise) / BLOCKS) ** 2 for each in noise) / (BLOCKS - 1) / BLOCKS)
    close = tuple(each + (needed - 1e-4 - spread) * step for each in noise)
    found = choice_of(tried, fresh((((0.0,) * BLOCKS), close)))
    assert not found.adopted and found.t == pytest.approx(needed - 1e-4, abs=1e-6)
    assert "is 1.9999, and 2 is needed" in found.why


def test_a_setting_that_is_better_on_held_back_bars_is_adopted(tried):
    found = choice_of(tried, fresh((drawn(1), drawn(2, 1.0)), (drawn(3), drawn(4, 1.0))))
    assert found.adopted and found.best == 2 and found.settings == tried[2].values and found.t >= found.needed
    assert found.why.startswith("Trial 2 is adopted: on the half of validation that no trial was judged on")


def test_one_that_trades_is_adopted_over_an_incumbent_that_never_does_only_for_what_it_earns(tried):
    flat = (0.0,) * BLOCKS
    assert choice_of(tried, fresh((flat, drawn(1, 1.0)), (flat, drawn(2, 1.0)))).adopted
    assert not choice_of(tried, fresh((flat, drawn(1)), (flat, drawn(2)))).adopted
    assert choice_of(tried, fresh((drawn(1, -1.0), flat), (drawn(2, -1.0), flat))).adopted  # not to trade beats a loss


@pytest.mark.parametrize("blocks", [32, 128])
def test_luck_is_adopted_once_in_37_times(tried, blocks):
    numbers = random.Random(blocks)
    adopted, times = 0, 4_000
    for _ in range(times):
        bars = [numbers.gauss(0, 1) for _ in range(blocks)]  # the same for both settings and all seeds
        sides = [[tuple(bar + numbers.gauss(0, 1) for bar in bars) for _ in range(2)] for _ in range(2)]
        adopted += paired_t(sides[0], sides[1]) >= NEEDED
    assert adopted / times < 1 / 37 + 2 * math.sqrt(1 / 37 / times)


def test_the_best_of_many_null_trials_has_a_deflated_t_of_about_nothing():
    numbers = random.Random(1)
    deflated = []
    for _ in range(400):
        ts = [numbers.gauss(0, 1.3) for _ in range(29)]
        deflated.append(deflated_t(max(ts), ts, 29))
    assert abs(statistics.mean(deflated)) < 0.1


def test_a_single_trial_is_not_deflated_and_few_are_as_normal_ones():
    assert deflated_t(2.5, [2.5], 1) == 2.5
    assert deflated_t(2.5, [2.5], 30) == pytest.approx(2.5 - 2.07, abs=0.02)


@given(st.floats(-5, 5), st.lists(st.floats(-5, 5), max_size=30), st.integers(2, 100))
def test_more_trials_never_make_a_t_say_more(t, others, trials):
    assert deflated_t(t, others, trials + 1) <= deflated_t(t, others, trials) <= t
