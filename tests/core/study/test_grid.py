"""The grid of a study: what its flags mean, and which runs are planned."""

import json
from pathlib import Path

import pytest

from progressive_app.config.resolve import defaults
from progressive_core.contract.errors import ConfigError, DataError, RunError
from progressive_studies.study.grid import Grid, plan_of
from progressive_studies.study.grid_flags import parse_files, parse_seeds, parse_values
from progressive_studies.study.study_plan import PLAN, check_inputs, read_plan, write_plan


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", (3,)), ("0-2", (0, 1, 2)), ("0-1,7", (0, 1, 7)), (" 4 , 2-3", (4, 2, 3))]
)
def test_seeds(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("9-0", "the range 9-0 runs backward; write 0-9"),
        ("", "expected whole numbers and ranges"),
        ("a-b", "expected whole numbers and ranges"),
        ("-1", "expected whole numbers and ranges"),
        ("0-99999", "100,000 seeds"),
        ("4294967296", "no seed"),
    ],
)
def test_seeds_that_are_none(text, says):
    with pytest.raises(ConfigError, match=says):
        parse_seeds(text)


def test_files_are_parted_by_commas_and_one_that_holds_a_comma_is_written_as_json():
    assert parse_files("a.csv, b.csv") == ("a.csv", "b.csv")
    assert parse_files('["a,b.csv", "c.csv"]') == ("a,b.csv", "c.csv")
    for bad in ("a.csv,,b.csv", "[1]", "[a"):
        with pytest.raises(ConfigError, match="--data: expected"):
            parse_files(bad)


@pytest.mark.parametrize(
    ("key", "text", "values"),
    [
        ("LEARNING_RATE", "1e-3,3e-4", (1e-3, 3e-4)),
        ("HORIZON_RANGE", "[6,48]", ([6, 48],)),
        ("HORIZON_RANGE", "[6,48],[12,96]", ([6, 48], [12, 96])),
        ("EPISODES", '{"Scalping":5,"Long":9},7', ({"Scalping": 5, "Long": 9}, 7)),
        ("TRANSFERS", '["weights"],["weights","features"]', (["weights"], ["weights", "features"])),
        ("MARKET", '"BTC,USDT","ETH,USDT"', ("BTC,USDT", "ETH,USDT")),
    ],
)
def test_commas_part_values_and_brackets_and_quotes_keep_one_together(key, text, values):
    assert parse_values(defaults().declared[key], text) == values


def test_a_list_without_brackets_could_mean_two_things():
    with pytest.raises(ConfigError, match="is one list, .* are 2 values"):
        parse_values(defaults().declared["TRANSFERS"], "weights,features")


@pytest.fixture
def files(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(name)
    return tuple(str(tmp_path / f"{name}.csv") for name in ("a", "b"))


def grid(**asked):
    return Grid(**{"settings": defaults(), "seeds": (0, 1), **asked})


def planned(**asked):
    return plan_of(grid(**asked), lambda settings: None)


def test_each_market_value_and_seed_is_a_run_with_all_its_settings(files):
    plan = planned(markets=files, varied={"LEARNING_RATE": (1e-3, 3e-4)}, scratch_arms=True)
    assert [run.name for run in plan.runs][:3] == [
        "a-LEARNING_RATE-0.001-seed-0",
        "a-LEARNING_RATE-0.001-seed-1",
        "a-LEARNING_RATE-0.0003-seed-0",
    ]
    assert len({run.name for run in plan.runs}) == 8
    last = plan.runs[-1]
    assert last.labels == {"market": "b.csv", "LEARNING_RATE": 3e-4, "seed": 1}
    assert (last.settings["SEED"], last.settings["DATA"], last.settings["LEARNING_RATE"]) == (1, files[1], 3e-4)
    assert set(last.settings) == set(defaults())
    assert last.scratch_arms
    assert set(plan.inputs) == set(files)


def test_values_that_make_no_name_are_numbered():
    plan = planned(varied={"HORIZON_RANGE": ({"Scalping": [6, 48], "Long": [72, 576]}, None)}, seeds=(0,))
    assert [run.name for run in plan.runs] == ["HORIZON_RANGE-1-seed-0", "HORIZON_RANGE-2-seed-0"]


def test_what_is_given_twice_or_is_not_there_is_refused(files, tmp_path):
    with pytest.raises(ConfigError, match="seeds: 1 is given twice"):
        planned(seeds=(1, 1))
    with pytest.raises(ConfigError, match="LEARNING_RATE: 0.001 is given twice"):
        planned(varied={"LEARNING_RATE": (1e-3, 0.001)})
    with pytest.raises(ConfigError, match="a.csv is given twice"):
        planned(markets=(files[0], str(tmp_path / "." / "a.csv")))
    with pytest.raises(DataError, match="no such file"):
        planned(markets=("missing.csv",))
    with pytest.raises(ConfigError, match="a study of 20,000 runs"):
        planned(seeds=tuple(range(10_000)), varied={"LEARNING_RATE": (1e-3, 3e-4)})


def test_a_plan_comes_back_as_it_was_written_and_what_all_share_stands_there_once(files, tmp_path):
    plan = planned(markets=files)
    write_plan(tmp_path, plan)
    assert read_plan(tmp_path) == plan
    document = json.loads((tmp_path / PLAN).read_text())
    assert set(document["runs"][0]["settings"]) == {"SEED", "DATA"}
    write_plan(tmp_path / "..", plan)
    assert (tmp_path / ".." / PLAN).read_bytes() == (tmp_path / PLAN).read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"SEED": 1', '"SEED": 2', "it was changed since it was written"),
        ('"format": 1', '"format": 9', "another version"),
        ('"sha256"', '"sha"', "it was changed since it was written"),
        ("{", "", "not valid JSON"),
    ],
)
def test_a_plan_that_was_edited_is_refused(tmp_path, old, new, says):
    write_plan(tmp_path, planned())
    file = tmp_path / PLAN
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(RunError, match=says):
        read_plan(tmp_path)


def test_a_file_that_changed_after_the_plan_is_noticed(files, tmp_path):
    plan = planned(markets=files)
    Path(files[0]).write_text("other")
    with pytest.raises(RunError, match="a.csv has changed since it was planned"):
        check_inputs(tmp_path, plan)
