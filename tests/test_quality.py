"""The house rules that a program can hold: lint, types, layers, and a light public face."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import progressive_training

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "pandas", "pyarrow", "matplotlib")
PLUGINS = ("progressive_buckets", "progressive_market", "progressive_plugins", "progressive_transfers")
COMMAND = "from progressive_front.cli import main;"
COMMANDS = (
    [],
    ["study"],
    ["plugins"],
    ["runs"],
    ["evaluate"],
    ["signal"],
    ["download"],
    ["report"],
    ["transfer-report"],
    ["challenge"],
    ["export"],
    ["config"],
)


def passes(*python_arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, *python_arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_lint() -> None:
    passes("-m", "ruff", "check", "--no-cache", ".")


def test_format() -> None:
    passes("-m", "ruff", "format", "--no-cache", "--check", ".")


def test_types() -> None:
    passes("-m", "mypy", "--cache-dir", os.devnull)


def test_imports_run_one_way() -> None:
    passes("-c", "import sys, importlinter.cli as linter; sys.exit(linter.lint_imports(no_cache=True))")


def test_each_python_that_is_named_is_one_the_suite_is_run_under() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    versions = (ROOT / ".ci/versions").read_text("utf-8")
    named = {each.split()[-1] for each in project["classifiers"] if ":: Python :: 3." in each}
    assert named == set(re.findall(r"(?:lowest|highest):(3\.\d+)", versions))
    assert project["requires-python"] == f">={min(named)}"


def test_an_environment_that_does_not_exist_is_refused_before_any_is_made() -> None:
    done = subprocess.run(
        [ROOT / ".ci/versions", "lowest:3.11", "newest"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ".ci/versions: expected lowest:3.X or highest:3.X, got 'newest'\n"


def test_every_public_name_can_be_imported() -> None:
    for name in progressive_training.__all__:
        assert getattr(progressive_training, name) is not None
    assert set(progressive_training.__all__) <= set(dir(progressive_training))
    testing = import_module("progressive_training.testing")
    assert all(callable(getattr(testing, name)) for name in testing.__all__)
    presentation = import_module("progressive_training.presentation")
    assert all(hasattr(presentation, name) for name in presentation.__all__)


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'ProgressiveTrainers'"):
        _ = progressive_training.ProgressiveTrainers


@pytest.mark.parametrize(
    "code",
    [
        "import progressive_training",
        "import progressive_training.testing",
        "import progressive_training.presentation",
        f"{COMMAND} main(['plugins'])",
    ],
)
def test_the_face_stays_light(code: str, tmp_path: Path) -> None:
    assert not {*HEAVY} & imported_by(code, tmp_path)


@pytest.mark.parametrize(
    "code",
    ["import progressive_training", *(f"{COMMAND} main({[*words, '--help']})" for words in COMMANDS)],
)
def test_what_starts_a_command_imports_no_plugin_and_little_else(code: str, tmp_path: Path) -> None:
    imported = imported_by(code, tmp_path)
    assert not {*HEAVY, "attr", "pluggy", "rich", "structlog"} & imported
    assert not {name for name in imported if name.startswith(PLUGINS)}
    assert len(imported - imported_by("pass", tmp_path)) <= 110  # 60 are argparse's, pathlib's and typing's own


def imported_by(code: str, directory: Path) -> set[str]:
    """The modules that a fresh interpreter has loaded after `code`."""
    ending = "\nimport sys; print('', *sys.modules, sep='\\n', file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code + ending],
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.split())
