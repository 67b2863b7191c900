"""Train a study for a person or a program before it: shown live, stopped by Ctrl-C, put together at its end, whatever that was."""

from __future__ import annotations

import shlex
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

from attrs import frozen

from progressive_app.engines.engine import Engine
from progressive_app.engines.task import TaskEnd, TaskEvent
from progressive_app.machine.terminal import BUG, USER_ERROR, print_error, print_text
from progressive_core import PROGRAM
from progressive_core.contract.errors import ProgressiveTrainingError
from progressive_front.report_page import show_page
from progressive_front.signals import StopSignal, stop_signal
from progressive_front.study.planned_training import is_finished
from progressive_front.study.study_events import StudyEvents
from progressive_front.study.study_running import run_study
from progressive_front.study.task_table import PRINTED, TaskTable
from progressive_front.watching.json_lines import stdout_for_events
from progressive_studies.study.study_plan import StudyPlan

Closing = Callable[[Mapping[str, str]], tuple[Path | None, str]]
"""Puts a study together from its runs, given why some did not finish, by name: the page that it wrote, if any, and a text to show."""


@frozen(kw_only=True)
class Shown:
    """What is printed: `quiet`: warnings, errors and where the page is; `as_json`: events, and nothing else; `to_open` opens the
    page in the browser."""

    quiet: bool = False
    as_json: bool = False
    to_open: bool = False


@contextmanager
def planning(shown: Shown, what: str = "study") -> Iterator[None]:
    """While a study is planned or opened: where events are wanted, what refuses it is one too, and nothing else is printed there.

    :param what: as in `StudyEvents`.
    """
    with events_of(shown, what) as events:
        try:
            yield
        except BaseException as error:
            if events is not None:
                events.error(error)
                status = USER_ERROR if isinstance(error, ProgressiveTrainingError) else BUG
                events.end(status, None, (), page=None, resume=None)
            raise


def train_shown(
    directory: Path,
    plan: StudyPlan,
    engine: Engine,
    workers: int,
    shown: Shown,
    command: Sequence[str],
    close: Closing,
    *,
    strict: bool,
) -> int:
    """Train what is unfinished of a begun study, close it, and return the exit status.

    :param command: that goes on with it, without the name of the program. :param strict: as in `run_study`.
    :return: 0; 2 or 1 (a bug) where a run failed, whose reasons are printed; 130 or 143 where it was interrupted.
    :raise ProgressiveTrainingError: nothing could be trained.
    """
    finished = [run.name for run in plan.runs if is_finished(directory, run)]
    unfinished = [run.name for run in plan.runs if run.name not in finished]
    with events_of(shown) as events:
        if events is not None:
            events.start(directory, runs=[run.name for run in plan.runs], finished=finished)
        elif not shown.quiet:
            print_text(f"{directory}: {len(plan.runs)} runs, {len(unfinished)} to train")

        def train(interrupted: Callable[[], bool]) -> Mapping[str, TaskEnd]:
            with display(unfinished, shown, events) as on_event:
                return run_study(
                    directory,
                    plan,
                    engine,
                    workers=workers,
                    strict=strict,
                    interrupted=interrupted,
                    on_event=on_event,
                )

        def left() -> list[str]:
            return [run.name for run in plan.runs if not is_finished(directory, run)]

        return carry_out(directory, train, left, shown, command, close, events)


def carry_out(
    directory: Path,
    train: Callable[[Callable[[], bool]], Mapping[str, TaskEnd]],
    left: Callable[[], list[str]],
    shown: Shown,
    command: Sequence[str],
    close: Closing,
    events: StudyEvents | None,
) -> int:
    """Call `train` until it ends or a signal stops it, close the study, and return the exit status, as `train_shown`.

    :param train: gets what asks whether to stop; returns how tasks ended. :param left: the names of what is not finished.
    :raise ProgressiveTrainingError: nothing could be trained.
    """
    resume = shlex.join([PROGRAM, *command])

    def ended(exit_status: int, page: Path | None = None) -> int:
        if events is not None:
            names = left()
            events.end(exit_status, directory, names, page=page, resume=resume if names else None)
        return exit_status

    interrupt = Event()
    with stop_signal(interrupt.set) as stop:
        try:
            ends = train(interrupt.is_set)
        except KeyboardInterrupt:
            print_error(f"stopped at once; go on from the last checkpoints with: {resume}")
            return ended(stop.exit_code)
        except ProgressiveTrainingError as error:
            if events is not None:
                events.error(error)
                ended(USER_ERROR)
            raise
    status = _status(ends, stop)
    page, text = close({name: _reason(end) for name, end in ends.items() if end.error is not None})
    if text and not shown.quiet and events is None:
        print_text(text)
    if any(end.status == "interrupted" for end in ends.values()):
        print_error(f"interrupted; go on with: {resume}")
    elif status:
        failed = sum(end.status != "finished" for end in ends.values())
        print_error(f"{failed} of {len(ends)} runs did not finish; try them again with: {resume}")
    if events is None and page is not None:
        show_page(page, to_open=shown.to_open)
    return ended(status, page)


def _status(ends: Mapping[str, TaskEnd], stop: StopSignal) -> int:
    """The exit status; each failed run's reason is printed."""
    status = 0
    for name, end in ends.items():
        if end.status == "failed":
            known = isinstance(end.error, ProgressiveTrainingError)
            if not known and end.error is not None:
                print_text("".join(traceback.format_exception(end.error)), sys.stderr)
            print_error(f"{name}: {'' if known else 'this is a bug: '}{_reason(end)}")
            status = max(status, USER_ERROR) if known and status != BUG else BUG
    return stop.exit_code if any(end.status == "interrupted" for end in ends.values()) else status


def _reason(end: TaskEnd) -> str:
    return str(end.error) if isinstance(end.error, ProgressiveTrainingError) else repr(end.error)


@contextmanager
def events_of(shown: Shown, what: str = "study") -> Iterator[StudyEvents | None]:
    """What writes events, None where none are wanted.

    :param what: as in `StudyEvents`.
    """
    if not shown.as_json:
        yield None
        return
    with stdout_for_events() as stream:
        yield StudyEvents(stream, what)


@contextmanager
def display(
    names: Sequence[str],
    shown: Shown,
    events: StudyEvents | None,
    about: str = "",
    warned: set[str] | None = None,
    values: Mapping[str, str] | None = None,
) -> Iterator[Callable[[TaskEvent], None]]:
    """What takes the events of the runs.

    :param about: a line below the table. :param warned: warnings that were printed; more are added. :param values: as in `TaskTable`.
    """
    seen = set[str]() if warned is None else warned
    if events is not None:
        yield _warned(events.on_event, seen)
    elif shown.quiet:
        yield _warned(lambda _: None, seen)
    else:
        sys.stdout.flush()
        with TaskTable(names, about=about, values=values or {}) as table:
            yield _warned(table.on_event, seen)


def _warned(on_event: Callable[[TaskEvent], None], seen: set[str]) -> Callable[[TaskEvent], None]:
    """`on_event`, but warnings of the runs are printed as those of a training are: all runs of a study may have the same one, which
    is printed once."""
    stderr = sys.stderr

    def take(event: TaskEvent) -> None:
        on_event(event)
        if event.kind == "progress" and event.line.startswith(PRINTED) and event.line not in seen:
            seen.add(event.line)
            with suppress(OSError):
                print_text(event.line, stderr)

    return take
