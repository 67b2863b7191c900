"""Which values the trials of a batch get."""

import builtins
import io
import logging
import math
import statistics

import pytest

from progressive_core.contract.errors import ConfigError
from progressive_studies.search.asking import asked
from progressive_studies.search.setting_importance import importance_of
from progressive_studies.search.space import Choices, Range


def score(values):
    """Best at a rate of 2e-3; the switch adds a little."""
    return 0.1 * values["FAST"] - abs(math.log(values["RATE"] / 2e-3))


@pytest.fixture
def history(space, incumbent, trial):
    """A number of trials in batches of six, as a search makes them."""

    def made(count, seed=0):
        tried = [trial(0, incumbent, score(incumbent))]
        while len(tried) < count:
            tried += [
                trial(number, values, score(values), status="pruned" if score(values) < -1.5 else "finished")
                for number, values in enumerate(asked(space, tried, min(6, count - len(tried)), seed), len(tried))
            ]
        return tried

    return made


def test_values_lie_in_the_space_and_are_of_the_settings_own_types(space, history):
    for trial in history(13):
        assert all(span.holds(trial.values[key]) for key, span in space.items()) and list(trial.values) == list(space)
        assert [type(trial.values[key]) for key in ("RATE", "WIDTH", "FAST")] == [float, int, bool]
        assert len(f"{trial.values['RATE']!r}") <= 9  # not 0.00031678234098


def test_the_same_history_and_seed_are_asked_the_same_and_others_are_not(space, history):
    first, again, other = history(19), history(19), history(19, seed=1)
    assert [each.values for each in first] == [each.values for each in again]
    assert [each.values for each in first[1:]] != [each.values for each in other[1:]]
    assert asked(space, first[:13], 6, 0) == [each.values for each in first[13:]]


def test_what_earlier_trials_gave_leads_the_later_ones(history):
    def distance(trials):
        return statistics.mean(abs(math.log(trial.values["RATE"] / 2e-3)) for trial in trials)

    searches = [history(31, seed) for seed in range(4)]
    assert statistics.mean(distance(tried[19:]) for tried in searches) < 0.8 * statistics.mean(
        distance(tried[1:13]) for tried in searches
    )


def test_a_score_that_is_no_number_and_values_outside_the_space_stop_nothing(space, incumbent, trial, history):
    outside = trial(0, incumbent | {"RATE": 0.5}, 9.0)
    bad = [trial(each.number, each.values, math.nan, each.status, (math.nan,)) for each in history(12)[1:]]
    assert len(asked(space, [outside, *bad], 6, 0)) == 6


def test_nothing_is_tried_twice_and_a_space_without_more_ends_the_search(trial):
    few = {
        "FAST": Choices(text="true|false", texts=("true", "false"), values=(True, False)),
        "WIDTH": Range(text="1..4", low=1, high=4, log=False, whole=True),
    }
    tried = [trial(0, {"FAST": True, "WIDTH": 2}, 0.5)]
    tried += [trial(number, values, 0.1) for number, values in enumerate(asked(few, tried, 5, 0), 1)]
    rest = asked(few, tried, 6, 0)
    assert len(tried) == 6 and len(rest) == 2
    assert len({repr(sorted(values.items())) for values in [*(each.values for each in tried), *rest]}) == 8
    assert asked(few, [*tried, *(trial(6 + place, values, 0.0) for place, values in enumerate(rest))], 6, 0) == []


def test_the_last_values_of_a_space_are_found_far_from_the_best(trial):
    width = {"WIDTH": Range(text="1..40", low=1, high=40, log=False, whole=True)}
    tried = [trial(number, {"WIDTH": number + 1}, -abs(number - 12.0)) for number in range(37)]
    assert sorted(values["WIDTH"] for values in asked(width, tried, 6, 0)) == [38, 39, 40]


def test_the_setting_that_matters_has_the_largest_share(space, history):
    shares = importance_of(space, history(31))
    assert next(iter(shares)) == "RATE" and shares["RATE"] > 0.5 and math.isclose(sum(shares.values()), 1)


def test_importance_says_nothing_of_few_trials_or_of_equal_ones(space, incumbent, trial, history):
    assert importance_of(space, history(5)) == {}
    assert importance_of(space, [trial(each.number, each.values, 0.0) for each in history(12)]) == {}
    one_better = [trial(each.number, each.values, float(each.number == 3)) for each in history(12)]
    assert importance_of(space, one_better) == {}
    outside = [trial(each.number, each.values | {"WIDTH": 999}, each.score) for each in history(12)]
    assert importance_of(space, outside) == {}


def test_without_optuna_it_is_said_what_to_install(space, monkeypatch):
    imported = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == "optuna":
            raise ModuleNotFoundError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"tune needs Optuna: pip install 'progressive-training\[tune\]'"):
        asked(space, [], 1, 0)


def test_optuna_is_quiet_while_it_is_asked_and_as_it_was_behind(space):
    logger, said = logging.getLogger("optuna"), io.StringIO()
    handler, level = logging.StreamHandler(said), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        asked(space, [], 2, 0)
        assert logger.level == logging.INFO and not said.getvalue()
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
