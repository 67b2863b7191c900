"""A library is used with the C files that it was made of alone."""

import shutil
from pathlib import Path

import pytest
import structlog

from progressive_app.machine.compiled_library import library_file
from progressive_market.passes import market_passes
from progressive_training import compiled_library


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
