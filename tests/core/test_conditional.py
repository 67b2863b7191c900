"""A model that trades in some regimes alone: what it decides, what it earned, and how people and programs are shown it."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from attrs import evolve
from rich.text import Text

from progressive_app.config.resolve import defaults
from progressive_front.cli import main
from progressive_market.own_learner.weights_model import WeightsModel
from progressive_training import Evaluation, ModelError, ProgressiveTrainer, load_model, validated
from progressive_training.market import MarketCard, synthetic_bars
from progressive_training.presentation import in_use, judged_table, plain_text, short_verdict, summary

SMALL = {
    "SEQUENCE": ("Scalping",),
    "HORIZON_RANGE": (1, 12),
    "EPISODES": 1,
    "SYNTHETIC_BARS": 3000,
    "UPDATES_PER_EPISODE": 2,
    "EPISODE_BARS": 32,
    "DEVICE": "cpu",
    "REGIMES": "quantile",
}
IN_2 = {"trades": "in regime 2", "verdict": "edge confirmed in regime 2 (edge t = 4.0 there)"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> ProgressiveTrainer:
    run_dir = tmp_path_factory.mktemp("conditional") / "run"
    trainer = ProgressiveTrainer(settings={**defaults(), **SMALL}, run_dir=run_dir)
    trainer.train_progressively()
    return trainer


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    bars = synthetic_bars(2500, seed=9)
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"time": pd.to_datetime(bars.time, utc=True), **prices})


@pytest.fixture
def model(trained: ProgressiveTrainer) -> Any:
    """The trained model, as if validation and test had shown an edge in regime 2 alone."""
    model = load_model(trained.results["Scalping"].path)
    model.card = evolve(model.card, **IN_2)
    return model


def test_it_stays_flat_in_the_other_regime_and_says_why(model: Any, frame: pd.DataFrame) -> None:
    regimes = model.market(model.read(frame)).regimes.argmax(dim=1)
    inside, outside = (int((regimes[1500:] == regime).nonzero()[-1]) + 1501 for regime in (1, 0))
    there = model(frame[:inside], position="long")
    assert there.reason is None
    assert there.action == model.strategy()(frame[:inside], position="long").action
    elsewhere = model(frame[:outside], position="long")
    assert (elsewhere.action, elsewhere.reason) == ("flat", "regime 1, where no edge was shown")
    overruled = model.strategy()(frame[:outside], position="long")
    assert overruled.reason == elsewhere.reason
    assert model.live("long")(frame[:outside]).action == "flat"
    assert repr(model).endswith("; trades in regime 2>")
    assert repr(model.strategy()).endswith("; trades all the same: an edge was shown in regime 2>")


def test_what_it_did_is_what_its_decisions_add_up_to(model: Any, frame: pd.DataFrame) -> None:
    own, hold = model.performance(frame)[0], model.performance(frame)[2]
    first, second = model.by_regime(frame)
    assert own.log_return == pytest.approx(second.log_return)
    assert own.log_return != model.strategy().performance(frame)[0].log_return
    assert [row.strategy for row in (first, second)] == ["Scalping in regime 1", "Scalping in regime 2"]
    assert hold.flat == 0, "baselines trade everywhere"
    did = model.trajectory(frame)
    assert did["log_growth"].sum() == pytest.approx(own.log_return)
    regimes = model.market(model.read(frame)).regimes.argmax(dim=1).numpy()
    assert set(did["action"][regimes == 0]) == {"flat"}


def test_a_policy_that_knows_nothing_of_regimes_is_kept_flat_outside_too(model: Any, frame: pd.DataFrame) -> None:
    """A stranger's learner gives positions on every bar; the market sees to it where they count."""
    columns = len(model.card.scaler.mean)
    tensors = {"baseline.ridge": torch.zeros(columns, dtype=torch.float64)}
    always = WeightsModel(tensors, model.card, lambda _weights, _market: lambda part: torch.ones_like(part.returns))
    regimes = model.market(model.read(frame)).regimes.argmax(dim=1)
    outside = int((regimes[1500:] == 0).nonzero()[-1]) + 1501
    answer = always(frame[:outside])
    assert (answer.action, answer.reason) == ("flat", "regime 1, where no edge was shown")
    own, second = always.performance(frame)[0], always.by_regime(frame)[1]
    assert own.log_return == pytest.approx(second.log_return)
    assert (second.long, second.flat) == (1, 0)
    assert 0 < own.flat < 1
    assert always.trajectory(frame)["log_growth"].sum() == pytest.approx(own.log_return)


@pytest.mark.parametrize("borders", [None, "x", [0.01, 0.02], [[0.01]]])
def test_damaged_parameters_of_regimes_are_the_models_fault(model: Any, frame: pd.DataFrame, borders: Any) -> None:
    model.card = evolve(model.card, regimes=evolve(model.card.regimes, parameters={"borders": borders}))
    with pytest.raises(ModelError, match=r"^Scalping model: regime 'quantile'"):
        model(frame, position="flat")


@pytest.mark.parametrize("trades", ["in regime 3", "in regime 0", "in regimes 2", "In regime 2", "in regime 2, 1"])
def test_a_card_that_names_no_regime_of_its_own_is_damaged(trained: ProgressiveTrainer, trades: str) -> None:
    card = json.loads((trained.results["Scalping"].path.parent / "card.json").read_text())
    assert validated(card, MarketCard).out_of_range() == ""
    assert validated({**card, "trades": trades}, MarketCard).out_of_range() == "trades"
    assert validated({**card, "trades": "in regime 2", "regimes": None}, MarketCard).out_of_range() == "trades"


def test_every_evaluation_shows_the_result_by_regime(
    trained: ProgressiveTrainer, frame: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(trained.run_dir)
    assert main(["evaluate", run]) == 0
    shown = capsys.readouterr().out
    assert shown.count("Scalping in regime 1") == shown.count("Scalping in regime 2") == 2
    assert "3.2 is needed" in shown
    assert main(["evaluate", run, "--json"]) == 0
    (bucket,) = json.loads(capsys.readouterr().out)
    regimes = bucket["evaluation"]["regimes"]
    assert [each["test"][0]["strategy"] for each in regimes] == ["Scalping in regime 1", "Scalping in regime 2"]
    assert {row["kind"] for row in regimes[0]["test"]} == {"regime", "baseline"}
    file = tmp_path / "bars.csv"
    frame.to_csv(file, index=False)
    assert main(["evaluate", run, "--data", str(file), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["Scalping"]
    assert [row["kind"] for row in rows][:3] == ["model", "regime", "regime"]
    assert main(["report", run, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    (part,) = report["buckets"]
    assert [each["name"] for each in part["regimes"]] == ["regime 1", "regime 2"]
    assert "Scalping in regime 2" in (trained.run_dir / "report.html").read_text("utf-8")


def test_regimes_in_python(trained: ProgressiveTrainer) -> None:
    result = trained.results["Scalping"]
    assert list(result.regimes["regime"]) == [1, 1, 2, 2]
    assert list(result.regimes.columns[:4]) == ["regime", "part", "edge", "edge_t"]
    page = result._repr_html_()
    assert page.count("Scalping in regime 1") == 2
    assert "<p>regime 2: " in page


def test_a_conditional_verdict_in_words(trained: ProgressiveTrainer) -> None:
    """People see at once where it trades, and what it earned there."""
    evaluation = trained.results["Scalping"].evaluation
    assert evaluation is not None
    judged = evolve(evaluation, edge=type(evaluation.edge)("confirmed"), **IN_2)
    assert summary(judged) == "edge in regime 2: trades there"
    assert short_verdict(judged) == "edge in regime 2"
    drawn = plain_text(judged_table(Text("Scalping"), {"test": judged.test}, judged))
    assert "trades in regime 2, stays flat elsewhere" in drawn
    assert len([line for line in drawn.splitlines() if line.startswith(("regime 1", "regime 2"))]) == 2


def test_a_card_without_regimes_is_read_as_before(trained: ProgressiveTrainer) -> None:
    card = json.loads((trained.results["Scalping"].path.parent / "card.json").read_text())
    older = {name: value for name, value in card.items() if "regime" not in name}
    assert validated(older, MarketCard).out_of_range() == ""
    assert validated(older, MarketCard).regime_validation_t == ()


def test_a_trial_is_called_one_wherever_its_verdict_would_stand() -> None:
    trial = Evaluation(validation=(), test=(), verdict="a trial")
    assert (summary(trial), short_verdict(trial)) == ("a trial: no verdict", "no verdict")
    assert in_use(trial) == "stays flat: a trial has no verdict"
