"""The ratios that benchmarks printed, by commit and processor, and the page that draws them, so that a slow-down is seen.

A benchmark that has measured in full calls `record`, which adds an entry to `benchmarks/history.json`; it is committed like
code. Only ratios are kept: both halves of one were measured in the same minutes, so that another machine or another program
changes it less than a time. mkdocs calls `on_page_markdown`.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Literal

from attrs import asdict, frozen

from progressive_app.machine.durable_files import replacing
from progressive_app.machine.environment import environment_here
from progressive_app.quoting import show
from progressive_app.store.validated import validated

ROOT = Path(__file__).resolve().parents[1]
HISTORY = Path(__file__).with_name("history.json")
MARK = "<!-- history -->"
"""Where the page has the tables."""
SET_BY_A_TEST = "PYTEST_CURRENT_TEST"
"""A variable of pytest's, which every program that a test starts inherits."""
NOISE = 0.1
"""A ratio that is worse than the best by a larger share is marked."""
SPARE = 1.0
"""So many more processes may have wanted a processor where the best was measured: on a busier machine both halves of a ratio suffer."""
WIDTH, HEIGHT, MARGIN = 180, 30, 4
"""Of a line in a table, in pixels."""
Better = Literal["more", "less"]


class HistoryError(ValueError):
    """The file of the history cannot be read; the text is one line."""


@frozen(kw_only=True)
class Entry:
    """What one `command` printed: `ratios` by their names, of which `better` says whether more is better or less.

    `commit` ends with + where files differed from it. `load` is how many processes wanted a processor in the minute before.
    """

    command: str
    commit: str
    day: str
    processor: str
    load: float
    better: Better
    ratios: dict[str, float]


def record(command: str, ratios: Mapping[str, float], better: Better) -> None:
    """Add what a benchmark measured to the history, unless a test runs it. A history that is damaged, or cannot be written,
    stays as it is, and one line on stderr says so: the figures have been printed already."""
    if SET_BY_A_TEST in os.environ:
        return
    entry = Entry(
        command=command,
        commit=commit_of(ROOT),
        day=datetime.now(UTC).date().isoformat(),
        processor=environment_here("cpu", ()).processor,
        load=round(os.getloadavg()[0], 1),
        better=better,
        ratios={name: float(f"{ratio:.4g}") for name, ratio in ratios.items() if _is_ratio(ratio)},
    )
    try:
        lines = [json.dumps(asdict(each)) for each in (*read_history(HISTORY), entry)]
        with replacing(HISTORY) as (path,):
            path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    except (HistoryError, OSError) as error:
        print(f"{error}; the ratios of this run were not added", file=sys.stderr)


def commit_of(checkout: Path) -> str:
    """The commit of a checkout, with + where its files differ; "unknown" where it is none."""
    if not (checkout / ".git").exists():
        return "unknown"
    git = ["git", "-C", str(checkout)]
    head = subprocess.run([*git, "rev-parse", "--short=7", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S603
    others = ["--", ".", f":(exclude)benchmarks/{HISTORY.name}"]  # the benchmark before this one changed it
    same = subprocess.run([*git, "diff", "--quiet", "HEAD", *others], capture_output=True, check=False)  # noqa: S603
    return (head.stdout.strip() or "unknown") + "+" * (same.returncode == 1)


def read_history(file: Path) -> tuple[Entry, ...]:
    """All entries, oldest first; none where no file is there.

    :raise HistoryError: it holds something else. :raise OSError: it cannot be read.
    """
    if not file.exists():
        return ()
    try:
        entries = validated(json.loads(file.read_bytes()), tuple[Entry, ...], "entries")
        wrong = [name for entry in entries for name, ratio in entry.ratios.items() if not _is_ratio(ratio)]
        if not wrong:
            return entries
        fault = f"{show(wrong[0])} is expected to be above 0"
    except (ValueError, RecursionError) as error:
        fault = " ".join(f"{error}".split())
    raise HistoryError(f"{file} is damaged: {fault}; mend it, or bring back the committed one: git checkout {file}")


def _is_ratio(value: float) -> bool:
    return math.isfinite(value) and value > 0


def tables(entries: Sequence[Entry]) -> str:
    """A section for each command with a table for each processor as HTML: each ratio through the commits, the newest beside the
    one before and the best. Every line is drawn so that it falls where a ratio gets worse."""
    parts = []
    for command in dict.fromkeys(entry.command for entry in entries):
        parts.append(f"## `python benchmarks/{escape(command)}`\n")
        own = [entry for entry in entries if entry.command == command]
        parts += [
            _table([entry for entry in own if entry.processor == processor])
            for processor in dict.fromkeys(entry.processor for entry in own)
        ]
    return "\n".join(parts)


def _table(entries: Sequence[Entry]) -> str:
    first, last = entries[0], entries[-1]
    names = dict.fromkeys(name for entry in reversed(entries) for name in entry.ratios)
    heads = ("ratio", "worse is lower", "newest", "before", "of the best", "commit", "load")
    return (
        f"<p>{escape(first.processor)}; {last.better} is better</p>\n"
        f"<table><thead><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr></thead><tbody>\n"
        + "\n".join(_row(name, [entry for entry in entries if name in entry.ratios]) for name in names)
        + "\n</tbody></table>\n"
    )


def _row(name: str, entries: Sequence[Entry]) -> str:
    newest = entries[-1]
    heights = [math.log(entry.ratios[name]) * (1 if entry.better == "more" else -1) for entry in entries]
    pairs = zip(heights, entries, strict=True)
    best = max(height for height, entry in pairs if entry.load <= newest.load + SPARE)
    of_best = math.exp(heights[-1] - best)
    worse = of_best < 1 - NOISE
    before = f"{entries[-2].ratios[name]:.3g}" if len(entries) > 1 else ""
    cells = (
        escape(name),
        _line(heights, [f"{entry.commit}, {entry.day}: {entry.ratios[name]:.3g}" for entry in entries], worse),
        f"<strong>{newest.ratios[name]:.3g}</strong>",
        before,
        f"<strong>{of_best:.2f}, worse</strong>" if worse else f"{of_best:.2f}",
        f'<span title="{escape(newest.day)}">{escape(newest.commit)}</span>',
        f"{newest.load:.1f}",
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _line(heights: Sequence[float], labels: Sequence[str], worse: bool) -> str:
    """A line as SVG with a dot for each entry, which says its figure when pointed at."""
    low, high = min(heights), max(heights)
    across = (WIDTH - 2 * MARGIN) / max(1, len(heights) - 1)
    up = (HEIGHT - 2 * MARGIN) / ((high - low) or 1.0)
    points = [
        (f"{MARGIN + number * across:.1f}", f"{HEIGHT - MARGIN - (height - low) * up:.1f}")
        for number, height in enumerate(heights)
    ]
    color = "#d55e00" if worse else "#0072b2"
    dots = "".join(
        f'<circle cx="{x}" cy="{y}" r="2.5"><title>{escape(label)}</title></circle>'
        for (x, y), label in zip(points, labels, strict=True)
    )
    path = " ".join(",".join(point) for point in points)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" style="min-width:{WIDTH}px" '
        f'role="img" fill="{color}" stroke="{color}"><polyline points="{path}" fill="none" stroke-width="1.6"/>{dots}</svg>'
    )


def on_page_markdown(markdown: str, **_: object) -> str:
    """The page with the tables at its mark: the event of this name of mkdocs."""
    if MARK not in markdown:
        return markdown
    from mkdocs.exceptions import PluginError

    try:
        return markdown.replace(MARK, tables(read_history(HISTORY)))
    except HistoryError as error:
        raise PluginError(f"{error}") from None  # mkdocs says it in one line
