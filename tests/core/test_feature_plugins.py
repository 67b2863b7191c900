"""A stranger's feature: computed in training and in serving by the same code, and refused where it knows the future."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from attrs import evolve
from structlog.testing import capture_logs

from progressive_app.config.resolve import defaults
from progressive_front.cli import main
from progressive_market.features.feature_plugins import check_features, with_features
from progressive_training import DataError, ModelError, PluginError, ProgressiveTrainer, RunError, load_model
from progressive_training.market import load_bars, synthetic_bars

RSI = """
import numpy as np
import pandas as pd

def rsi(bars):
    move = pd.Series(bars.close).diff()
    gain = move.clip(lower=0).ewm(alpha=1 / 14).mean()
    return {"rsi14": (gain / move.abs().ewm(alpha=1 / 14).mean()).to_numpy()}

def centred(bars):
    return {"mean5": pd.Series(bars.close).rolling(5, center=True).mean().to_numpy()}

def short(bars):
    return {"one": bars.close[1:]}

def writing(bars):
    bars.close[:] = 1.0
    return {"one": bars.close}

def leaving(bars):
    raise SystemExit(3)

def nameless(bars):
    return {1: bars.close, "1": bars.open}

def turned(bars):
    return {"one": bars.close * 1j}

def since_the_start(bars):
    return {"total": np.cumsum(bars.volume)}

def changing(bars):
    return {f"of{len(bars)}": bars.close}
"""
SMALL = {
    "SEQUENCE": ("Scalping",),
    "EPISODES": 1,
    "SYNTHETIC_BARS": 3000,
    "UPDATES_PER_EPISODE": 2,
    "EPISODE_BARS": 32,
    "DEVICE": "cpu",
}


@pytest.fixture
def rsi(install: Callable[..., None]) -> None:
    install("acme", features={"rsi": "acme_rsi:rsi"}, acme_rsi=RSI)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


def train(run_dir: Path, *plugins: str) -> Path:
    trainer = ProgressiveTrainer(settings={**defaults(), **SMALL}, run_dir=run_dir, plugins=("no:report", *plugins))
    trainer.train_progressively()
    return run_dir / "models" / "Scalping"


def frame() -> pd.DataFrame:
    bars = synthetic_bars(600, seed=9)
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"time": pd.to_datetime(bars.time, utc=True), **prices})


@pytest.mark.usefixtures("rsi")
def test_the_card_names_it_and_serving_computes_it_anew(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = train(here / "run")
    card = json.loads((model / "card.json").read_text())
    assert card["features"][-1] == "rsi.rsi14"
    [feature] = card["feature_plugins"]
    assert 100 < feature.pop("history") < 500  # its averages lose a part in 14 at each bar
    assert feature == {"name": "rsi", "distribution": "acme", "version": "1.2", "columns": ["rsi.rsi14"]}
    loaded = load_model(model)
    assert loaded(frame(), "flat").action in ("long", "flat", "short")
    served = loaded.market(load_bars(frame()))
    assert served.names == tuple(card["features"])

    monkeypatch.setattr("sys.path", [path for path in __import__("sys").path if not str(path).endswith("acme")])
    with pytest.raises(RunError, match=r"rsi \(acme 1.2\) had a part in this run and is not installed"):
        ProgressiveTrainer(run_dir=here / "run").resume({"SEQUENCE": ("Scalping", "Short")})
    with pytest.raises(
        ModelError, match="Scalping model: it was trained with the feature 'rsi' of acme 1.2, which is not"
    ):
        load_model(model)(frame(), "flat")


@pytest.mark.usefixtures("rsi")
def test_a_feature_can_be_disabled_and_is_listed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = json.loads((train(here / "run", "no:rsi") / "card.json").read_text())
    assert "feature_plugins" not in card
    assert "rsi.rsi14" not in card["features"]
    assert main(["plugins"]) == 0
    assert any(line.split()[:3] == ["rsi", "feature", "acme"] for line in capsys.readouterr().out.splitlines())


def test_a_centred_mean_is_refused_by_name_before_training(here: Path, install: Callable[..., None]) -> None:
    install("acme", features={"mean": "acme_rsi:centred"}, acme_rsi=RSI)
    with pytest.raises(PluginError, match=r"feature 'mean' \(acme 1.2\): .* mean.mean5 of the bar at .* no:mean"):
        train(here / "run")
    assert not (here / "run" / "metrics.jsonl").exists()


def test_a_feature_that_depends_on_where_the_file_begins_is_refused(here: Path, install: Callable[..., None]) -> None:
    install("acme", features={"sum": "acme_rsi:since_the_start"}, acme_rsi=RSI)
    with pytest.raises(PluginError, match=r"feature 'sum' \(acme 1.2\): .* depends on more than 1,500 bars .* no:sum"):
        train(here / "run")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("short", "feature 'odd' .*: column 'one' must be one number for each of"),
        ("writing", "feature 'odd' .* failed: ValueError"),
        ("leaving", "feature 'odd' .* failed: SystemExit"),
        ("nameless", "feature 'odd' .*: a column is named 1, expected printable text"),
        ("turned", "feature 'odd' .*: column 'one' must be one number for each of"),
    ],
)
def test_a_feature_that_gives_something_else_is_refused(
    install: Callable[..., None], function: str, message: str
) -> None:
    install("acme", features={"odd": f"acme_rsi:{function}"}, acme_rsi=RSI)
    with pytest.raises(PluginError, match=message):
        with_features(synthetic_bars(100, seed=1), ())


def test_a_feature_whose_columns_change_is_refused(install: Callable[..., None]) -> None:
    install("acme", features={"odd": "acme_rsi:changing"}, acme_rsi=RSI)
    with pytest.raises(PluginError, match="feature 'odd' .* the same columns for any bars; got odd.of2 for 2 bars"):
        check_features(synthetic_bars(100, seed=1), ())


@pytest.mark.usefixtures("rsi")
def test_a_column_of_the_same_name_in_the_data_is_refused() -> None:
    data = evolve(synthetic_bars(100, seed=1), extra={"rsi.rsi14": np.zeros(100)})
    with pytest.raises(DataError, match="rsi.rsi14 is in the data and is computed by the feature 'rsi'"):
        with_features(data, ())


@pytest.mark.usefixtures("rsi")
def test_another_version_of_a_feature_is_logged(here: Path, tmp_path: Path) -> None:
    model = train(here / "run")
    info = tmp_path / "acme" / "acme-1.2.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.3\n")
    with capture_logs() as logged:
        load_model(model)(frame(), "flat")
    assert [(entry["feature"], entry["trained"], entry["installed"]) for entry in logged] == [("rsi", "1.2", "1.3")]
