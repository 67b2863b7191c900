"""`trainer.results`: what a run came to, as objects."""

import json
import math
from collections.abc import Callable
from typing import Any

import attrs
import pandas as pd
import pytest

from progressive_core.engine.run import Interrupted
from progressive_training import DataError, ModelError, ProgressiveTrainer, RunError
from progressive_training.presentation import PerformanceValues

NUDGE = "from attrs import evolve; return evolve(target, weights=source.weights)"


@pytest.mark.parametrize("isolate", [False, True])
def test_each_bucket_has_its_verdict_its_tables_its_ledger_and_its_episodes(workshop: Any, isolate: bool) -> None:
    workshop.strategy(NUDGE)
    trainer = workshop.trainer()
    assert dict(trainer.results) == {}
    paths = trainer.train_progressively(isolate=isolate)
    results = trainer.results
    assert list(results) == ["First", "Second"]
    assert {bucket: result.path for bucket, result in results.items()} == paths
    second = results["Second"]
    assert (second.bucket, second.verdict, second.trades) == ("Second", "no edge shown", "nowhere")
    columns = list(PerformanceValues.__annotations__)
    judged = second.evaluation
    for table, rows in ((second.validation, judged.validation), (second.test, judged.test)):
        assert isinstance(table, pd.DataFrame) and list(table.columns) == columns
        assert table["strategy"].tolist() == ["model"] and table["alpha_percent_a_year"].dtype == float
        assert table["profit"].tolist() == pytest.approx([100 * math.expm1(row.log_return) for row in rows])
    lines = [line for line in workshop.ledger() if line["target"] == "Second"]
    assert second.ledger["verdict"].tolist() == [line["verdict"] for line in lines] and lines
    assert set(results["First"].ledger["target"]) <= {"First"}
    assert second.episodes["episode"].tolist() == [1, 2, 3, 4] and second.account is None
    lines = [json.loads(line) for line in (second.path.parents[2] / "metrics.jsonl").read_text().splitlines()]
    scores = [100 * math.expm1(line["score"]) for line in lines if line["bucket"] == "Second"]
    assert second.episodes["score"].tolist() == pytest.approx(scores)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        second.verdict = "an edge"


def test_they_are_those_of_the_finished_buckets_also_of_a_run_that_goes_on(workshop: Any) -> None:
    workshop.stop_at = "Second: episode 2"
    trainer = workshop.trainer()
    with pytest.raises(Interrupted):
        trainer.train_progressively()
    first = trainer.results["First"]
    assert first.verdict.startswith("not judged yet") and first.test.empty and first.evaluation is None
    workshop.stop_at = ""
    later = workshop.trainer()
    later.resume()
    assert [result.verdict for result in later.results.values()] == ["no edge shown"] * 2
    assert list(ProgressiveTrainer(run_dir=workshop.directory / "run").results) == ["First", "Second"]


@pytest.mark.parametrize("name", ["Frist", 0, ["First"], None])
def test_a_bucket_without_a_result_is_refused_by_name(workshop: Any, name: Any) -> None:
    trainer = workshop.trainer()
    with pytest.raises(RunError, match=r"no bucket is finished yet; train first"):
        trainer.results[name]
    trainer.train_progressively()
    with pytest.raises(RunError, match=r"Finished: First, Second"):
        trainer.results[name]
    assert "Frist" not in trainer.results and trainer.results.get("Frist") is None


def test_a_run_that_was_refused_has_none(workshop: Any) -> None:
    trainer = workshop.trainer(run=None)
    with pytest.raises(Exception, match="no bucket 'Fourth' is installed"):
        trainer.train_progressively(["First", "Fourth"])
    assert dict(trainer.results) == {}


def test_the_model_is_that_of_load_model(workshop: Any) -> None:
    trainer = workshop.trainer(SEQUENCE=("Scalping",), EPISODES=1, SYNTHETIC_BARS=2000, HORIZON_RANGE=(1, 12))
    trainer.train_progressively()
    result = trainer.results["Scalping"]
    assert result.model is result.model
    assert result.model.card.bucket == "Scalping"
    assert json.loads((result.path.parent / "card.json").read_text())["verdict"] == result.verdict
    assert result.test["strategy"].tolist()[:2] == ["Scalping", "flat"]
    assert set(result.account.equity["part"]) == {"validation", "test"}
    for call in (result.model, result.model.performance):
        for no_bars in (None, result.test["t"]):
            with pytest.raises((ModelError, DataError)):
                call(no_bars)


def test_to_have_a_trainer_takes_neither_torch_nor_pandas(run_python: Callable[[str], str]) -> None:
    code = (
        "import sys; from progressive_training import ProgressiveTrainer; import progressive_front.from_python.results;"
    )
    assert run_python(code + "print([name for name in ('torch', 'pandas') if name in sys.modules])") == "[]\n"
