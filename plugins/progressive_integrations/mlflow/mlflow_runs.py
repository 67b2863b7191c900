"""The plugin `mlflow`: a run in MLflow for each run, with a nested one for each bucket."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from progressive_integrations.mlflow import mlflow_recorder
from progressive_integrations.tracking.tracked_values import (
    final_scalars,
    markdown_table,
    performance_text,
    scalars_of,
    settings_of,
    start_of,
    transfers_text,
    verdict_text,
)
from progressive_integrations.tracking.tracker import Ended, Tracker, home_of, name_of
from progressive_training import BucketResult, Interrupted, OrNull, Refused, RunInfo, Setting, Settings, hookimpl


class TrackingUri(NamedTuple):
    """Where MLflow keeps runs."""

    allowed: str = "an address of MLflow like http://localhost:5000 or sqlite:///mlflow.db"

    def check(self, value: Any) -> str:
        """A password is refused: settings are kept with each run and shown."""
        if not isinstance(value, str) or not ("://" in value or value == "databricks") or not value.isprintable():
            raise Refused
        try:
            password = urlsplit(value).password
        except ValueError:
            raise Refused from None
        if password:
            raise Refused(
                "it holds a password, and settings are kept with each run: use the environment's MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_URI"
            )
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "://|^databricks$"}


MLFLOW_TRACKING_URI: Setting[str | None] = Setting(
    "MLFLOW_TRACKING_URI",
    None,
    OrNull(TrackingUri(), "what MLflow takes: the environment's MLFLOW_TRACKING_URI, else sqlite:///mlflow.db here"),
    "where the plugin mlflow writes",
)
FILES = ("report.html", "report.json", "report.png", "config.json", "manifest.json", "ledger.jsonl")
"""Of a run's directory, kept as artifacts of the run where they are there."""


class _Process:
    """The program that writes to MLflow. It takes requests at once and works through them, so `send` returns at once."""

    def __init__(self, first: Mapping[str, Any]) -> None:
        self._lock = threading.Lock()
        self._reason = ""
        self._process = subprocess.Popen(  # noqa: S603  (this Python and a file of ours)
            [sys.executable, "-P", mlflow_recorder.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the training, whose end then ends this
        )
        self.send(first)

    def is_gone(self) -> bool:
        return self._process.poll() is not None

    def send(self, request: Mapping[str, Any]) -> None:
        """:raise RuntimeError: it could not write to MLflow, or was ended."""
        assert self._process.stdin is not None
        if self.is_gone():
            self.fail()
        try:
            with self._lock:
                self._process.stdin.write(json.dumps(request, default=str).encode() + b"\n")
                self._process.stdin.flush()
        except OSError:
            self.fail()

    def finish(self) -> None:
        """Wait until all is written.

        :raise RuntimeError: it is not.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            self.fail()
        if self._process.wait():
            self.fail()
        self._close()

    def fail(self) -> None:
        """:raise RuntimeError: always, with what it said."""
        assert self._process.stdout is not None
        code = self._process.wait()
        with self._lock:
            if not self._process.stdout.closed:
                said = self._process.stdout.read()
                self._reason = json.loads(said) if said else f"its process ended with status {code}"
                self._close()
        raise RuntimeError(self._reason)

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except OSError:  # what was not flushed into a pipe that nobody reads
                continue


class MlflowRuns:
    """Where the tracker writes to: what a run has committed, as requests to the process."""

    def __init__(self, process: _Process, place: str, forget: Callable[[], object]) -> None:
        self.place = place
        self._process, self._forget, self._has_ended = process, forget, False

    def write(self, bucket: str, episodes: Sequence[Mapping[str, Any]]) -> None:
        self._process.send({"do": "episodes", "bucket": bucket, "episodes": [_of_episode(each) for each in episodes]})

    def end(self, ended: Ended) -> None:
        self._has_ended = True
        status = "FINISHED" if ended.error is None else "FAILED"
        if isinstance(ended.error, Interrupted | KeyboardInterrupt):
            status = "KILLED"
        head = ("bucket", "episodes", "verdict")
        rows = [(each.bucket, each.episodes, each.evaluation and each.evaluation.verdict) for each in ended.results]
        self._process.send(
            {
                "do": "end",
                "status": status,
                "note": markdown_table(head, rows),
                "files": [str((ended.run.run_dir / name).absolute()) for name in FILES],
                "buckets": [_of_bucket(result) for result in ended.results],
            }
        )

    def close(self) -> None:
        if self._has_ended:
            self._forget()
            self._process.finish()


def _of_episode(episode: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "step": episode["episode"],
        "start": start_of(episode),
        "seconds": episode["seconds"],
        "metrics": scalars_of(episode),
        "transfers": transfers_text(episode),
    }


def _of_bucket(result: BucketResult) -> dict[str, Any]:
    model = sorted(result.model_path.absolute().parent.iterdir()) if result.model_path.is_file() else []
    return {
        "bucket": result.bucket,
        "step": result.episodes,
        "metrics": final_scalars(result),
        "verdict": verdict_text(result),
        "performance": performance_text(result),
        "transfers": transfers_text(result),
        "model": [str(file) for file in model],
    }


def _beginning(home: Path, settings: Settings) -> dict[str, Any]:
    """What the process must know of a run before all else. The run's own config.json has a setting's value for each bucket."""
    manifest = json.loads((home / "manifest.json").read_text("utf-8"))
    declared = {key: each for key, each in settings.declared.items() if key != MLFLOW_TRACKING_URI.key}
    kept = json.loads((home / "config.json").read_text("utf-8"))
    own = Settings({key: kept.get(key, settings[key]) for key in declared if key in settings}, declared)
    buckets = [name for each in manifest["sequence"] for name in ([each] if isinstance(each, str) else each)]
    return {
        "uri": settings[MLFLOW_TRACKING_URI],
        "name": name_of(home),
        "manifest": str((home / "manifest.json").absolute()),
        "begun": " ".join(filter(None, (manifest["started"], manifest.get("order")))),
        "began_at": int(datetime.fromisoformat(manifest["started"]).timestamp() * 1000),
        "params": {"": settings_of(own), **{name: settings_of(own.for_bucket(name)) for name in buckets}},
    }


def address_of(settings: Mapping[str, Any]) -> str:
    """Where MLflow writes, without a password, and how to look at a database."""
    uri = settings[MLFLOW_TRACKING_URI.key] or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    shown = mlflow_recorder.public(uri)
    is_served = uri.startswith(("http://", "https://")) or uri == "databricks"
    return shown if is_served else f"{shown} (look: {shlex.join(['mlflow', 'ui', '--backend-store-uri', shown])})"


class MlflowTracker(Tracker):
    """Writes to MLflow, by one process for each run that this one trains."""

    settings = (MLFLOW_TRACKING_URI,)

    def __init__(self) -> None:
        super().__init__("mlflow", "mlflow", self._opened)
        self._processes: dict[Path, _Process] = {}
        self._lock = threading.Lock()

    @hookimpl
    def on_run_end(self, run: RunInfo, results: tuple[BucketResult, ...], error: BaseException | None) -> None:
        """Write what a process that failed has not written, and the end."""
        self._failed_process(home_of(run.run_dir))
        super().on_run_end(run, results, error)

    def _opened(self, home: Path, settings: Settings) -> MlflowRuns:
        if failed := self._failed_process(home):
            failed.fail()
        with self._lock:
            if home not in self._processes:
                self._processes[home] = _Process(_beginning(home, settings))
            place = f"{address_of(settings)}, experiment {mlflow_recorder.experiment_name()}, run {name_of(home)}"
            return MlflowRuns(self._processes[home], place, lambda: self._processes.pop(home, None))

    def _failed_process(self, home: Path) -> _Process | None:
        """The process of a run that is gone before its time, which is forgotten: what was given to it is to be written again."""
        with self._lock:
            if (process := self._processes.get(home)) is None or not process.is_gone():
                return None
            self._written_of(home).clear()
            return self._processes.pop(home)


mlflow = MlflowTracker()
