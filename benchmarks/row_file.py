"""The rows of a benchmark that goes on where it stopped, a JSON line each, and the table of what they come to beside the targets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from attrs import asdict
from rich.console import Console
from rich.table import Table

Line = tuple[str, str, str, bool | None]
"""What is measured, the target, what was reached, and whether that is enough (None where there is no target)."""


class _Row(Protocol):
    @property
    def task(self) -> Any: ...


R = TypeVar("R", bound=_Row)
T = TypeVar("T")


def rows_of(file: Path | None, kind: type[R], task: type[Any]) -> list[R]:
    """The rows written so far, of a `kind` whose first field is a `task`."""
    lines = file.read_text().splitlines() if file is not None and file.exists() else []
    values = [json.loads(line) for line in lines]
    return [kind(**{**each, "task": task(**each["task"])}) for each in values]


def write(file: Path, row: Any) -> None:
    """Add a row to the file."""
    with file.open("a") as out:
        out.write(json.dumps(asdict(row)) + "\n")


def missing(tasks: Sequence[T], known: Sequence[_Row]) -> list[T]:
    """The tasks that have no row yet."""
    done = {row.task for row in known}
    return [task for task in tasks if task not in done]


def show(title: str, lines: Sequence[Line], console: Console) -> None:
    """Print the table."""
    table = Table(title=title)
    for column in ("measure", "target", "reached", ""):
        table.add_column(column, justify="left" if column == "measure" else "right")
    for measure, target, reached, enough in lines:
        verdict = "" if enough is None else "[green]pass[/]" if enough else "[red]FAIL[/]"
        table.add_row(measure, target, reached, verdict)
    console.print(table)
