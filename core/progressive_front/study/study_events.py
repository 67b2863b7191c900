"""A study as JSON lines, for a program that started one: `docs/reference/events.schema.json` describes each event."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from progressive_app.engines.task import TaskEvent
from progressive_app.machine.terminal import one_line
from progressive_front.watching.event_line import write_event

FORMAT = 1
"""Of the events: it grows by one when a key is removed or means something else, not when one is added."""


class StudyEvents:
    """Writes the events of one study to `stream`, each on a line that is flushed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def start(self, study: Path, runs: Sequence[str], finished: Sequence[str]) -> None:
        """Write that the study is there."""
        self._write("study_start", format=FORMAT, study=study, runs=list(runs), finished=list(finished))

    def on_event(self, event: TaskEvent) -> None:
        """Write what happened to a run."""
        self._write(
            "run",
            run=event.task,
            kind=event.kind,
            line=one_line(event.line),
            attempt=event.attempt,
            seconds=event.seconds,
            worker=event.worker,
        )

    def error(self, error: BaseException) -> None:
        """Write why nothing could be begun, or what went wrong beside the runs."""
        self._write("error", kind=type(error).__name__, message=one_line(str(error)))

    def end(
        self,
        *,
        status: str,
        exit_status: int,
        study: Path | None,
        unfinished: Sequence[str],
        page: Path | None,
        resume: str | None,
    ) -> None:
        """Write how the study ended."""
        about = {"study": study, "unfinished": list(unfinished), "report": page, "resume": resume}
        self._write("study_end", status=status, exit_status=exit_status, **about)

    def _write(self, event: str, **values: Any) -> None:
        write_event(self._stream, event, **values)
