"""`download`: an exchange's bars into a file that `--data` reads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from progressive_app.exchanges.named_exchange import exchange_named
from progressive_app.machine.logs import configure_logging
from progressive_app.machine.terminal import print_text
from progressive_app.presentation.drawing import printable_console
from progressive_app.presentation.quantities import utc_text_of
from progressive_app.presentation.text_table import sentence
from progressive_core.contract.errors import ProgressiveTrainingError
from progressive_front.download.downloading import AskedDownload, Download, Downloaded, Reached
from progressive_front.signals import ending_signal

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SHOWN_GAPS = 3


def download_bars(exchange: str, asked: AskedDownload) -> int:
    """Fetch bars into a file, show how far that is, and what is in the file at the end.

    :return: the exit status: after Ctrl-C or SIGTERM that of a program that was stopped; what was fetched is in the file then, too.
    :raise ProgressiveTrainingError: it cannot be done, or not on; what was fetched until then is in the file.
    """
    configure_logging()
    with ending_signal() as ended:
        download = Download(exchange_named(exchange), asked)
        with download.file.held():
            try:
                with _progress(asked) as report:
                    download.fetch(report)
            except KeyboardInterrupt:
                _show(download.finish(), asked, "stopped; ")
                return ended.exit_code
            except ProgressiveTrainingError:
                kept = _finished_all_the_same(download)
                if kept is not None and kept.new:
                    _show(kept, asked, "ended early; ")
                raise
            _show(download.finish(), asked, "")
    return 0


def _finished_all_the_same(download: Download) -> Downloaded | None:
    try:
        return download.finish()
    except ProgressiveTrainingError:  # the first error says what is to be done
        return None


@contextmanager
def _progress(asked: AskedDownload) -> Iterator[Callable[[Reached], None]]:
    """What shows how far a download is: on a terminal a bar with the rate and the date reached, elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[reached]}  {task.fields[bars]:,} bars  {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    begun = datetime.now(UTC)
    with Progress(*columns, console=printable_console(stderr=True), transient=True) as shown:
        task = shown.add_task(asked.symbol, total=None, reached="asking", bars=0, rate=0)
        yield lambda reached: _advance(shown, task, reached, begun)


def _advance(shown: Progress, task: TaskID, reached: Reached, begun: datetime) -> None:
    values: dict[str, Any] = {
        "total": reached.end - reached.begin,
        "completed": reached.time - reached.begin,
        "reached": utc_text_of(reached.time),
        "bars": reached.bars,
        "rate": reached.bars / max((datetime.now(UTC) - begun).total_seconds(), 1e-3),
    }
    shown.update(task, **values)


def _show(done: Downloaded, asked: AskedDownload, how: str) -> None:
    if done.first is None or done.last is None:
        print_text(f"{how}no bars of {done.wanted} in that time; nothing is written")
        return
    span = f"from {utc_text_of(done.first)} to {utc_text_of(done.last)}"
    print_text(
        sentence(
            f"{how}{done.bars:,} bars of {done.wanted} {span} in {asked.out}, {done.new:,} of them new", indent="  "
        )
    )
    if done.gaps:
        missing = sum(count for _, count in done.gaps)
        named = ", ".join(f"{count:,} from {utc_text_of(time)}" for time, count in done.gaps[:SHOWN_GAPS])
        more = ", ..." * (len(done.gaps) > SHOWN_GAPS)
        print_text(sentence(f"gaps: {len(done.gaps):,}, {missing:,} bars missing: {named}{more}", indent="  "))
    if asked.since is not None and done.first >= asked.since + done.wanted.step:
        why = (
            "the exchange gives none before"
            if done.new == done.bars
            else "a file is continued at its end alone; a new one has what is before"
        )
        print_text(sentence(f"its first bar is later than --since {utc_text_of(asked.since)}: {why}", indent="  "))
