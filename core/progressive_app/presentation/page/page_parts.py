"""The style, the templates and the content policy that every page has."""

from __future__ import annotations

import hashlib
import json
import math
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from progressive_app.presentation.quantities import bytes_text, number, share_text, time_text, utc_text
from progressive_app.presentation.verdicts import shown_t
from progressive_core.contract.errors import printable
from progressive_core.contract.evaluation import Edge, Evaluation
from progressive_core.contract.profit import percent_text

if TYPE_CHECKING:
    from jinja2 import Environment

MISSING = "-"
"""A number that is not known."""
ALLOWED = "\n\t\N{NO-BREAK SPACE}"
"""What a page may hold beside what can be printed."""
_FOLDER = Path(__file__).parent


def page_style() -> str:
    """The style sheet of every page."""
    return (_FOLDER / "static" / "page.css").read_text("utf-8")


def content_policy(*scripts: str) -> str:
    """What a browser lets a page do: run these scripts and no others, and load nothing, whatever a name or a reason holds."""
    hashes = (b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii") for script in scripts)
    allowed = " ".join(f"'sha256-{each}'" for each in hashes) or "'none'"
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:"


def page_environment(folder: Path) -> Environment:
    """Jinja2's environment for the templates in `folder` and those that all pages share (`macros.html`).

    Whatever is not from a template is escaped: names and reasons may be a stranger's. Its filters write numbers as every other
    screen does.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from progressive_app.presentation.page.kept_templates import KeptTemplates

    environment = Environment(
        loader=FileSystemLoader([folder, _FOLDER / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=KeptTemplates(),
        finalize=_finalized,
    )
    environment.filters |= {
        "percent": lambda value: percent_text(_known(value)),
        "share": lambda value, digits=0: share_text(_known(value), digits),
        "decimal": lambda value, digits=1: number(_known(value), digits),
        "whole": lambda value: MISSING if value is None else f"{value:,.0f}",
        "duration": lambda seconds: MISSING if seconds is None else time_text(seconds),
        "size": bytes_text,
        "utc": utc_text,
        "unbroken": _unbroken,
        "json": json.dumps,
        "length_of_bar": _length_of_bar,
        "edge_t": _edge_t,
        "day": lambda time: str(time)[:10],
    }
    return environment


def _finalized(value: Any) -> Any:
    """What a template shows of a stranger's text: a right-to-left override could have a name read as another one."""
    if not isinstance(value, str) or hasattr(value, "__html__"):  # that of a template is as it is to be
        return value
    return "".join(each if each in ALLOWED else printable(each) for each in value) if not value.isprintable() else value


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _edge_t(verdict: Mapping[str, Any]) -> str:
    """The t of a verdict in the document, as it is shown everywhere."""
    return number(
        shown_t(Evaluation(validation=(), test=(), verdict="", edge=Edge(verdict["edge"]), t=verdict["t"])), 1
    )


def _unbroken(text: str) -> str:
    """The text with each number kept beside its per cent sign."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _length_of_bar(seconds: float) -> str:
    """1 h, 5 min, 2 days."""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            count = int(seconds // length)
            return f"{count} {'day' if (count, unit) == (1, 'days') else unit}"
    return f"{seconds:g} s"
