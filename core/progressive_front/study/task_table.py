"""What tasks are doing, live: a table on a terminal, a line for each that begins or ends elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from attrs import evolve, frozen

from progressive_app.engines.task import TaskEvent
from progressive_app.machine.terminal import print_text
from progressive_app.presentation.quantities import time_text
from progressive_core import PROGRAM

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console, RenderableType
    from rich.live import Live

WAITING = "waiting"
RUNNING = "running"
VALUES = "VALUES"
HEADS = ("RUN", "STATUS", "NOW", "TIME", "WORKER")
STYLES = {
    "finished": "green",
    "failed": "red",
    "skipped": "red",
    "interrupted": "yellow",
    "lost": "yellow",
    WAITING: "dim",
}
FRAMES_PER_SECOND = 4
FURNITURE = 6
"""Rows of a terminal that the table leaves to its head, its foot and the prompt."""
PRINTED = f"{PROGRAM}: "
"""How a line of progress begins that a worker would have printed as a warning: it is shown elsewhere."""
BUCKET_ENDS = ": finished, "
"""In a line of progress: a bucket has trained."""


@frozen(kw_only=True)
class _Task:
    """A row of the table. `begun` is when its newest attempt began, `seconds` how long one that has ended took."""

    name: str
    status: str = WAITING
    line: str = ""
    worker: str = ""
    begun: float = 0.0
    seconds: float = 0.0


class TaskTable:
    """Shows the events of tasks while it is entered; `on_event` takes them.

    :param names: of all tasks, in the order in which they are shown. :param about: a line of text below them.
    :param values: by name, of tasks that differ by some, in a column of their own.
    :param clock: seconds that only go forward.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        about: str = "",
        values: Mapping[str, str] = MappingProxyType({}),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._about, self._values = about, values
        self._tasks = {name: _Task(name=name) for name in names}
        self._clock = clock
        self._started = clock()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        console = _terminal()
        if console is not None and self._tasks:
            from rich.live import Live

            self._live = Live(
                get_renderable=lambda: self.table(console.size.height),
                console=console,
                refresh_per_second=FRAMES_PER_SECOND,
                transient=True,
            )
            self._live.start()
        elif self._about:
            print_text(self._about)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def on_event(self, event: TaskEvent) -> None:
        """Take up what happened to a task."""
        if event.kind == "interrupted" and not event.attempt:  # not begun: it waits for whoever resumes the study
            return
        task = self._tasks.get(event.task) or _Task(name=event.task)
        if event.kind == "started":
            task = evolve(task, status=RUNNING, line="", worker=event.worker, begun=self._clock())
        elif event.kind == "progress":
            task = evolve(task, line=task.line if event.line.startswith(PRINTED) else event.line)
        else:
            line = event.line or (_outcome(task.line) if event.kind == "finished" else "")
            task = evolve(task, status=event.kind, line=line, seconds=event.seconds)
        self._tasks[event.task] = task
        if self._live is None and (line := self._plain_line(event)):
            with suppress(OSError):  # nobody reads any more: the tasks are worth more
                print_text(line)

    def table(self, rows: int) -> RenderableType:
        """Draw the tasks: those that run, then those that failed, the newest that finished, and those that wait.

        :param rows: of the terminal.
        """
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, expand=True)
        heads = [*HEADS[:1], *([VALUES] if self._values else []), *HEADS[1:]]
        for head in heads:
            table.add_column(head, no_wrap=True, overflow="ellipsis", ratio=1 if head in {"NOW", VALUES} else None)
        shown = sorted(self._tasks.values(), key=_rank)
        room = max(1, rows - FURNITURE)
        for task in shown[:room]:
            seconds = self._clock() - task.begun if task.status == RUNNING else task.seconds
            style = STYLES.get(task.status, "")
            took = time_text(seconds) if task.status != WAITING else ""
            values = [Text(self._values.get(task.name, ""))] if self._values else []
            table.add_row(task.name, *values, Text(task.status, style), Text(task.line), took, task.worker)
        left = [Text(f"and {len(shown) - room} more", "dim")] if len(shown) > room else []
        below = [Text(self._about, no_wrap=True, overflow="ellipsis")] if self._about else []
        return Group(table, *left, Text(self.counts, "bold"), *below)

    @property
    def counts(self) -> str:
        """How many tasks stand where, how long it has taken, and about how long it will."""
        counted = Counter(task.status for task in self._tasks.values())
        order = ("finished", RUNNING, "lost", "failed", "skipped", "interrupted", WAITING)
        parts = [f"{counted[status]} {status}" for status in order if counted[status]]
        left = self._seconds_left(counted)
        ahead = f", about {time_text(left)} left" if left else ""
        return f"{', '.join(parts)}; {time_text(self._clock() - self._started)}{ahead}"

    def _seconds_left(self, counted: Counter[str]) -> float:
        """By the mean of those that finished; 0 where none did."""
        took = [task.seconds for task in self._tasks.values() if task.status == "finished"]
        if not took or not counted[RUNNING]:
            return 0.0
        mean, now = sum(took) / len(took), self._clock()
        running = sum(max(0.0, mean - (now - task.begun)) for task in self._tasks.values() if task.status == RUNNING)
        return (running + mean * counted[WAITING]) / counted[RUNNING]

    def _plain_line(self, event: TaskEvent) -> str:
        """The line about an event where nothing is live, or ""; most lines of progress have none."""
        ended = sum(task.status in STYLES and task.status not in (WAITING, "lost") for task in self._tasks.values())
        where = f"[{ended}/{len(self._tasks)}] {event.task}"
        if event.kind == "progress":
            about, _, _path = event.line.rpartition("; ")
            return f"{where}: {about}" if BUCKET_ENDS in event.line else ""
        again = f" again (attempt {event.attempt})" if event.kind == "started" and event.attempt > 1 else ""
        about = f": {event.line}" if event.line else ""
        took = (
            f" after {time_text(event.seconds)}" if event.kind not in ("started", "skipped") and event.seconds else ""
        )
        return f"{where}: {event.kind}{again}{took}{about}"


def _outcome(line: str) -> str:
    """What the last line of progress of a run says that it came to: its best score, between why it ended and where the model is."""
    parts = line.split("; ")
    return parts[-2] if BUCKET_ENDS in line and len(parts) > 2 else ""


def _rank(task: _Task) -> tuple[int, float]:
    order = (RUNNING, "lost", "failed", "skipped", "interrupted", WAITING, "finished")
    return order.index(task.status), 0.0


def _terminal() -> Console | None:
    """A console for the live table, or None where none can be shown."""
    from progressive_app.presentation.drawing import printable_console

    console = printable_console(file=sys.stdout, highlight=False)  # that of now: a task in this process has its own
    plain: Any = console.is_dumb_terminal or console.options.ascii_only
    return console if sys.stdout.isatty() and console.is_terminal and not plain else None
