"""The documents name what is there: each hook with its exact arguments, and files that exist."""

import inspect
import re
from itertools import product
from pathlib import Path

import pytest

from progressive_core.contract import hookspecs

HOOKS_PAGE = (Path(__file__).parents[1] / "docs" / "plugins" / "hooks.md").read_text()
HOOKS = [hook for _, hook in inspect.getmembers(hookspecs, inspect.isfunction) if hook.__module__ == hookspecs.__name__]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.__name__)
def test_every_hook_is_documented_with_its_signature(hook: object) -> None:
    arguments = ", ".join(inspect.signature(hook).parameters)  # type: ignore[arg-type]
    assert f"## `{hook.__name__}({arguments})`" in HOOKS_PAGE  # type: ignore[attr-defined]


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


ROOT = Path(__file__).parents[1]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *(str(file.relative_to(ROOT)) for file in (ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_files_that_a_document_names_are_there(document: str) -> None:
    assert [path for path in paths_in((ROOT / document).read_text()) if not (ROOT / path).exists()] == []


def test_documents_name_files() -> None:
    assert len(paths_in("".join((ROOT / document).read_text() for document in DOCUMENTS))) > 100
