"""A study as JSON lines, for a program that started one: `docs/reference/events.schema.json` describes each event."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from progressive_app.engines.task import TaskEvent
from progressive_app.machine.terminal import BUG, USER_ERROR, one_line
from progressive_front.watching.event_line import write_event

FORMAT = 1
"""Of the events: it grows by one when a key is removed or means something else, not when one is added."""


class StudyEvents:
    """Writes the events of one study to `stream`, each on a line that is flushed.

    :param what: "study", or "search": so the first and the last one are called, and the key that names its directory.
    """

    def __init__(self, stream: TextIO, what: str = "study") -> None:
        self._stream, self._what = stream, what

    def start(self, directory: Path, **about: Any) -> None:
        """Write that the study is there."""
        self.write(f"{self._what}_start", format=FORMAT, **{self._what: directory}, **about)

    def on_event(self, event: TaskEvent) -> None:
        """Write what happened to a run."""
        self.write(
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
        self.write("error", kind=type(error).__name__, message=one_line(str(error)))

    def end(
        self,
        exit_status: int,
        directory: Path | None,
        unfinished: Sequence[str],
        *,
        page: Path | None,
        resume: str | None,
    ) -> None:
        """Write how the study ended."""
        status = {0: "finished", USER_ERROR: "failed", BUG: "failed"}.get(exit_status, "interrupted")
        about = {self._what: directory, "unfinished": list(unfinished), "report": page, "resume": resume}
        self.write(f"{self._what}_end", status=status, exit_status=exit_status, **about)

    def write(self, event: str, **values: Any) -> None:
        """Write an event."""
        write_event(self._stream, event, **values)
