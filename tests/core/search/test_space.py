"""What may vary in a search: the texts of spans, and which settings take them."""

import json
import math
import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progressive_app.config.common_kinds import Number, OneOf
from progressive_core.contract.core_settings import EPISODES
from progressive_core.contract.errors import ConfigError, PluginError
from progressive_core.contract.kinds import HorizonRange, OrNull, Switch, Whole
from progressive_core.contract.setting import Setting, Settings
from progressive_studies.search.space import parse_spaces, space_of, spaces_of

RATE = Setting("RATE", 1e-3, Number(0, 1, low_excluded=True), "a rate", per_bucket=True)
WIDTH = Setting("WIDTH", 128, Whole(1, 4096), "a width", per_bucket=True)
SHIFT = Setting("SHIFT", 0.0, Number(-5, 5), "any number", per_bucket=True)
WAY = Setting("WAY", "best", OneOf(("best", "fixed")), "a word", per_bucket=True)
FAST = Setting("FAST", False, Switch(), "a switch", per_bucket=True)
SPANS = Setting("SPANS", None, OrNull(HorizonRange(), "its own"), "two numbers", per_bucket=True)
WHOLE_RUN = Setting("WHOLE_RUN", 1, Whole(1, 5), "one for all")
EVIDENCE = Setting("EVIDENCE", "all", OneOf(("all", "half")), "what is judged", per_bucket=True)
DECLARED = {each.key: each for each in (RATE, WIDTH, SHIFT, WAY, FAST, SPANS, WHOLE_RUN, EVIDENCE, EPISODES)}
SETTINGS = Settings({key: each.default for key, each in DECLARED.items()}, DECLARED)
BUCKET = SimpleNamespace(name="Mine", settings=(RATE, WIDTH))
OTHER = SimpleNamespace(name="Other", settings=(RATE, WAY))


def space(text):
    return space_of(BUCKET, parse_spaces(text), SETTINGS)


def test_a_range_holds_its_ends_and_whole_numbers_where_the_setting_is_whole():
    found = space("RATE=1e-4..1e-2:log, WIDTH=16..64")
    assert [found["RATE"].holds(value) for value in (1e-4, 1e-2, 2e-2, math.nan, "1e-3", True)] == [
        True,
        True,
        *[False] * 4,
    ]
    assert [found["WIDTH"].holds(value) for value in (16, 64, 16.5, 65)] == [True, True, False, False]
    assert found["RATE"].log and not found["WIDTH"].log


def test_named_values_and_switches_are_those_of_the_setting():
    found = space("WAY=best|fixed,FAST=true|false,SPANS=[6,48]|[12, 96]|null,WIDTH=64|128")
    assert found["WAY"].values == ("best", "fixed")
    assert found["FAST"].values == (True, False) and not found["FAST"].holds(1)
    assert found["SPANS"].values == ((6, 48), (12, 96), None) and found["SPANS"].holds([12, 96])
    assert found["WIDTH"].values == (64, 128) and not found["WIDTH"].holds(True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("RATE", '--space: expected KEY=low..high, KEY=low..high:log or KEY=a|b|c, got "RATE"'),
        ("", "expected KEY=low..high"),
        ("RATE=", "expected KEY=low..high"),
        ("RATE=0.1..0.2,", 'got ""'),
        ("RATE=0.1..0.2,RATE=0.3..0.4", "RATE is given twice"),
        ("RATES=0.1..0.2", 'unknown setting "RATES" (values "0.1..0.2"); the nearest known setting is RATE'),
        ("QQQ=1..2", "`progressive-training config` lists the known ones"),
        ("WHOLE_RUN=1..2", "WHOLE_RUN has one value for all buckets of a run"),
        ("EVIDENCE=all|half", "EVIDENCE may not vary, since it says which bars judge a trial"),
        ("EPISODES=10..40", "EPISODES may not vary, since a trial with more of them looks more often"),
        ("RATE=0.5", "RATE=0.5: expected KEY=low..high"),
        ("RATE=0.5..0.1", "0.5 is not below 0.1; write the lower bound first"),
        ("RATE=0.1..0.1", "0.1 is not below 0.1"),
        ("RATE=0..0.5", '"0" is not allowed, expected a number above 0 and at most 1'),
        ("RATE=0.1..nan", '"nan" is not allowed, expected a number above 0'),
        ("RATE=0.1..1e999", '"1e999" is not allowed'),
        ("RATE=x..1", '"x" is no number'),
        ("RATE=0.1..0.5:lin", '"lin" is no way to try numbers'),
        ("SHIFT=-1..1:log", "begin above 0"),
        ("WIDTH=0.5..3", '"0.5" is not allowed, expected a whole number from 1 to 4096'),
        ("WAY=1..2", '"1" is not allowed, expected "best" or "fixed"'),
        ("WAY=best|worst", '"worst" is not allowed'),
        ("WAY=best|best", "best is there twice"),
        ('WAY="best|fixed"', "is not allowed"),
    ],
)  # fmt: skip
def test_what_is_no_space_is_refused_in_one_line(text, says):
    with pytest.raises(ConfigError, match=re.escape(says)) as refused:
        space(text)
    assert "\n" not in str(refused.value)


def test_a_kind_that_takes_some_numbers_only_takes_no_range_of_them():
    class Halves:
        allowed = "0.5 or 1.5"

        def check(self, value):
            if value not in {0.5, 1.5}:
                from progressive_core.contract.kinds import Refused

                raise Refused
            return value

    odd = Setting("ODD", 0.5, Halves(), "odd", per_bucket=True)
    with pytest.raises(ConfigError, match="ODD does not take all numbers between, expected 0.5 or 1.5"):
        space_of(BUCKET, {"ODD": "0.5..1.5"}, Settings({"ODD": 0.5}, {"ODD": odd}))


def test_a_bucket_says_itself_what_may_vary():
    tunable = SimpleNamespace(name="Mine", settings=(), tunable=lambda: {"RATE": "1e-4..1e-2:log", "WAY": "best|fixed"})
    assert list(space_of(tunable, None, SETTINGS)) == ["RATE", "WAY"]
    with pytest.raises(
        ConfigError, match=r"bucket Mine does not say what may vary .*--space LEARNING_RATE=1e-4..1e-2:log"
    ):
        space_of(BUCKET, None, SETTINGS)


@pytest.mark.parametrize("wrong", [{}, None, ["RATE"], {"RATE": (1, 2)}, {"RATE": "2..1"}, {"RAT": "0.1..0.2"}])
def test_a_bucket_that_says_it_wrongly_is_named(wrong):
    with pytest.raises(PluginError, match=r"tunable\(\) of bucket Mine"):
        space_of(SimpleNamespace(name="Mine", tunable=lambda: wrong), None, SETTINGS)


def test_each_bucket_of_a_search_gets_the_settings_that_it_reads():
    def found(text, *buckets):
        spaces = spaces_of(buckets, parse_spaces(text), SETTINGS, (BUCKET, OTHER))
        return {name: list(space) for name, space in spaces.items()}

    assert found("RATE=0.1..0.2,WIDTH=1..9,FAST=true|false", BUCKET, OTHER) == {
        "Mine": ["RATE", "WIDTH", "FAST"],
        "Other": ["RATE", "FAST"],
    }
    assert found("WIDTH=1..9", OTHER, BUCKET) == {"Mine": ["WIDTH"]}
    with pytest.raises(ConfigError, match="WAY is read by none of the buckets that are searched; leave it out"):
        found("RATE=0.1..0.2,WAY=best|fixed", BUCKET)


NUMBERS = st.floats(min_value=-5, max_value=5, allow_nan=False).map(lambda number: number + 0.0)


@given(st.tuples(NUMBERS, NUMBERS).filter(lambda ends: ends[0] < ends[1]), st.booleans())
def test_any_two_numbers_in_order_make_a_range_that_holds_what_lies_between(ends, log):
    low, high = ends
    text = f"SHIFT={low!r}..{high!r}{':log' if log else ''}"
    if log and low <= 0:
        with pytest.raises(ConfigError, match="begin above 0"):
            space(text)
        return
    found = space(text)["SHIFT"]
    assert (found.low, found.high) == (low, high)
    assert found.holds(low) and found.holds(high) and found.holds(low + (high - low) / 2)
    assert not found.holds(high + 1) and not found.holds(low - 1)


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(300, 600)), min_size=2, max_size=5, unique=True))
def test_lists_keep_their_commas(pairs):
    text = "|".join(json.dumps(pair) for pair in pairs)
    found = space(f"SPANS={text},WIDTH=1..2")
    assert found["SPANS"].values == tuple(pairs) and set(found) == {"SPANS", "WIDTH"}


@given(st.text(alphabet="RATEWIDHSPN=.,|:[]{}\"'-+0123456789 elogtrufas", max_size=40))
def test_whatever_is_written_gives_a_space_or_one_line(text):
    try:
        found = space(text)
    except ConfigError as refused:
        assert "\n" not in str(refused)
    else:
        assert found
