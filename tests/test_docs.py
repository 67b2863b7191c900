"""The documentation of the hooks names each one with its exact arguments."""

import inspect
from pathlib import Path

import pytest

from progressive_core.contract import hookspecs

PLUGINS = (Path(__file__).parents[1] / "docs" / "PLUGINS.md").read_text()
HOOKS = [hook for _, hook in inspect.getmembers(hookspecs, inspect.isfunction) if hook.__module__ == hookspecs.__name__]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.__name__)
def test_every_hook_is_documented_with_its_signature(hook: object) -> None:
    arguments = ", ".join(inspect.signature(hook).parameters)  # type: ignore[arg-type]
    assert f"### `{hook.__name__}({arguments})`" in PLUGINS  # type: ignore[attr-defined]


def test_there_are_four_hooks() -> None:
    assert sorted(hook.__name__ for hook in HOOKS) == ["cleanup", "on_bucket_start", "on_episode_end", "transfer"]
