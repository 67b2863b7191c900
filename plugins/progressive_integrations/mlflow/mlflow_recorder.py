"""A program of its own that writes to MLflow what the plugin hands it, so that training shares no interpreter with MLflow.

It reads requests, each a line of JSON, from its input until "end" or the end of the input, which comes too when the training is
killed. An error is one line of JSON on its output, and ends it. It imports nothing of ours: it is run by its path.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

EXPERIMENT = "progressive-training"
BEGUN, BUCKET, PARENT = "progressive_training.begun", "progressive_training.bucket", "mlflow.parentRunId"
PATIENCE = 30.0
"""Seconds for what is still to be written when the input has ended."""
DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # what a dead server missed is written at the next bucket, or by a resume
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",  # MLflow's makers are not told of a training unless its user wants that
    "GIT_PYTHON_REFRESH": "quiet",
}
METRICS_AT_ONCE, PARAMS_AT_ONCE = 1000, 100
"""Of a request, by MLflow's limits."""


class Recorder:
    """The MLflow run of one training run, with a nested one for each bucket.

    Which they are is found by tags: when the training run was begun, and the bucket. So a resume continues them, from wherever the
    run's directory lies by then, and a run that was deleted in MLflow is made again.
    """

    def __init__(self, asked: Mapping[str, Any]) -> None:
        uri = asked["uri"] or os.environ.get("MLFLOW_TRACKING_URI")
        if uri and uri.startswith(("http://", "https://")):
            _check_answers(uri)
        from mlflow import MlflowClient

        self._asked, self._turn = asked, _turn_of(uri, Path(asked["manifest"]))
        self._nested: dict[str, str] = {}
        self._written: dict[str, int] = {}
        self._seconds: dict[str, dict[int, float]] = {}
        self._transfers: dict[str, dict[int, str]] = {}
        with _alone(self._turn):
            self._client = MlflowClient(tracking_uri=uri)
            self._experiment = self._experiment_id(experiment_name())
            self._run = self._found(f"tags.`{BEGUN}` = '{asked['begun']}'") or self._made(
                asked["name"], asked["began_at"], {BEGUN: asked["begun"]}
            )
        self._set_going(self._run, asked["params"][""])

    def episodes(self, asked: Mapping[str, Any]) -> None:
        """Write those episodes of a bucket that its run in MLflow does not have."""
        from mlflow.entities import Metric

        bucket = asked["bucket"]
        run = self._nested_run(bucket)
        seconds, transfers = self._seconds.setdefault(bucket, {}), self._transfers.setdefault(bucket, {})
        batch: list[Metric] = []
        are_new = False
        for episode in asked["episodes"]:
            step = episode["step"]
            seconds[step] = episode["seconds"]
            if episode["transfers"]:
                transfers[step] = episode["transfers"]
            if step <= self._written[bucket]:
                continue
            at = int(self._asked["began_at"] + 1000 * sum(took for each, took in seconds.items() if each <= step))
            found = [Metric(_name(name), value, at, step) for name, value in episode["metrics"].items()]
            if (start := episode["start"]) is not None:
                found.insert(0, Metric("score", start, self._asked["began_at"], 0))
            if len(batch) + len(found) > METRICS_AT_ONCE:
                self._log_metrics(run, batch)
                batch = []
            batch += found
            are_new = are_new or step in transfers
            self._written[bucket] = step
        self._log_metrics(run, batch)
        if are_new:
            self._client.log_text(run, _joined(transfers), "transfers.md")

    def end(self, asked: Mapping[str, Any]) -> None:
        """Write what the run came to."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        for each in asked["buckets"]:
            bucket, step = each["bucket"], each["step"]
            run = self._nested_run(bucket)
            self._log_final(run, [Metric(name, value, now, step) for name, value in each["metrics"].items()])
            named = [Metric(_name(f"{bucket}/{name}"), value, now, 0) for name, value in each["metrics"].items()]
            self._log_final(self._run, named)
            transfers = {**self._transfers.get(bucket, {}), step + 1: each["transfers"]}
            texts = {"transfers.md": _joined(transfers), "performance.md": each["performance"]}
            for name, text in texts.items():
                if text:
                    self._client.log_text(run, text, name)
            self._note(run, "\n\n".join(text for text in (each["verdict"], *reversed(texts.values())) if text))
            self._keep(run, each["model"], "model")
        self._note(self._run, asked["note"])
        self._keep(self._run, asked["files"], None)
        finished = {each["bucket"] for each in asked["buckets"]}
        for bucket, run in self._nested.items():
            self._client.set_terminated(run, "FINISHED" if bucket in finished else asked["status"])
        self._client.set_terminated(self._run, asked["status"])

    def _experiment_id(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None and found.lifecycle_stage != "active":
            raise RuntimeError(
                f"the experiment {name!r} was deleted: restore it, or name another in MLFLOW_EXPERIMENT_NAME"
            )
        kind = {"mlflow.experimentKind": "custom_model_development"}  # else its pages are those for language models
        return str(found.experiment_id if found else self._client.create_experiment(name, tags=kind))

    def _nested_run(self, bucket: str) -> str:
        if bucket not in self._nested:
            with _alone(self._turn):
                self._nested[bucket] = self._found(f"tags.`{PARENT}` = '{self._run}'", bucket) or self._made(
                    bucket, self._asked["began_at"], {PARENT: self._run, BUCKET: bucket}
                )
            history = self._client.get_metric_history(self._nested[bucket], "seconds")
            self._written[bucket] = max((metric.step for metric in history), default=-1)
            params = self._asked["params"]
            self._set_going(self._nested[bucket], params.get(bucket, params[""]))
        return self._nested[bucket]

    def _found(self, condition: str, bucket: str | None = None) -> str | None:
        runs = self._client.search_runs([self._experiment], condition, order_by=["attributes.start_time ASC"])
        return next((run.info.run_id for run in runs if run.data.tags.get(BUCKET) == bucket), None)

    def _made(self, name: str, began_at: int, tags: Mapping[str, str]) -> str:
        about = {"mlflow.source.name": EXPERIMENT, "mlflow.source.type": "LOCAL"}
        with contextlib.suppress(OSError, KeyError, ImportError):  # a container may have no name for its user
            about["mlflow.user"] = getpass.getuser()
        made = self._client.create_run(self._experiment, began_at, {**about, **tags}, name)
        return str(made.info.run_id)

    def _set_going(self, run: str, params: Mapping[str, Any]) -> None:
        """Show the run as running, with its settings. MLflow keeps a param for good, so a setting that a resume changed is a tag."""
        from mlflow.entities import Param, RunTag

        self._client.update_run(run, status="RUNNING")
        there = self._client.get_run(run).data.params
        text = {_name(key): str(value)[:6000] for key, value in params.items()}
        new = [Param(key, value) for key, value in text.items() if key not in there]
        for begin in range(0, len(new), PARAMS_AT_ONCE):
            self._client.log_batch(run, params=new[begin : begin + PARAMS_AT_ONCE])
        changed = [RunTag(f"now.{key}", value) for key, value in text.items() if there.get(key, value) != value]
        for begin in range(0, len(changed), PARAMS_AT_ONCE):
            self._client.log_batch(run, tags=changed[begin : begin + PARAMS_AT_ONCE])

    def _log_metrics(self, run: str, metrics: Sequence[Any]) -> None:
        for begin in range(0, len(metrics), METRICS_AT_ONCE):
            self._client.log_batch(run, metrics=metrics[begin : begin + METRICS_AT_ONCE])

    def _log_final(self, run: str, metrics: Sequence[Any]) -> None:
        there = self._client.get_run(run).data.metrics
        self._log_metrics(run, [metric for metric in metrics if there.get(metric.key) != metric.value])

    def _note(self, run: str, text: str) -> None:
        if text:
            self._client.set_tag(run, "mlflow.note.content", text if len(text) < 8000 else f"{text[:7990]} ...")

    def _keep(self, run: str, files: Sequence[str], place: str | None) -> None:
        for file in files:
            if Path(file).is_file():
                self._client.log_artifact(run, file, place)


def _name(text: str) -> str:
    """As a name of a metric or param, which MLflow takes for a path of letters, digits and a few signs."""
    parts = (re.sub(r"[^\w. -]", "", part).strip() for part in text.split("/"))
    return "/".join(part for part in parts if part.strip("."))[:250].rstrip("/") or "_"


def _joined(texts: Mapping[int, str]) -> str:
    return "\n\n".join(f"Before episode {step}\n\n{text}" for step, text in sorted(texts.items()) if text)


def _check_answers(uri: str) -> None:
    """A dead server is found out before MLflow is imported. Whatever answers, if with an error, is for MLflow to talk to."""
    import ssl
    import urllib.error
    import urllib.request

    try:
        urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=5).close()  # noqa: S310  (http or https)
    except urllib.error.HTTPError:
        return
    except OSError as error:
        why = getattr(error, "reason", error)
        if isinstance(why, ssl.SSLError):
            return
        raise RuntimeError(f"{public(uri)} does not answer ({getattr(why, 'strerror', None) or why})") from error


def experiment_name() -> str:
    """The experiment that runs are made in."""
    return os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT


def public(text: str) -> str:
    """Without passwords, and without what differs from one try to the next."""
    return re.sub(r" object at 0x\w+", "", re.sub(r"://[^/@\s]*@", "://", text))


def _turn_of(uri: str | None, manifest: Path) -> Path:
    """What processes lock in turn: the directory of a database of SQLite, which the first one creates, else the manifest of the run."""
    kind, _, file = (uri or "sqlite:///mlflow.db").partition(":///")
    place = Path(file).parent
    return place if kind == "sqlite" and place.is_dir() else manifest


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Within it no other process makes runs in MLflow: members of a stage, and runs of a study, begin at the same time."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    held = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _read(lines: IO[str], requests: queue.SimpleQueue[Mapping[str, Any] | None]) -> None:
    """Take what comes at once: whoever sends never waits for MLflow."""
    with contextlib.suppress(ValueError):  # cut short by a kill
        for line in lines:
            requests.put(json.loads(line))
    requests.put(None)
    ending = threading.Timer(PATIENCE, os._exit, (3,))
    ending.daemon = True
    ending.start()


def main() -> int:
    """Serve until the end."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # MLflow prints where a run can be seen
    for key, value in DEFAULTS.items():
        os.environ.setdefault(key, value)
    requests: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin, requests), daemon=True).start()
    try:
        recorder: Recorder | None = None
        while asked := requests.get():
            if recorder is None:
                recorder = Recorder(asked)
            elif asked["do"] == "episodes":
                recorder.episodes(asked)
            else:
                recorder.end(asked)
    except Exception as error:  # noqa: BLE001  (whatever it is, the training is told)
        answers.write(json.dumps(public(str(error)) or type(error).__name__))
        answers.flush()
        return 1
    return 0


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(5)  # the training goes before it, and still it is done when that ends
    os._exit(main())  # the thread may still wait for input
