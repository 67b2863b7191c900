"""The documents name what is there: each hook with its exact arguments, and files that exist."""

import inspect
import re
from itertools import product
from pathlib import Path

import pytest

from progressive_core.contract import hookspecs

PLUGINS = (Path(__file__).parents[1] / "docs" / "PLUGINS.md").read_text()
HOOKS = [hook for _, hook in inspect.getmembers(hookspecs, inspect.isfunction) if hook.__module__ == hookspecs.__name__]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.__name__)
def test_every_hook_is_documented_with_its_signature(hook: object) -> None:
    arguments = ", ".join(inspect.signature(hook).parameters)  # type: ignore[arg-type]
    assert f"### `{hook.__name__}({arguments})`" in PLUGINS  # type: ignore[attr-defined]


def test_there_are_five_hooks() -> None:
    names = ["cleanup", "on_bucket_start", "on_episode_end", "on_run_end", "transfer"]
    assert sorted(hook.__name__ for hook in HOOKS) == names


def paths_in(text: str) -> list[str]:
    """Every path in backquotes that begins at the project's root, `a/{b,c}.py` as two."""
    found = []
    for path in re.findall(r"`((?:core|buckets|transfers|plugins|benchmarks|docs|examples|tests)/[^`\s]*)`", text):
        parts = [part.strip("{}").split(",") for part in re.findall(r"\{[^}]*\}|[^{}]+", path)]
        found += ["".join(chosen) for chosen in product(*parts)]
    return found


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "docs/GLOSSARY.md", "docs/PLUGINS.md"])
def test_the_files_that_a_document_names_are_there(document: str) -> None:
    root = Path(__file__).parents[1]
    named = paths_in((root / document).read_text())
    assert named
    assert [path for path in named if not (root / path).exists()] == []
