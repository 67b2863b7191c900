"""The model of a stranger's bucket: loaded by the bucket's own load_model, or said to be of no use outside its run."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from progressive_front.cli import main
from progressive_training import ModelError, PluginError, load_model
from progressive_training.market import synthetic_bars

LINES = (Path(__file__).parent / "line_bucket.py").read_text()
LOADED = """
from attrs import frozen
from line_bucket import LineBucket
from progressive_training import Performance, read_tensors, model_file

class LineModel:
    columns = ()

    def __init__(self, weight):
        self.weight = weight

    def __call__(self, frame):
        return "long" if self.weight[0] > 0 else "short"

    def performance(self, bars):
        shares = {"long": 1.0, "flat": 0.0, "short": 0.0}
        return (Performance(strategy="Loaded", log_return=0.25, sharpe=0, drawdown=0, turnover=1, trades=1, t=0, **shares),)

@frozen
class LoadedBucket(LineBucket):
    def load_model(self, path):
        tensors, card = read_tensors(model_file(path))
        return LineModel(tensors["line.weight"])

bucket = LoadedBucket("Loaded")
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Callable[..., None]) -> Path:
    """A run of two buckets, one of which has a load_model, and a file of bars."""
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    buckets = {"First": "line_bucket:first", "Loaded": "loaded_bucket:bucket"}
    install("lines", buckets=buckets, line_bucket=LINES, loaded_bucket=LOADED)
    settings = {"SEQUENCE": ["Loaded", "First"], "EPISODES": 2, "DEVICE": "cpu"}
    Path("config.json").write_text(json.dumps(settings))
    bars = synthetic_bars(300, seed=1)
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    pd.DataFrame({"time": pd.to_datetime(bars.time), **prices}).to_csv("bars.csv", index=False)
    return directory


def test_a_bucket_says_how_its_model_is_loaded_and_the_others_are_named(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--run-dir", "mine"]) == 0
    printed = capsys.readouterr().out
    assert "load_model('mine/models/Loaded')(\"FILE\")" in printed
    assert "bucket 'First' has no load_model(path), so its models cannot be used outside a run." in printed

    assert load_model(here / "mine/models/Loaded")(None) == "long"
    with pytest.raises(ModelError, match=r"First/model.safetensors: bucket 'First' has no load_model\(path\)"):
        load_model(here / "mine/models/First")

    assert main(["evaluate", "mine", "--data", "bars.csv"]) == 0
    output = capsys.readouterr()
    assert "Loaded on all bars of bars.csv" in output.out
    assert "First on all bars" not in output.out
    assert "bucket 'First' has no load_model(path)" in output.err
    assert main(["evaluate", "mine", "--data", "bars.csv", "--since", "2020-01-02"]) == 2
    assert "models of bucket 'Loaded' are measured on all bars of a file" in capsys.readouterr().err


def test_where_no_model_can_be_loaded_nothing_is_measured(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--run-dir", "mine", "--bucket", "First"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "mine", "--data", "bars.csv"]) != 0
    assert "mine: bucket 'First' has no load_model(path)" in capsys.readouterr().err
    assert main(["signal", "mine", "--data", "bars.csv"]) == 2
    assert "mine: bucket 'First' has no load_model(path)" in capsys.readouterr().err


def test_a_model_that_is_a_mere_function_gives_a_signal(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--run-dir", "mine"]) == 0
    capsys.readouterr()
    assert main(["signal", "mine", "--data", "bars.csv", "--json"]) == 0
    output = capsys.readouterr()
    (signal,) = json.loads(output.out)
    assert (signal["bucket"], signal["action"]) == ("Loaded", "long")
    assert [signal[name] for name in ("time", "reason", "prediction_unit", "bars")] == [None] * 4
    assert "bucket 'First' has no load_model(path)" in output.err
    assert main(["signal", "mine", "--data", "bars.csv"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["Loaded", "-", "long", "-", "-"]
    assert main(["signal", "mine", "--data", "bars.csv", "--bucket", "First"]) == 2
    assert "mine: bucket 'First' has no load_model(path)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "fact"),
    [
        ("frame.no_such_thing", "mood.csv: the model of bucket 'Loaded' gave no answer: AttributeError"),
        ("print(frame.name) or position", "short"),
        ("position + forming", "shortdrop"),
    ],
)
def test_a_model_is_handed_what_it_takes_and_one_that_fails_is_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, body: str, fact: str
) -> None:
    assert main(["--run-dir", "mine"]) == 0
    capsys.readouterr()
    taken = "frame, position, forming" if "forming" in body else "frame, position"
    model = eval(f"lambda {taken}: {body}")
    monkeypatch.setattr("progressive_front.commands.show_signal.load_model", lambda path: model)
    code = main(["signal", "mine", "--data", "mood.csv", "--bucket", "Loaded", "--position", "short", "--json"])
    output = capsys.readouterr()
    if code == 0:  # what the model prints is no part of the answer
        assert json.loads(output.out)[0]["action"] == fact
    else:
        assert fact in output.err.splitlines()[-1]


def test_a_model_whose_bucket_is_not_installed_names_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["--run-dir", "mine"]) == 0
    monkeypatch.setattr("sys.path", [path for path in __import__("sys").path if not path.endswith("lines")])
    with pytest.raises(PluginError, match="no bucket 'Loaded' is installed"):
        load_model(here / "mine/models/Loaded")


def test_a_load_model_that_fails_is_one_line(here: Path) -> None:
    assert main(["--run-dir", "mine"]) == 0
    (here / "mine/models/Loaded/model.safetensors").unlink()
    with pytest.raises(ModelError, match="no model there"):
        load_model(here / "mine/models/Loaded")
