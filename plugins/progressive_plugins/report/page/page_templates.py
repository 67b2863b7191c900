"""The page's templates, and how they write numbers: as every other screen does."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from progressive_training import Edge, Evaluation
from progressive_training.presentation import bytes_text, number, percent_text, share_text, shown_t, time_text, utc_text

if TYPE_CHECKING:
    from jinja2 import Environment, Template

MISSING = "-"
"""A number that is not known."""
FOLDER = Path(__file__).parent / "templates"


def template(name: str) -> Template:
    """Return one of the templates."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    """Whatever is not from a template of ours is escaped: names and reasons may be a stranger's."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
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
