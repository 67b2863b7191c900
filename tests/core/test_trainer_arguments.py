"""What a Python caller passes wrong is refused in one line, before anything is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from progressive_training import (
    ConfigError,
    DataError,
    ModelError,
    PluginError,
    ProgressiveTrainer,
    ProgressiveTrainingError,
    RunError,
    load_model,
    resolve,
)

LONG_NAME = "a" * 300


def train(**arguments: Any) -> object:
    """Train progressively."""
    return ProgressiveTrainer().train_progressively(**arguments)


def train_one(*arguments: Any, **more: Any) -> object:
    """Train one bucket."""
    return ProgressiveTrainer().train_bucket(*arguments, **more)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: train(ui_params=[1]), "ui_params: expected a dictionary of horizon_range, "),
        (lambda: train(ui_params="x"), "ui_params: expected a dictionary of horizon_range, "),
        (lambda: train(ui_params=5), "ui_params: expected a dictionary of horizon_range, "),
        (lambda: train(custom_sequence="Scalping"), 'SEQUENCE is "Scalping", expected a list of distinct bucket names'),
        (lambda: train(custom_sequence=5), "SEQUENCE is 5, expected a list of distinct bucket names"),
        (
            lambda: train(custom_sequence=[]),
            "SEQUENCE is [], expected a list of distinct bucket names, those that train",
        ),
        (
            lambda: train(custom_sequence=["Scalping"], episodes_per_bucket={"Long": 2}),
            'arguments: EPISODES names "Long" (value 2), which is not in the sequence Scalping.',
        ),
        (lambda: train_one(5), "bucket is 5, expected the name of a bucket"),
        (lambda: train_one(""), 'bucket is "", expected the name of a bucket'),
        (lambda: train_one("Long", transfer_from=5), "transfer_from is 5, expected the name of a bucket"),
        (lambda: train_one("Long", episodes={"Short": 2}), 'arguments: EPISODES names "Short" (value 2)'),
        (lambda: train(custom_sequence="Scalping,Medium"), 'SEQUENCE is "Scalping,Medium", expected a list of'),
        (lambda: train(custom_sequence={"Scalping": 3}), "expected a list of distinct bucket names"),
        (lambda: train(custom_sequence=["Scalping", None]), "expected a list of distinct bucket names"),
        (lambda: train(episodes_per_bucket="50"), 'EPISODES is "50", expected a whole number'),
        (lambda: train(episodes_per_bucket=[50]), "EPISODES is [50], expected a whole number"),
        (lambda: train(episodes_per_bucket={"Scalpng": 5}), "Did you mean 'Scalping'?"),
        (lambda: train(ui_params={"horizon": 1}), 'unknown parameter "horizon" (value 1); the nearest'),
        (lambda: train(ui_params={1: 1}), "unknown parameter 1 (value 1)"),
        (lambda: train(ui_params={"horizon_range": 5}), "ui_params: horizon_range is 5, expected [shortest, longest]"),
        (lambda: train(ui_params={"frequency": 60}), "ui_params: frequency is 60, expected a number and a unit"),
        (lambda: train(ui_params={"capital_allocation": "30%"}), 'capital_allocation is "30%", expected a number'),
        (lambda: train(isolate="yes"), 'isolate is "yes", expected true or false'),
        (lambda: train(scratch_arms=2), "scratch_arms is 2, expected true or false"),
        (lambda: train_one(["Scalping"]), 'bucket is ["Scalping"], expected the name of a bucket'),
        (lambda: train_one(None), "SEQUENCE is [null], expected a list of distinct bucket names"),
        (lambda: train_one("Long", episodes=2.5), "EPISODES is 2.5, expected a whole number"),
        (lambda: train_one("Long", episodes=0), "EPISODES is 0, expected a whole number"),
        (lambda: train_one("Long", episodes=True), "EPISODES is true, expected a whole number"),
        (lambda: train_one("Long", transfer_from=["Short", 5]), "transfer_from is 5, expected the name"),
        (lambda: ProgressiveTrainer(settings=[("FEE", 1)]), 'settings is [["FEE", 1]], expected a dictionary'),  # type: ignore[arg-type]
        (lambda: ProgressiveTrainer(settings="config.json"), 'settings is "config.json", expected a dictionary'),  # type: ignore[arg-type]
        (
            lambda: ProgressiveTrainer(settings={"FEES": 0.1}),
            'settings: unknown setting "FEES" (value 0.1); the nearest',
        ),
        (
            lambda: ProgressiveTrainer(settings={"DATA": pd.DataFrame()}),
            "expected a path; bars in memory are given with",
        ),
        (lambda: ProgressiveTrainer(settings={"fee": 0.1}), "the nearest known setting is FEE"),
        (lambda: ProgressiveTrainer(settings={"FEE": "0.1"}), 'settings: FEE is "0.1", expected a number'),
        (lambda: ProgressiveTrainer(settings={"FEE": None}), "settings: FEE is null, expected a number"),
        (lambda: ProgressiveTrainer(settings={1: 0.1}), "settings: unknown setting 1 (value 0.1)"),  # type: ignore[dict-item]
        (lambda: ProgressiveTrainer(settings={1: 2}, plugins=["no:cache"]), "unknown setting 1 (value 2)"),  # type: ignore[dict-item]
        (lambda: ProgressiveTrainer(data=42), "data is 42 (int), expected a path, a pandas DataFrame"),
        (lambda: ProgressiveTrainer(data={"close": [1.0]}), "(dict), expected a path, a pandas DataFrame"),
        (lambda: ProgressiveTrainer(data=pd.Series([1.0])), "(Series), expected a path, a pandas DataFrame"),
        (lambda: ProgressiveTrainer(data=pd.DataFrame), "(type), expected a path, a pandas DataFrame"),
        (lambda: ProgressiveTrainer(data=pa.Table), "expected a path, a pandas DataFrame"),
        (lambda: ProgressiveTrainer(data=[1, 2]), "data: row 1 is 1, expected a pandas DataFrame"),
        (lambda: ProgressiveTrainer(data=[[1] * 6, [1] * 5]), "data: row 2 is [1, 1, 1, 1, 1], expected"),
        (lambda: ProgressiveTrainer(data=[{"close": 1}, 2]), 'data: row 1 is {"close": 1}, expected'),
        (lambda: ProgressiveTrainer(data=""), 'data: DATA is "", expected a path'),
        (lambda: ProgressiveTrainer(data="time,close\n1,2\n"), "a text of several lines, expected the path of a file"),
        (lambda: ProgressiveTrainer(data="x.csv", settings={"DATA": "y.csv"}), "two sources of bars"),
        (lambda: ProgressiveTrainer(data="x", settings=resolve(flags={"DATA": "y"})), "two sources of bars"),
        (lambda: ProgressiveTrainer(on_episode=lambda: None), "and it takes another number of values"),  # type: ignore[arg-type,misc]
        (lambda: ProgressiveTrainer(lambda: None), "expected a function of one line of text, and it takes another"),  # type: ignore[arg-type,misc]
        (lambda: ProgressiveTrainer().resume(["FEE"]), 'settings is ["FEE"], expected a dictionary'),  # type: ignore[arg-type]
        (lambda: ProgressiveTrainer().resume(on_message=5), "on_message is 5, expected a function"),  # type: ignore[arg-type]
        (lambda: ProgressiveTrainer().resume(fork="no"), 'fork is "no", expected true or false'),  # type: ignore[arg-type]
        (lambda: resolve(5), "the configuration file is 5, expected a path"),  # type: ignore[arg-type]
        (lambda: resolve("absent.json"), "absent.json: the configuration cannot be read"),
        (lambda: ProgressiveTrainer(progress_callback=5), "progress_callback is 5, expected a function"),  # type: ignore[arg-type]
        (lambda: ProgressiveTrainer(run_dir=LONG_NAME), "expected a path: the name is too long for the file system"),
        (lambda: ProgressiveTrainer(run_dir=""), 'run_dir is "", expected a path'),
        (
            lambda: ProgressiveTrainer(plugins="console"),
            'plugins is "console", expected a list of distinct plugin names',
        ),
        (lambda: ProgressiveTrainer(plugins=["cache", "no:cache"]), "cache and no:cache contradict each other"),
    ],
)
def test_a_wrong_argument_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[], object], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        call()
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_plugin_named_twice_is_no_contradiction() -> None:
    ProgressiveTrainer(plugins=["cache", "cache"])


BARS = pd.DataFrame(np.ones((3, 5)), columns=["open", "high", "low", "close", "volume"])


@pytest.mark.parametrize(
    ("call", "kind", "line"),
    [
        (lambda: ProgressiveTrainer(data=[]), DataError, "data: a list without rows"),
        (lambda: ProgressiveTrainer(data=pd.DataFrame()), DataError, "data: a DataFrame without rows"),
        (lambda: ProgressiveTrainer(data=BARS.iloc[:0]), DataError, "data: a DataFrame without rows"),
        (lambda: ProgressiveTrainer(data=pd.concat([BARS, BARS], axis=1)), DataError, "Duplicate column names"),
        (lambda: ProgressiveTrainer(data=BARS.assign(x=[1, "a", 2])), DataError, "column x"),
        (lambda: ProgressiveTrainer(data=[[1, 2, 3, 4, 5, object()]]), DataError, "cannot be written as Parquet"),
        (lambda: ProgressiveTrainer(data="absent.csv").train_bucket("Long"), DataError, "no such file"),
        (lambda: ProgressiveTrainer(data=".").train_bucket("Long"), DataError, "a directory"),
        (lambda: train(custom_sequence=["Scalpng"]), PluginError, "Did you mean 'Scalping'?"),
        (lambda: train_one("long"), PluginError, "Did you mean 'Long'?"),
        (lambda: train_one("Long", transfer_from="Mdium"), PluginError, "Did you mean 'Medium'?"),
        (lambda: train_one("Long", transfer_from="Long"), RunError, "no run below runs has finished it"),
        (lambda: ProgressiveTrainer(plugins=["consle"]), PluginError, "Did you mean 'console'?"),
        (lambda: ProgressiveTrainer().results["Long"], RunError, "train first"),
        (lambda: ProgressiveTrainer(run_dir="absent").resume(), RunError, "no run here"),
        (lambda: ProgressiveTrainer().resume(), RunError, "no unfinished run"),
        (lambda: load_model(None), ModelError, "takes the path of a model, got None"),  # type: ignore[arg-type]
        (lambda: load_model({"Long": "x"}), ModelError, "takes the path of a model, got {'Long': 'x'}"),  # type: ignore[arg-type]
        (lambda: load_model("."), ModelError, "no model there"),
        (lambda: load_model("absent"), ModelError, "no model there"),
    ],
)
def test_what_cannot_be_had_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[[], object],
    kind: type[ProgressiveTrainingError],
    line: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind) as caught:
        call()
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
