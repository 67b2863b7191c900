"""`walk-forward`: folds as the runs of a study, put together, and the newest fold's models to be used."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from progressive_front.cli import main
from progressive_front.commands import train_walk
from progressive_market.bars import synthetic_bars
from progressive_training import ModelError, load_model

BARS = 2_400
SMALL = {
    "EPISODES": 2,
    "UPDATES_PER_EPISODE": 1,
    "EPISODE_BARS": 16,
    "PARALLEL_EPISODES": 4,
    "BATCH_SIZE": 32,
    "HORIZON_RANGE": [1, 12],
    "ENABLE_REVERSE_TRANSFER": False,
    "DEVICE": "cpu",
    "PLUGINS": ["no:report", "no:picture"],
}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        directory = tmp_path_factory.mktemp("walk")
        patch.chdir(directory)
        Path("config.json").write_text(json.dumps(SMALL))
        bars = synthetic_bars(BARS, 4)
        columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
        frame = pd.DataFrame({"time": pd.to_datetime(bars.time, utc=True), **columns})
        frame.to_parquet("bars.parquet")
        assert (
            main("walk-forward --data bars.parquet --sequence Scalping,Short --folds 2 --name two --quiet".split()) == 0
        )
        yield directory, frame


@pytest.fixture
def walk(elsewhere, monkeypatch):
    monkeypatch.chdir(elsewhere[0])
    return json.loads(Path("studies/two/walk_forward.json").read_text())


def test_the_result_is_of_all_test_parts(walk) -> None:
    assert [each["bucket"] for each in walk["buckets"]] == ["Scalping", "Short"]
    for bucket in walk["buckets"]:
        assert [row["strategy"] for row in bucket["performance"]][1:4] == [
            f"{bucket['bucket']}, abstaining",
            "flat",
            "buy and hold",
        ]
        assert [fold["episodes"] for fold in bucket["folds"]] == [2, 2]
        assert bucket["folds"][0]["warm_start"] is None
        assert bucket["folds"][1]["warm_start"] is not None
    assert walk["together"]["performance"][0]["strategy"] == "all buckets"
    assert walk["folds"][0]["until"] == walk["folds"][1]["test_from"]
    text, page = (Path("studies/two/walk_forward").with_suffix(end).read_text() for end in (".md", ".html"))
    assert walk["buckets"][0]["verdict"] in text
    assert page.count('class="border"') == 3 * 2
    assert "true Sharpe ratio is 1 shows a t of 3 in" in text


def test_the_newest_folds_models_are_used_with_the_verdict_on_all(walk, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError, match=r"several buckets; name the model of one, like studies/two/models/Scalping"):
        load_model("studies/two")
    used, newest = (load_model(f"studies/two/{place}models/Short") for place in ("", "runs/fold-02/"))
    assert used.card.verdict == walk["buckets"][1]["verdict"]
    assert used.card.trades == walk["buckets"][1]["trades"]
    assert all((used.tensors[name] == newest.tensors[name]).all() for name in newest.tensors)
    capsys.readouterr()
    assert main(["signal", "two", "--data", "bars.parquet", "--json"]) == 0
    assert [each["bucket"] for each in json.loads(capsys.readouterr().out)] == ["Scalping", "Short"]
    assert main(["evaluate", "two", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "two"
    assert main(["evaluate", "two", "--data", "bars.parquet", "--since", "2020-04-01"]) == 0
    assert walk["buckets"][1]["verdict"].split(" (")[0] in capsys.readouterr().out


def test_changing_bars_from_a_folds_start_on_leaves_its_model_the_same_to_the_bit(elsewhere, walk) -> None:
    """The second fold's test part is changed, and the folds are trained again: models, and what the second took, are the same."""
    _, frame = elsewhere
    late = frame["time"] >= pd.Timestamp(walk["folds"][1]["test_from"])
    other = frame.copy()
    other.loc[late, ["open", "high", "low", "close"]] *= 1.7
    other.loc[late, "volume"] = np.arange(late.sum())
    other.to_parquet("other.parquet")
    assert main("walk-forward --data other.parquet --bucket Scalping --folds 2 --name changed --quiet".split()) == 0
    for fold in ("fold-01", "fold-02"):
        one, changed = (load_model(f"studies/{name}/runs/{fold}/models/Scalping") for name in ("two", "changed"))
        assert all((one.tensors[name] == changed.tensors[name]).all() for name in one.tensors)


def test_a_walk_forward_goes_on_with_the_folds_that_are_left(walk, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("studies/two/runs/fold-02/models/Short/model.safetensors").stat().st_mtime_ns
    assert main("walk-forward --resume --name two --workers 1".split()) == 0
    assert "0 to train" in capsys.readouterr().out
    assert Path("studies/two/runs/fold-02/models/Short/model.safetensors").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("where", "arguments", "words"),
    [
        ("walk_plan", "--data bars.parquet --folds 2 --name new", "changed while its folds were planned"),
        ("walk_result", "--resume --name two", "has changed since it was planned; put the old one back"),
    ],
)
def test_bars_that_change_while_they_are_read_once_more(
    walk, where: str, arguments: str, words: str, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bars, result, read = Path("bars.parquet"), Path("studies/two/walk_forward.json"), getattr(train_walk, where)
    content, before = bars.read_bytes(), result.read_bytes()
    monkeypatch.setattr(train_walk, where, lambda *given: bars.write_bytes(content + b"!") and read(*given))
    try:
        assert main(["walk-forward", "--quiet", *arguments.split()]) == 2
    finally:
        bars.write_bytes(content)
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line and str(bars.absolute()) in line
    assert result.read_bytes() == before and not Path("studies/new").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--folds 1", '--folds: expected a whole number from 2 to 1,000, got "1"'),
        ("--every 3x", "--every: expected a number and a unit min, h, d or w, like 180d, got"),
        ("--window long", "like 180d, or expanding, got"),
        ("--folds 3 --every 9d", "--folds says how many and --every how long: give one of the two"),
        ("--resume --folds 3", "leave out --folds, or begin a new one"),
        ("--folds 60", "in 60 folds leave parts of"),
        ("--set WARM_START=maybe", "WARM_START"),
        ("--name two", "a study of this name is there"),
    ],
)
def test_what_cannot_be_is_one_line(walk, arguments: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["walk-forward", *([] if "resume" in arguments else ["--data", "bars.parquet"]), *arguments.split()]) == 2
    )
    printed = capsys.readouterr().err
    assert words in printed
    assert printed.count("\n") == 1
    assert sorted(path.name for path in Path("studies").iterdir()) in (["two"], ["changed", "two"])
