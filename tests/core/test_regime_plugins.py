"""A stranger's detector of regimes: fitted on the training part alone, recorded in the card, and refused where it looks ahead."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from attrs import evolve

from progressive_app.config.resolve import defaults
from progressive_front.cli import main
from progressive_market.market import described
from progressive_market.regimes.detector import RegimesAsked, fit_regimes
from progressive_market.regimes.detector_checks import check_regimes
from progressive_training import ModelError, PluginError, ProgressiveTrainer, as_settings, load_model
from progressive_training.market import (
    Costs,
    FeaturePlugin,
    MarketCard,
    checked_card,
    load_bars,
    market_card,
    open_market,
    split_bars,
    synthetic_bars,
)

TREND = """
import pandas as pd

def _slope(bars):
    return pd.Series(bars.close).pct_change(48).groupby(bars.segment).ffill().fillna(0.0)

def fit(bars, count):
    return {"borders": [float(_slope(bars).quantile(k / count)) for k in range(1, count)]}

def probabilities(bars, parameters):
    number = sum((_slope(bars) > border).astype(int) for border in parameters["borders"])
    return pd.get_dummies(pd.Categorical(number, categories=range(len(parameters["borders"]) + 1))).to_numpy(float)
"""
SMALL = {
    "SEQUENCE": ("Scalping",),
    "HORIZON_RANGE": (1, 12),
    "EPISODES": 1,
    "SYNTHETIC_BARS": 3000,
    "UPDATES_PER_EPISODE": 2,
    "EPISODE_BARS": 32,
    "DEVICE": "cpu",
}
TRAINING = slice(0, 1500)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


def train(run_dir: Path, *plugins: str, **settings: object) -> Path:
    asked = {**defaults(), **SMALL, **settings}
    ProgressiveTrainer(settings=asked, run_dir=run_dir, plugins=("no:report", *plugins)).train_progressively()
    return run_dir / "models" / "Scalping"


def frame(count: int = 2500) -> pd.DataFrame:
    bars = synthetic_bars(count, seed=9)
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"time": pd.to_datetime(bars.time, utc=True), **prices})


def test_a_strangers_regimes_are_in_the_card_and_serving_computes_them_anew(
    here: Path, install: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install("acme", regimes={"trend": "acme_trend"}, acme_trend=TREND)
    assert main(["plugins"]) == 0
    assert any(line.split()[:3] == ["trend", "regime", "acme"] for line in capsys.readouterr().out.splitlines())

    path = train(here / "run", REGIMES="trend", REGIME_COUNT=3)
    card = json.loads((path / "card.json").read_text())
    recorded = card["regimes"]
    assert 40 < recorded.pop("history") < 60  # it looks back 48 bars
    assert [len(borders) for borders in recorded.pop("parameters").values()] == [2]
    assert recorded == {"name": "trend", "distribution": "acme", "version": "1.2", "count": 3}
    model = load_model(path)
    regimes = model.market(load_bars(frame())).regimes
    assert (regimes.shape, regimes.dtype) == ((2500, 3), torch.float32)
    assert model(frame(), "flat").action in ("long", "flat", "short")

    monkeypatch.setattr("sys.path", [path for path in __import__("sys").path if not str(path).endswith("acme")])
    with pytest.raises(ModelError, match="Scalping model: it was trained with the regimes 'trend' of acme 1.2, which"):
        load_model(path)(frame(), "flat")


def test_the_detector_is_fitted_on_training_bars_alone(install: Callable[..., None]) -> None:
    install("acme", regimes={"trend": "acme_trend"}, acme_trend=TREND)
    bars = synthetic_bars(3000, seed=1)
    whole, part = (
        fit_regimes(each, TRAINING, RegimesAsked("trend", 2)).model for each in (bars, bars.between(0, 1500))
    )
    assert whole == part


@pytest.mark.parametrize("name", ["hmm", "quantile"])
def test_built_in_regimes_train_and_serve(here: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    model = load_model(train(here / "run", REGIMES=name))
    assert f"regimes by {name}: regime 1 on " in capsys.readouterr().err
    market = model.market(load_bars(frame()))
    regimes, volatility = market.regimes.numpy(), market.volatility.numpy()
    served = model.market(load_bars(frame().tail(model.history))).regimes.numpy()
    assert (served[-1] == regimes[-1]).all()
    calm = regimes[:, 0] > 0.5
    assert 0.05 < calm.mean() < 0.95
    assert volatility[calm].mean() < volatility[~calm].mean()
    assert model(frame(), "flat") == model(frame().tail(model.history), "flat")


def test_without_regimes_nothing_is_recorded(here: Path) -> None:
    path = train(here / "run")
    assert "regimes" not in json.loads((path / "card.json").read_text())
    assert load_model(path).market(load_bars(frame())).regimes is None


def test_a_disabled_detector_is_refused_before_training(here: Path) -> None:
    with pytest.raises(PluginError, match="regime 'quantile' .* is disabled by 'no:quantile'"):
        train(here / "run", "no:quantile", REGIMES="quantile")
    assert not (here / "run" / "metrics.jsonl").exists()


def test_a_detector_that_is_gone_is_named_with_those_that_there_are() -> None:
    with pytest.raises(
        PluginError, match="no regime 'quantil' is installed .named in REGIMES.. Did you mean 'quantile'"
    ):
        fit_regimes(synthetic_bars(1000, seed=1), TRAINING, RegimesAsked("quantil", 2))


def test_an_unknown_name_is_refused_before_a_run_begins(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--set", "REGIMES=hm", "--run-dir", "run"]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert 'REGIMES is "hm"' in message
    assert "not installed. Did you mean 'hmm'? There are hmm, quantile" in message
    assert not (here / "run").exists()


def test_what_a_detector_looks_back_adds_to_what_a_column_that_it_may_read_needs(install: Callable[..., None]) -> None:
    install("acme", regimes={"trend": "acme_trend"}, acme_trend=TREND + "\nhistory = 2500\n")
    bars = synthetic_bars(3000, seed=1)
    slow = FeaturePlugin(name="slow", distribution="acme", version="1", columns=("slow.one",), history=700)
    regimes = fit_regimes(bars, TRAINING, RegimesAsked("trend", 2))
    histories = [described(evolve(bars, feature_plugins=each), regimes)["history"] for each in ((), (slow,))]
    assert histories == [2500, 2500 + 699]


def test_two_owners_of_one_name_are_refused(install: Callable[..., None]) -> None:
    install("acme", regimes={"quantile": "acme_trend"}, acme_trend=TREND)
    with pytest.raises(PluginError, match="'quantile' is taken twice: .*acme 1.2 and .*progressive-training"):
        fit_regimes(synthetic_bars(3000, seed=1), TRAINING, RegimesAsked("quantile", 2))


WRONG = {
    "fails": ("return {}", "raise ValueError('no')", "failed: ValueError"),
    "array": ("return {'mean': bars.close}", "", "parameters as a mapping of JSON values"),
    "number": ("return {'mean': 1e300}", "", "a number beyond"),
    "large": ("return {'x': [0.5] * 250_000}", "", "1,250,007 letters as JSON, and a card holds 1,000,000"),
    "deep": ("return {'x': eval('[' * 30 + ']' * 30)}", "", "lists in lists in lists"),
    "shape": ("return {}", "return np.ones(len(bars))", r"\[bars, regimes\] = \[1500, 2\]; got \(1500,\)"),
    "sum": ("return {}", "return np.ones((len(bars), 2))", r"\[1. 1.\] for the bar at .* are no probabilities"),
    "ahead": ("return {}", "return sure(bars.close > bars.close.mean())", "sees later bars"),
    "draws": ("return {'x': float(np.random.rand())}", "return sure(bars.close > bars.open)", "gave other parameters"),
    "start": ("return {}", "return sure(np.cumsum(bars.volume) % 50 > 25)", "depend on more than 750 bars before"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_detector_that_breaks_the_contract_is_refused_by_name(install: Callable[..., None], wrong: str) -> None:
    fit, given, message = WRONG[wrong]
    source = (
        "import numpy as np\n"
        "def sure(high):\n    return np.stack([~high, high], axis=1).astype(float)\n"
        f"def fit(bars, count):\n    {fit}\n"
        f"def probabilities(bars, parameters):\n    {given or 'return None'}\n"
    )
    install("acme", regimes={"odd": "acme_odd"}, acme_odd=source)
    with pytest.raises(PluginError, match=rf"regime 'odd' \(acme 1.2\).*{message}.* REGIMES, or none"):
        check_regimes(synthetic_bars(3000, seed=1), TRAINING, RegimesAsked("odd", 2))


def test_a_detector_cannot_write_to_the_bars_and_must_have_both_functions(install: Callable[..., None]) -> None:
    half = "def fit(bars, count):\n    bars.close[:] = 1\n"
    install("acme", regimes={"half": "acme_half"}, acme_half=half)
    with pytest.raises(PluginError, match=r"the functions fit\(bars, count\) and probabilities"):
        fit_regimes(synthetic_bars(3000, seed=1), TRAINING, RegimesAsked("half", 2))
    install("bolt", regimes={"full": "bolt_full"}, bolt_full=half + "def probabilities(bars, parameters): ...\n")
    with pytest.raises(PluginError, match="regime 'full' .* failed: ValueError.*read-only"):
        fit_regimes(synthetic_bars(3000, seed=1), TRAINING, RegimesAsked("full", 2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 9}, "regimes out of range"),
        ({"parameters": {"borders": json.loads("[" * 90 + "]" * 90)}}, "regimes out of range"),
        ({"history": "x"}, "regimes.history is .x., expected a whole number"),
        ({"parameters": {"borders": [float("inf")]}}, "regimes out of range"),
    ],
)
def test_a_damaged_record_of_regimes_is_refused(change: dict[str, object], message: str) -> None:
    bars, costs = synthetic_bars(3000, seed=1), Costs(side=0.001, capital=1.0)
    split = split_bars(3000, 12, 0.15, 0.25, "Scalping")
    regimes = fit_regimes(bars, split.train, RegimesAsked("quantile", 2))
    card = market_card(open_market(bars, split, costs, "cpu", regimes=regimes), split, as_settings({}))
    card |= {"bucket": "Scalping", "trades": "nowhere", "verdict": "none"}
    assert checked_card(card, MarketCard, Path("card")).regimes == regimes.model
    with pytest.raises(ModelError, match=f"its card is damaged .{message}"):
        checked_card({**card, "regimes": {**card["regimes"], **change}}, MarketCard, Path("card"))
