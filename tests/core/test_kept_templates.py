"""Templates of pages are compiled once, and no page fails for what is kept of them."""

import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest

from progressive_training.presentation import page_environment


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "page.html").write_text("{{ 0.25|percent }} of {{ name }}")
    return tmp_path


def page(folder: Path) -> str:
    return page_environment(folder).get_template("page.html").render(name="<all>")


def files(folder: Path) -> list[Path]:
    return [each for each in (folder / "cache").rglob("*") if each.is_file()]


def test_a_template_is_compiled_once(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = page(kept)

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(jinja2.Environment, "compile", never)
    assert first == page(kept) == "+0.2 % of &lt;all&gt;"


def test_a_changed_template_is_seen(kept: Path) -> None:
    page(kept)
    (kept / "page.html").write_text("another of {{ name }}")
    assert page(kept) == "another of &lt;all&gt;"


@pytest.mark.parametrize("damage", [b"", b"damaged", None])
def test_a_damaged_file_is_compiled_again(kept: Path, damage: bytes | None) -> None:
    first = page(kept)
    (file,) = files(kept)
    file.write_bytes(file.read_bytes()[:-30] if damage is None else damage)
    assert page(kept) == first


def test_nothing_is_kept_where_nothing_can_be_written(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (kept / "cache").write_text("a file")
    assert page(kept).endswith("&lt;all&gt;")
    (kept / "cache").unlink()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert page(kept).endswith("&lt;all&gt;") and not files(kept)
