"""The end of a training on the command line: the last line names the report that the run wrote, and --open shows it."""

import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from progressive_front.cli import main
from progressive_front.report_page import show_page

WRITER = """
from progressive_training import hookimpl

@hookimpl
def on_run_end(run, results):
    if results:
        (run.run_dir / "report.html").write_text("<html>")
"""
RUN = ["--run-dir", "run", "--sequence", "First,Second", "--episodes", "3", "--device", "cpu", "-p", "no:report"]


@pytest.fixture
def train(workshop: Any, install: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    install("pages", plugins={"pages": "pages_writer"}, pages_writer=WRITER)
    monkeypatch.chdir(workshop.directory)
    return lambda *words: main([*RUN, *words])


def test_the_last_line_names_the_page(train: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert train() == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"report: {Path('run/report.html')}"


def test_a_name_that_breaks_lines_is_named_on_one(capsys: pytest.CaptureFixture[str]) -> None:
    show_page(Path("two\nlines/report.html"), to_open=False)
    assert capsys.readouterr().out == "report: two\\nlines/report.html\n"


def test_a_run_that_writes_none_has_no_such_line(train: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert train("-p", "no:pages") == 0
    assert "report:" not in capsys.readouterr().out


def test_a_page_of_an_earlier_end_is_not_named(train: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert train() == 0
    capsys.readouterr()
    assert main(["--resume", "--run-dir", "run", "-p", "no:report", "-p", "no:pages"]) == 0
    assert "report:" not in capsys.readouterr().out


def test_a_run_that_fails_after_a_bucket_names_its_page_too(
    train: Callable[..., int], install: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    failing = """
    from progressive_training import hookimpl
    @hookimpl
    def on_bucket_start(bucket):
        if bucket.name == "Second":
            raise ValueError("no luck")
    """
    install("failing", plugins={"failing": "failing"}, failing=failing)
    assert train() == 2
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1] == f"report: {Path('run/report.html')}" and "no luck" in shown.err


@pytest.mark.parametrize("screen", [True, False])
def test_open_shows_it_where_there_is_a_screen(
    train: Callable[..., int], screen: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    if screen:
        monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", lambda url: not opened.append(url))
    assert train("--open") == 0
    assert opened == ([(Path.cwd() / "run/report.html").as_uri()] if screen else [])
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1].startswith("report: ") and ("no browser" in shown.err) != screen
