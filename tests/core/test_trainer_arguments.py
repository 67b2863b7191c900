"""What a Python caller passes wrong is refused in one line, before anything is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from progressive_training import ConfigError, ProgressiveTrainer

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
        (lambda: train(custom_sequence=[]), "SEQUENCE is [], expected a list of distinct bucket names, one or more"),
        (
            lambda: train(custom_sequence=["Scalping"], episodes_per_bucket={"Long": 2}),
            'arguments: EPISODES names "Long" (value 2), which is not in the sequence Scalping.',
        ),
        (lambda: train_one(5), "bucket is 5, expected the name of a bucket"),
        (lambda: train_one(""), 'bucket is "", expected the name of a bucket'),
        (lambda: train_one("Long", transfer_from=5), "transfer_from is 5, expected the name of a bucket"),
        (lambda: train_one("Long", episodes={"Short": 2}), 'arguments: EPISODES names "Short" (value 2)'),
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
