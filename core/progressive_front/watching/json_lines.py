"""A training as JSON lines: each event is what the run has written to its files, read as soon as it is there.

Nothing is asked of the run but its lines of progress, each of which follows what it is about: so the events are the same with
each bucket in a process of its own, of a resumed run, and of scratch arms. `docs/reference/events.schema.json` describes each event.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from progressive_app.config.app_settings import SEQUENCE
from progressive_app.config.stages import flat
from progressive_app.machine.terminal import BUG, USER_ERROR, one_line
from progressive_app.presentation.record_values import (
    episode_values,
    evaluation_values,
    result_values,
    transfer_values,
)
from progressive_app.resume.members import member_directory
from progressive_app.store.documents import read_json
from progressive_app.store.progress import STATE, read_commit
from progressive_app.store.run_documents import read_manifest
from progressive_app.store.run_store import LEDGER, METRICS
from progressive_core.contract.core_settings import SEED
from progressive_core.contract.errors import ProgressiveTrainingError, RunError
from progressive_core.contract.records import BucketResult
from progressive_core.contract.setting import as_settings
from progressive_front.output import stdout_reserved
from progressive_front.report_page import PAGE
from progressive_front.watching.event_line import write_event
from progressive_front.watching.next_steps import resume_command
from progressive_studies.scratch import SCRATCH

FORMAT = 1
"""Of the events: it grows by one when a key is removed or means something else, not when one is added."""
BEGINS = "bucket begins"
"""How the engine logs that it begins with a bucket, or goes on with it."""
HIDDEN_KEYS = ("event", "level", "timestamp", "exception", "show")


@contextmanager
def stdout_for_events() -> Iterator[TextIO]:
    """A stream on standard output for the events alone: what anybody else prints within it goes to standard error."""
    try:
        own: TextIO = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    except (OSError, ValueError):  # it is no file, but an object that somebody put there
        own = sys.stdout
    try:
        with stdout_reserved():
            yield own
    finally:
        if own is not sys.stdout:
            with suppress(OSError):  # nobody reads any more
                own.close()


class JsonLines:
    """Writes the events of one training to `stream`, each on a line that is flushed.

    `run_dir` returns the run's directory, None while there is none.
    """

    def __init__(self, stream: TextIO) -> None:
        self.run_dir: Callable[[], Path | None] = lambda: None
        self._stream = stream
        self._started = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        self._log: _Tail | None = None
        self._runs: dict[Path, _Training] = {}
        self._written: list[Mapping[str, Any]] = []

    def follow(self, train: Callable[..., int]) -> int:
        """Call `train(events=self)` and write its events and its end; return its exit status."""
        try:
            status = train(events=self)
        except BaseException as error:
            self.error(error)
            self._end(USER_ERROR if isinstance(error, ProgressiveTrainingError) else BUG)
            raise
        self._end(status)
        return status

    def on_progress(self, line: str) -> None:
        """Write what has happened up to a line of progress; the line itself says nothing more."""
        directory = self.run_dir()
        if directory is None or not (directory / STATE).is_file():
            return
        if self._log is None:
            self._log = _Tail(directory / "log.jsonl")
            members = _members(directory)
            self._runs[directory] = _Run(directory, but=members)
            for bucket in members:
                self._runs[member_directory(directory, bucket)] = _Training(member_directory(directory, bucket))
            self._runs[directory / SCRATCH] = _Run(directory / SCRATCH, scratch_arm=True)
            self._write("run_start", **_start(directory))
        for event in self._log.new_lines():
            if event.get("timestamp", "") >= self._started:  # a resumed run has an older part
                self._write_logged(event)
        for run in self._runs.values():
            for name, values in run.events():
                self._write(name, **values)

    def note(self, message: str) -> None:
        """Write something that the user is to know."""
        self._write("note", message=message)

    def error(self, error: BaseException) -> None:
        """Write why the training failed."""
        self._write("error", kind=type(error).__name__, message=one_line(str(error)))

    def _end(self, exit_status: int) -> None:
        """Write what is left, and how the training ended."""
        self.on_progress("")
        directory = self.run_dir()
        there = directory is not None and (directory / STATE).is_file()
        ended = {0: "finished", USER_ERROR: "failed", BUG: "failed"}.get(exit_status, "interrupted")
        about: dict[str, Any] = {"run": None, "models": {}, "report": None, "resume": None}
        if directory is not None and there:
            page, commit = directory / PAGE, read_commit(directory / STATE)
            about = {
                "run": directory,
                "models": {each.bucket: each.model_path for each in commit.results},
                "report": page if page.is_file() else None,
                "resume": None if commit.status == "finished" else f"{resume_command(directory, [])} --json",
            }
        self._write("run_end", status=ended, exit_status=exit_status, **about)

    def _write(self, event: str, **values: Any) -> None:
        write_event(self._stream, event, **values)

    def _write_logged(self, event: Mapping[str, Any]) -> None:
        text = str(event.get("event", ""))
        if text == BEGINS and "arm" in event:
            about = {key: event[key] for key in ("bucket", "episodes", "horizons")}
            self._write("bucket_start", **about, scratch_arm=event["arm"])
        elif event.get("level") in ("warning", "error", "critical"):
            self._write_once("warning", message=text, details=_details(event))
        elif event.get("show"):
            self._write_once("note", message=text)

    def _write_once(self, event: str, **values: Any) -> None:
        """Write what each bucket logs again only the first time, as on the terminal."""
        if values not in self._written:
            self._written.append(values)
            self._write(event, **values)


class _Tail:
    """The lines that are appended to a file from now on, or from its beginning."""

    def __init__(self, file: Path, position: int = 0) -> None:
        self._file, self._position = file, position

    @classmethod
    def from_now_on(cls, file: Path) -> _Tail:
        return cls(file, file.stat().st_size if file.is_file() else 0)

    def new_lines(self) -> Iterator[dict[str, Any]]:
        """Yield the new whole lines; where the file was cut back, those behind the cut."""
        try:
            with self._file.open("rb") as file:
                self._position = min(self._position, file.seek(0, 2))
                file.seek(self._position)
                written = file.read()
        except OSError:  # it is not there yet, or no more
            return
        whole = written[: written.rfind(b"\n") + 1]
        self._position += len(whole)
        for line in whole.splitlines():
            with suppress(ValueError):
                yield json.loads(line)


class _Training:
    """The transfers and episodes in one run's files.

    :param but: of these buckets, which are members of a stage, neither episodes nor the transfers to them before their stage's end:
        these stand in the files of their own stores too, and earlier.
    """

    def __init__(self, directory: Path, *, scratch_arm: bool = False, but: Collection[str] = ()) -> None:
        self._ledger, self._metrics = (_Tail.from_now_on(directory / name) for name in (LEDGER, METRICS))
        self._arm, self._but = {"scratch_arm": scratch_arm}, but

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for line in self._ledger.new_lines():
            if line["phase"] == "reverse" or line["target"] not in self._but:
                yield "transfer", {"bucket": line["target"], **transfer_values(line), **self._arm}
        for line in self._metrics.new_lines():
            if line["bucket"] not in self._but:
                values = episode_values(line)
                del values["transfers"]  # each has an event of its own
                yield "episode", {**values, **self._arm}


class _Run(_Training):
    """The events of one run's files: that of the command, or of its scratch arms."""

    def __init__(self, directory: Path, *, scratch_arm: bool = False, but: Collection[str] = ()) -> None:
        super().__init__(directory, scratch_arm=scratch_arm, but=but)
        self._state = directory / STATE
        self._seen: tuple[int, int] = (0, 0)
        self._finished = {result.bucket: result for result in self._results()}

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        yield from super().events()
        for result in self._results():
            before = self._finished.get(result.bucket)
            if before is None:
                yield "bucket_end", {**_ended(result), **self._arm}
            if result.evaluation is not None and (before is None or before.evaluation is None):
                yield "verdict", {"bucket": result.bucket, **evaluation_values(result.evaluation), **self._arm}
            self._finished[result.bucket] = result

    def _results(self) -> tuple[BucketResult, ...]:
        """The finished buckets; none where nothing was committed since they were asked for."""
        try:
            status = self._state.stat()
            if (status.st_mtime_ns, status.st_size) == self._seen:
                return ()
            self._seen = status.st_mtime_ns, status.st_size
            return read_commit(self._state).results
        except (OSError, RunError):
            return ()


def _start(directory: Path) -> dict[str, Any]:
    manifest, settings = read_manifest(directory), as_settings(read_json(directory / "config.json"))
    return {
        "format": FORMAT,
        "run": str(directory),
        "sequence": settings[SEQUENCE],
        "seed": settings[SEED],
        "device": manifest["device"],
        "started": manifest["started"],
        "finished": [result.bucket for result in read_commit(directory / STATE).results],
    }


def _members(directory: Path) -> tuple[str, ...]:
    """The buckets that train in stores of their own, as members of stages."""
    sequence = () if read_manifest(directory)["find_order"] else read_json(directory / "config.json")[SEQUENCE.key]
    return flat(stage for stage in sequence if not isinstance(stage, str))


def _ended(result: BucketResult) -> dict[str, Any]:
    values = result_values(result)
    del values["evaluation"], values["transfers"]  # which have events of their own
    return values


def _details(event: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in HIDDEN_KEYS}
