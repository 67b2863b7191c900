"""The real MLflow has what a run committed: each step once, also after an interruption and a kill, and training never waits for it."""

import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from progressive_training import Interrupted, ProgressiveTrainer, load_model, read_run

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # warnings of MLflow, which is another's
mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed: pip install 'progressive-training[mlflow]'")
QUICK = {
    "SYNTHETIC_BARS": 3000,
    "HORIZON_RANGE": (1, 24),
    "SEQUENCE": ("Scalping", "Short"),
    "EPISODES": 3,
    "UPDATES_PER_EPISODE": 2,
    "DEVICE": "cpu",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def client() -> Any:
    """A reader of the file that MLflow itself takes here."""
    return mlflow.MlflowClient(tracking_uri=f"sqlite:///{Path('mlflow.db').absolute()}")


def shown() -> tuple[Any, dict[str, Any]]:
    """The run, and those nested in it by bucket; there are no others."""
    reader = client()
    runs = reader.search_runs([reader.get_experiment_by_name("progressive-training").experiment_id])
    (run,) = (each for each in runs if "mlflow.parentRunId" not in each.data.tags)
    nested = {each.info.run_name: each for each in runs if each.data.tags.get("mlflow.parentRunId") == run.info.run_id}
    assert len(runs) == 1 + len(nested)
    return run, nested


def steps(run: Any, metric: str = "score") -> list[int]:
    return [point.step for point in client().get_metric_history(run.info.run_id, metric)]


def files(run: Any, below: str | None = None) -> set[str]:
    return {file.path for file in client().list_artifacts(run.info.run_id, below)}


def test_a_run_goes_on_in_the_same_run_of_mlflow_and_ends_with_its_tables_model_and_report(place: Path) -> None:
    lines: list[str] = []

    def progress(line: str) -> None:
        lines.append(line)
        if "Scalping: episode 2 of 3" in line:
            trainer.interrupt()

    trainer = ProgressiveTrainer(progress, settings=QUICK, run_dir=place / "mine", plugins=["mlflow"])
    with pytest.raises(Interrupted):
        trainer.train_progressively()
    run, nested = shown()
    assert (run.info.status, run.info.run_name) == ("KILLED", "mine")
    assert list(nested) == ["Scalping"] and steps(nested["Scalping"]) == [0, 1, 2]
    address = "sqlite:///mlflow.db (look: mlflow ui --backend-store-uri sqlite:///mlflow.db)"
    assert f"mlflow: written to {address}, experiment progressive-training, run mine" in lines

    (place / "mine").rename(place / "elsewhere")
    ProgressiveTrainer(run_dir=place / "elsewhere", plugins=["mlflow"]).resume({"EPISODES": 4})
    again, nested = shown()
    assert again.info.run_id == run.info.run_id and again.info.status == "FINISHED"
    assert (again.data.params["EPISODES"], again.data.tags["now.EPISODES"]) == ("3", "4")
    recorded = read_run(place / "elsewhere")
    for result in recorded.results:
        bucket = nested[result.bucket]
        assert bucket.info.status == "FINISHED" and bucket.data.params["SYNTHETIC_BARS"] == "3000"
        points = client().get_metric_history(bucket.info.run_id, "score")
        assert [point.step for point in points] == [0, 1, 2, 3, 4]
        assert [point.value for point in points[1:]] == pytest.approx(
            [100 * (2.718281828459045 ** line["score"] - 1) for line in recorded.episodes[result.bucket]], abs=1e-9
        )
        assert result.evaluation is not None
        note = bucket.data.tags["mlflow.note.content"]
        assert result.evaluation.verdict in note and "buy and hold" in note
        assert bucket.data.metrics["final/t"] == again.data.metrics[f"{result.bucket}/final/t"]
        kept = Path(client().download_artifacts(bucket.info.run_id, "model", str(place)))
        assert load_model(kept).card == load_model(result.model_path.parent).card
    assert "| features | Scalping | Short |" in Path(
        client().download_artifacts(nested["Short"].info.run_id, "transfers.md", str(place))
    ).read_text("utf-8")
    assert {"report.html", "report.json", "config.json", "manifest.json", "ledger.jsonl"} <= files(again)


def test_a_kill_takes_nothing_back_and_doubles_nothing(place: Path) -> None:
    staged = {**QUICK, "SEQUENCE": (("Scalping", "Short"),)}  # members of a stage train in processes of their own
    program = f"""
import os, signal
from progressive_training import ProgressiveTrainer
def progress(line):
    if "Short: episode 2 of 3" in line:
        os.kill(os.getpid(), signal.SIGKILL)
ProgressiveTrainer(progress, settings={staged!r}, run_dir="mine", plugins=["mlflow"]).train_progressively()
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    ProgressiveTrainer(run_dir=place / "mine", plugins=["mlflow"]).resume()
    run, nested = shown()
    assert run.info.status == "FINISHED" and psutil.Process().children() == []
    assert {name: steps(each) for name, each in nested.items()} == {"Scalping": [0, 1, 2, 3], "Short": [0, 1, 2, 3]}


def test_a_dead_server_is_one_warning_and_the_run_ends_well(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        trainer = ProgressiveTrainer(
            settings={**QUICK, "MLFLOW_TRACKING_URI": uri}, run_dir=place / "mine", plugins=["mlflow"]
        )
        trainer.train_progressively()
    warned = [line for line in capsys.readouterr().err.splitlines() if "mlflow" in line]
    assert len(warned) == 1, warned
    assert f"mlflow: training goes on without it: {uri} does not answer (Connection refused)" in warned[0]
    assert read_run(place / "mine").status == "finished"
