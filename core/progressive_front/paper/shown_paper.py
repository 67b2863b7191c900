"""An account as people and programs see it: a live view on a terminal, plain lines elsewhere, events of JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import asdict

from progressive_app.json_values import json_values
from progressive_app.machine.terminal import one_line, print_text
from progressive_app.presentation.quantities import utc_text
from progressive_app.presentation.text_table import MISSING, sentence
from progressive_front.paper.following import PaperState
from progressive_front.paper.paper_journal import PaperJournal

DAY = 86_400
"""Seconds."""


@contextmanager
def view_of(found: Any, source: str, journal: PaperJournal, *, as_json: bool) -> Iterator[Any]:
    """What shows the account of a found model on the bars of `source`."""
    if as_json:
        yield PaperEvents(found.bucket, source, journal)
    elif sys.stdout.isatty():
        with _live(found.bucket, source, journal) as view:
            yield view
    else:
        yield PaperLines(found.bucket, source, journal)


class PaperEvents:
    """An event a line, for programs."""

    def __init__(self, bucket: str, source: str, journal: PaperJournal) -> None:
        self._print(
            "begun", bucket=bucket, source=source, journal=str(journal.file), goes_on=bool(journal.rows), orders="none"
        )

    def bars(self, new: Sequence[Any], equities: Sequence[float], state: PaperState) -> None:
        for row, equity in zip(new, equities, strict=True):
            newest = row is new[-1]
            values = {**asdict(row), "time": iso_of(row.time), "equity": equity}
            self._print("bar", **values, reason=state.reason if newest else None)

    def warn(self, text: str) -> None:
        self._print("warning", text=text)

    def waiting(self, state: PaperState, now: int) -> None:
        """Nothing happens while waiting."""

    def ended(self, state: PaperState, picture: Path | None, again: str) -> None:
        """The account as it stands, its picture, and the command that goes on."""
        values = asdict(state.standing) if state.standing else {"bars": 0}
        self._print("ended", **values, picture=None if picture is None else str(picture), again=again)

    def _print(self, event: str, **values: Any) -> None:
        print_text(json.dumps(json_values({"event": event, **values})))


class PaperLines:
    """A line for each bar that closes, and one for all that were there before."""

    def __init__(self, bucket: str, source: str, journal: PaperJournal) -> None:
        goes_on = f", goes on after {len(journal.rows):,} bars" if journal.rows else ""
        self._print(f"{bucket} on {source}{goes_on}; no orders are sent; journal: {journal.file}")

    def bars(self, new: Sequence[Any], equities: Sequence[float], state: PaperState) -> None:
        at = state.standing
        if len(new) > 1:
            self._print(f"{len(new):,} bars from {moment(iso_of(new[0].time))} to {moment(at.until)}: {_gains(at)}")
        why = f" ({state.reason})" if state.reason else ""
        self._print(f"{moment(at.until)}  close {at.close:,.6g}  next: {at.action}{why}  equity {at.equity:.4f}")

    def warn(self, text: str) -> None:
        self._print(f"warning: {one_line(text)}")

    def waiting(self, state: PaperState, now: int) -> None:
        """Nothing is printed while waiting."""

    def ended(self, state: PaperState, picture: Path | None, again: str) -> None:
        """The account as it stands, its picture, and the command that goes on."""
        self._print(summary(state, picture, again))

    def _print(self, text: str) -> None:
        print_text("\n".join(sentence(line, indent="  ") for line in text.split("\n")))


def summary(state: PaperState, picture: Path | None, again: str) -> str:
    """What an account came to, and how it goes on."""
    at = state.standing
    if at is None:
        return f"no bar to decide on yet; does --from lie behind the newest closed bar?\ngo on: {again}"
    lines = [
        f"{_count(at.bars, 'bar')} since {moment(at.since)}: {_gains(at)}, now {at.action}",
        *_known(at),
        *([] if picture is None else [f"picture: {picture}"]),
        f"go on: {again}",
    ]
    return "\n".join(lines)


def _known(at: Any) -> list[str]:
    if not at.known:
        return []
    return [
        f"warning: {at.known:,} of them are of the time that the model was trained, chosen and judged on; only later ones say anything new"
    ]


def _gains(at: Any) -> str:
    return f"{_count(at.trades, 'trade')}, equity {at.equity:.4f} (buy and hold {at.hold:.4f})"


def _count(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def moment(text: str) -> str:
    """An ISO time, for people."""
    return utc_text(text)


def iso_of(time: int) -> str:
    """ISO text of nanoseconds since 1970, UTC, to the second."""
    return datetime.fromtimestamp(time // 10**9, UTC).isoformat().replace("+00:00", "Z")


@contextmanager
def _live(bucket: str, source: str, journal: PaperJournal) -> Iterator[Any]:
    from rich.live import Live

    from progressive_app.presentation.drawing import printable_console

    console = printable_console(highlight=False)
    view = PaperScreen(bucket, source, journal)
    with Live(console=console, auto_refresh=False, redirect_stderr=True) as live:
        view.live = live
        yield view
    if view.closing:
        print_text(view.closing)


class PaperScreen:
    """A panel that is drawn anew each second."""

    def __init__(self, bucket: str, source: str, journal: PaperJournal) -> None:
        self._title, self._journal = f"{bucket} on paper: {source}", journal
        self._warnings: list[str] = []
        self.live: Any = None
        self.closing = ""

    def bars(self, new: Sequence[Any], equities: Sequence[float], state: PaperState) -> None:
        self._draw(state, None)

    def warn(self, text: str) -> None:
        self._warnings = [*self._warnings[-2:], f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {one_line(text)}"]

    def waiting(self, state: PaperState, now: int) -> None:
        self._draw(state, now)

    def ended(self, state: PaperState, picture: Path | None, again: str) -> None:
        self._draw(state, None)
        self.closing = summary(state, picture, again)

    def _draw(self, state: PaperState, now: int | None) -> None:
        self.live.update(fitted(self.live.console, self._title, state, self._warnings, now), refresh=True)


def fitted(console: Any, title: str, state: PaperState, warnings: Sequence[str], now: int | None) -> Any:
    """The view of an account with as much as a terminal has rows for: first the oldest decisions give way, then the newest warnings, then
    the last facts."""
    facts, notes = _facts(state, now), _notes(state, warnings)
    fewer = [(len(facts), len(notes), count) for count in range(len(state.rows), -1, -1)]
    fewer += [(len(facts), count, 0) for count in range(len(notes) - 1, -1, -1)]
    fewer += [(count, 0, 0) for count in range(len(facts) - 1, 0, -1)]
    for told, noted, recent in fewer:
        shown = _panel(title, facts[:told], state.rows[len(state.rows) - recent :], notes[:noted])
        if len(console.render_lines(shown)) < console.height:
            break
    return shown


def _panel(title: str, facts: Sequence[tuple[str, Any]], rows: Sequence[Any], notes: Sequence[str]) -> Any:
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    for fact in facts:
        table.add_row(*fact)
    recent = Table(box=None, padding=(0, 2), header_style="dim")
    for head in ("BAR", "CLOSE", "ACTION"):
        recent.add_column(head)
    for row in rows:
        recent.add_row(moment(iso_of(row.time)), f"{row.close:,.6g}", row.action)
    newest: list[Any] = [Text(""), recent] if rows else []
    yellow = [Text(note, style="yellow") for note in notes]
    below = Text("no orders are sent; Ctrl-C ends", style="dim")
    return Panel(Group(table, *newest, *yellow), title=Text(title), subtitle=below, width=80)


def _facts(state: PaperState, now: int | None) -> list[tuple[str, Any]]:
    """Where an account stands."""
    from rich.text import Text

    at = state.standing
    if at is None:
        return [("no bar to decide on yet", "")]
    entry = MISSING if at.entry is None else f"{at.entry:,.6g} at {moment(at.entered)}"
    colour = {"long": "green", "short": "red"}.get(at.position, "default")
    counted = f"{_count(at.bars, 'bar')} since {moment(at.since)}"
    facts: list[tuple[str, Any]] = [
        ("position", Text.assemble((at.position, f"bold {colour}"), f", entered {entry}" if at.entry else "")),
        ("from the next open", Text.assemble((at.action, "bold"), f" ({state.reason})" if state.reason else "")),
        ("equity", f"{at.equity:.4f} after {_count(at.trades, 'trade')}; buy and hold {at.hold:.4f}"),
        ("newest bar", f"{moment(at.until)}, close {at.close:,.6g}, {counted}"),
    ]
    if state.closes is not None:
        left = "" if now is None else f", {_countdown(state.closes - now)}"
        facts.append(("next bar closes", f"{moment(iso_of(state.closes))}{left}"))
    return facts


def _notes(state: PaperState, warnings: Sequence[str]) -> list[str]:
    """What is amiss, each once."""
    known = [] if state.standing is None else _known(state.standing)
    return [*dict.fromkeys([*known, *(f"warning: {text}" for text in warnings)])]


def _countdown(nanoseconds: int) -> str:
    seconds = round(abs(nanoseconds) / 1e9)
    if seconds >= DAY:
        return f"{'in' if nanoseconds > 0 else 'late by'} {_count(seconds // DAY, 'day')}"
    clock = f"{seconds // 3600:d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"in {clock}" if nanoseconds >= 0 else f"late by {clock}"
