"""Settings: where they come from, what each allows, and the one line a wrong one is refused with."""

import json
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from progressive_app.config.flag_values import parse_episodes, parse_setting, value_of
from progressive_app.config.resolve import defaults, overlay, resolve, with_settings
from progressive_core.contract.core_settings import EPISODES
from progressive_core.contract.errors import ConfigError
from progressive_core.engine.run import within_range

DEFAULTS = defaults()
ROOT = Path(__file__).resolve().parents[2]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refusal(**arguments: Any) -> str:
    """The line with which these settings are refused."""
    with pytest.raises(ConfigError) as caught:
        resolve(**arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_a_file_the_defaults_hold() -> None:
    assert resolve() == defaults()
    assert resolve()["SEQUENCE"] == ("Scalping", "Short", "Medium", "Long")


def test_the_documented_file_holds_every_default_and_explains_every_key() -> None:
    file = ROOT / "config.json"
    written = json.loads(file.read_text())
    assert resolve(file) == defaults()
    for key, setting in defaults().declared.items():
        assert written[f"// {key}"] == f"{setting.meaning} ({setting.allowed})"
        assert list(written).index(f"// {key}") == list(written).index(key) - 1


def test_later_sources_win() -> None:
    Path("config.json").write_text('{"FEE": 0.01, "SEED": 1, "CAPITAL_ALLOCATION": 0.9}')
    settings = resolve(flags={"SEED": 2, "CAPITAL_ALLOCATION": 0.8}, ui_params={"capital_allocation": 0.7})
    assert (settings["FEE"], settings["SEED"], settings["CAPITAL_ALLOCATION"]) == (0.01, 2, 0.7)


def test_a_named_file_is_read_instead_of_the_one_in_the_working_directory() -> None:
    Path("config.json").write_text('{"SEED": 1}')
    Path("mine.json").write_text('{"FEE": 0}')
    settings = resolve(Path("mine.json"))
    assert (settings["SEED"], settings["FEE"]) == (0, 0.0)


def test_settings_cannot_be_changed_by_whoever_is_handed_them() -> None:
    with pytest.raises(TypeError):
        resolve()["SEED"] = 1  # type: ignore[index]


def test_what_the_interface_passes() -> None:
    settings = resolve(ui_params={"horizon_range": (12, 48), "frequency": "1h", "capital_allocation": 0.3})
    assert settings["HORIZON_RANGE"] == (12, 48)
    assert settings["FREQUENCY"] == "1h"
    assert settings["CAPITAL_ALLOCATION"] == 0.3


@pytest.mark.parametrize(
    ("ui_params", "line"),
    [
        ({"horizon_range": (48, 12)}, "ui_params: horizon_range is [48, 12], expected [shortest, longest] in bars"),
        ({"frequency": "often"}, 'ui_params: frequency is "often", expected a number and a unit'),
        ({"capital_allocation": 30}, "ui_params: capital_allocation is 30, expected a number above 0 and at most 1"),
        (
            {"capital": 1},
            'ui_params: unknown parameter "capital" (value 1); all are horizon_range, frequency, capital_allocation',
        ),
        (
            {"capital_alocation": 1},
            'ui_params: unknown parameter "capital_alocation" (value 1); the nearest known one is ',
        ),
        ([1], "ui_params: expected a dictionary of horizon_range, frequency, capital_allocation, got [1]"),
        ("x", 'ui_params: expected a dictionary of horizon_range, frequency, capital_allocation, got "x"'),
        (0, "ui_params: expected a dictionary of horizon_range, frequency, capital_allocation, got 0"),
    ],
)
def test_what_the_interface_passes_wrong_is_refused_by_its_own_name(ui_params: Any, line: str) -> None:
    assert refusal(ui_params=ui_params).startswith(line)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("SEED", True, "a whole number from 0"),
        ("SEED", 1.0, "a whole number from 0"),
        ("SEED", "1", "a whole number from 0"),
        ("EPISODES", 0, "a whole number from 1"),
        ("EPISODES", {"Scalping": 0}, 'one for each bucket like {"Scalping": 50}'),
        ("EPISODES", {}, "one for each bucket"),
        ("FEE", float("nan"), "a number from 0 to 0.1"),
        ("FEE", float("inf"), "a number from 0 to 0.1"),
        ("FEE", 10**400, "a number from 0 to 0.1"),
        ("CAPITAL_ALLOCATION", 0, "a number above 0 and at most 1"),
        ("USE_CROSS_BUCKET_TRANSFER", 1, "true or false"),
        ("DEVICE", "gpu", '"auto", "cpu", "cuda"'),
        ("SEQUENCE", [], "one or more"),
        ("SEQUENCE", ["Long", "Long"], "a list of distinct bucket names"),
        ("SEQUENCE", "Long", "a list of distinct bucket names"),
        ("FREQUENCY", "1M", "a number and a unit"),
        ("FREQUENCY", "0h", "a number and a unit"),
        ("HORIZON_RANGE", [1, 2, 3], "[shortest, longest] in bars"),
        ("DATA", "", "a path, or null for a synthetic market"),
        ("RUNS_DIR", "\ud800", "a path"),
        ("PLUGINS", ["memory", "no:memory"], "memory and no:memory contradict each other"),
    ],
)
def test_a_wrong_value_is_refused_with_key_value_source_and_what_is_allowed(
    key: str, value: object, expected: str
) -> None:
    line = refusal(flags={key: value})
    assert line.startswith(f"command line: {key} is ")
    assert expected in line


def test_an_unknown_key_is_refused_with_the_nearest_one_and_the_file_that_named_it() -> None:
    Path("config.json").write_text('{"KEEP_CHECKPONTS": 3}')
    assert refusal() == (
        'config.json: unknown setting "KEEP_CHECKPONTS" (value 3); the nearest known setting is KEEP_CHECKPOINTS: '
        "a whole number from 1 to 1000"
    )


def test_a_key_like_no_other_is_refused_without_a_guess() -> None:
    Path("config.json").write_text('{"SEED": 1, "wxyz": 2}')
    assert (
        refusal() == 'config.json: unknown setting "wxyz" (value 2); `progressive-training config` lists the known ones'
    )


def test_what_is_wrong_with_a_file_is_told_to_the_end() -> None:
    Path("config.json").write_bytes(b'{"// a comment of some length": "", "SEED": "\xff"}')
    assert refusal().endswith("invalid start byte")


def test_a_lower_case_key_is_pointed_to_the_upper_case_one() -> None:
    assert "the nearest known setting is SEED" in refusal(flags={"seed": 1})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{\n  "SEED": 1\n  "EPISODES": 2}', "config.json, line 3, column 3: not JSON"),
        (b'{\n  "SEED": 1,\n}', "config.json, line "),  # Python 3.13 points to the comma, older ones behind it
        (b"[1]", "config.json: expected an object of settings"),
        (b'{"SEED": 1, "SEED": 2}', 'config.json: "SEED" is there twice, as 1 and as 2'),
        (b'{"SEED": NaN}', "config.json: SEED is NaN"),
        (b'{"SEED": 1e999}', "config.json: SEED is Infinity"),
        (b'{"SEED": ' + b"9" * 5000 + b"}", "config.json: not a readable JSON file"),
        (b"[" * 100_000, "config.json: not a readable JSON file"),
        (b"\xff\xfe\x00", "config.json: not a readable JSON file"),
        (b"", "config.json, line 1, column 1: not JSON"),
    ],
)
def test_a_broken_file_is_refused_by_name_and_place(content: bytes, expected: str) -> None:
    Path("config.json").write_bytes(content)
    assert refusal().startswith(expected)


def test_an_absent_file_is_refused_by_name() -> None:
    assert refusal(file=Path("none.json")) == "none.json: the configuration cannot be read: No such file or directory"


def test_comments_and_a_byte_order_mark_are_passed_over() -> None:
    Path("config.json").write_text('\ufeff{"//": "mine", "//": "twice", "// SEED": [], "SEED": 3}', encoding="utf-8")
    assert resolve()["SEED"] == 3


@pytest.mark.parametrize(
    ("written", "bars"),
    [("1h", "1h"), ("15m", "15min"), ("15min", "15min"), ("4H", "4h"), ("1d", "1D"), ("1W", "1W"), ("30 s", "30s")],
)
def test_frequencies_are_spelled_as_pandas_spells_them(written: str, bars: str) -> None:
    assert resolve(flags={"FREQUENCY": written})["FREQUENCY"] == bars


def test_numpy_numbers_and_paths_of_a_python_caller_are_welcome() -> None:
    settings = resolve(flags={"SEED": np.int64(3), "FEE": np.float32(0), "DATA": Path("bars.csv")})
    assert json.loads(json.dumps(dict(settings)))["SEED"] == 3
    assert settings["DATA"] == "bars.csv"


@given(key=st.sampled_from(list(DEFAULTS)), value=JSON_VALUES)
def test_any_value_is_refused_in_one_line_or_accepted_for_good(key: str, value: object) -> None:
    try:
        settings = overlay(DEFAULTS, {key: value}, "test")
    except ConfigError as error:
        assert "\n" not in str(error)
        assert key in str(error)
    else:
        assert overlay(DEFAULTS, json.loads(json.dumps(dict(settings))), "test") == settings


@given(content=JSON_VALUES)
def test_any_json_file_is_read_or_refused_in_one_line(content: object) -> None:
    Path("config.json").write_text(json.dumps(content))
    try:
        resolve()
    except ConfigError as error:
        assert str(error).startswith("config.json")
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("SEED=3", "SEED", 3),
        ("DATA=null", "DATA", None),
        ("DATA=bars.csv", "DATA", "bars.csv"),
        ("DATA=2024", "DATA", "2024"),
        ("DATA=a=b.csv", "DATA", "a=b.csv"),
        ("FREQUENCY=1h", "FREQUENCY", "1h"),
        ("SEQUENCE=Scalping, Long", "SEQUENCE", ["Scalping", "Long"]),
        ('SEQUENCE=["Scalping"]', "SEQUENCE", ["Scalping"]),
        ('EPISODES={"Long": 3}', "EPISODES", {"Long": 3}),
        ("USE_CROSS_BUCKET_TRANSFER=false", "USE_CROSS_BUCKET_TRANSFER", False),
    ],
)
def test_set_takes_json_and_bare_words(text: str, key: str, value: object) -> None:
    named, word = parse_setting(text)
    assert (named, value_of(DEFAULTS.declared[named], word)) == (key, value)
    resolve(flags={named: word})


@given(text=st.text())
def test_any_text_for_set_is_a_setting_or_refused_in_one_line(text: str) -> None:
    try:
        key, value = parse_setting(text)
        resolve(flags={key: value})
    except ConfigError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(("text", "episodes"), [("40", 40), ("Scalping=50, Long=100", {"Scalping": 50, "Long": 100})])
def test_episodes_for_all_buckets_or_for_some(text: str, episodes: int | Mapping[str, int]) -> None:
    assert parse_episodes(text) == episodes


@pytest.mark.parametrize("text", ["", "many", "Scalping=", "Scalping=1,Scalping=2", "Scalping=1,", "1,2"])
def test_unreadable_episodes_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--episodes: expected a whole number like 40"):
        parse_episodes(text)


def test_a_bucket_that_is_not_named_has_the_default() -> None:
    settings = resolve(flags={"EPISODES": {"Scalping": 7}, "WIDTH": {"Long": 64}})
    assert settings.for_bucket("Scalping")[EPISODES] == 7
    assert settings.for_bucket("Long")[EPISODES] == defaults()["EPISODES"]
    assert [settings.for_bucket(name)["WIDTH"] for name in ("Scalping", "Long")] == [None, 64]
    assert resolve(flags={"EPISODES": 3}).for_bucket("Long")[EPISODES] == 3
    with pytest.raises(TypeError, match="EPISODES has a value for each bucket"):
        settings[EPISODES]


def test_settings_travel_to_another_process_as_they_are() -> None:
    settings = resolve(flags={"EPISODES": {"Scalping": 7}})
    again = pickle.loads(pickle.dumps(settings))
    assert again == settings
    assert again.for_bucket("Scalping") == settings.for_bucket("Scalping")


def test_the_horizon_range_keeps_what_is_inside_and_adds_its_ends() -> None:
    assert within_range((1, 6, 24, 72), None) == (1, 6, 24, 72)
    assert within_range((1, 6, 24, 72), (12, 48)) == (12, 24, 48)
    assert within_range((1, 6, 24, 72), (6, 24)) == (6, 24)
    assert within_range((1, 6), (100, 100)) == (100,)


def test_each_bucket_may_have_a_horizon_range_of_its_own() -> None:
    settings = resolve(flags={"HORIZON_RANGE": {"Scalping": [6, 24]}})
    assert settings.for_bucket("Scalping")["HORIZON_RANGE"] == (6, 24)
    assert settings.for_bucket("Long")["HORIZON_RANGE"] is None
    assert 'one for each bucket like {"Scalping": [1, 72]}' in refusal(flags={"HORIZON_RANGE": {"Scalping": 6}})


def test_an_argument_that_is_none_was_not_given() -> None:
    settings = with_settings(defaults(), {"EPISODES": None, "SEQUENCE": ["Long"]}, {"capital_allocation": 0.5})
    assert settings["EPISODES"] == defaults()["EPISODES"]
    assert settings["SEQUENCE"] == ("Long",)
    assert settings["CAPITAL_ALLOCATION"] == 0.5
    with pytest.raises(ConfigError, match="arguments: EPISODES is 0, expected"):
        with_settings(defaults(), {"EPISODES": 0})


def test_nobody_waits_for_a_pipe_in_the_place_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("config.json")
    with pytest.raises(ConfigError, match=r"config\.json: a pipe"):
        resolve()
