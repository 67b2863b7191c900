"""The page's templates."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from progressive_training.presentation import page_environment

if TYPE_CHECKING:
    from jinja2 import Environment, Template

FOLDER = Path(__file__).parent / "templates"


def template(name: str) -> Template:
    """Return one of the templates."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    return page_environment(FOLDER)
