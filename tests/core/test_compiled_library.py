"""A library is used with the C files that it was made of alone."""

import shutil
from pathlib import Path

import pytest
import structlog

from progressive_app.machine.compiled_library import PASSES, library_file
from progressive_app.machine.environment import environment_here
from progressive_market.passes import market_passes
from progressive_training import ConfigError, compiled_library


@pytest.mark.skipif(
    market_passes.library() is None, reason="installed without compiled passes: no C compiler was there"
)
def test_a_library_of_other_sources_is_left_unused_and_named(tmp_path: Path) -> None:
    source = Path(shutil.copytree(Path(market_passes.__file__).parent, tmp_path / "passes")) / "market_passes.c"
    with structlog.testing.capture_logs() as logs:
        assert compiled_library(source, {}) is not None
        source.write_text(source.read_text("utf-8") + "\n", "utf-8")
        assert compiled_library(source, {}) is None
    assert [each["event"] for each in logs] == [
        "market_passes.c has changed since it was compiled: torch is used instead; install again"
    ]


@pytest.mark.parametrize("content", [b"", b"not a library"])
def test_a_library_that_is_damaged_is_left_unused_and_named(content: bytes, tmp_path: Path) -> None:
    source = tmp_path / "own.c"
    source.touch()
    library_file(source, "base").write_bytes(content)
    with structlog.testing.capture_logs() as logs:
        assert compiled_library(source, {}) is None
    (line,) = [each["event"] for each in logs]
    assert line.startswith("own.c has a library that cannot be loaded (")


def test_without_a_library_nothing_is_said(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        assert compiled_library(tmp_path / "own.c", {}) is None
    assert logs == []


def test_the_manifest_says_whether_passes_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    used = market_passes.library() is not None
    assert ("compiled passes" in environment_here("cpu", ()).processor) == used
    monkeypatch.setattr(
        "progressive_app.machine.environment.library_file", lambda source, _: source.with_suffix(".absent")
    )
    assert "compiled passes" not in environment_here("cpu", ()).processor
    monkeypatch.undo()
    monkeypatch.setenv(PASSES, "torch")
    assert "compiled passes" not in environment_here("cpu", ()).processor


def test_an_unknown_way_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSES, "trch")
    with pytest.raises(ConfigError, match=r"'trch', expected compiled or torch or graph"):
        compiled_library(tmp_path / "own.c", {})
