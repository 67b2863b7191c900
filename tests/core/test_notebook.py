"""A notebook: a cell that trains shows the run below it, and results are tables with a chart."""

import json
import re
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from progressive_front.from_python.line_chart import Line, line_chart
from progressive_training import ProgressiveTrainer

SETTINGS = {
    "SYNTHETIC_BARS": 6_000,
    "UPDATES_PER_EPISODE": 4,
    "EPISODES": 3,
    "DEVICE": "cpu",
    "SEQUENCE": ["Scalping", "Short"],
}
TRAIN = f"""
from progressive_training import ProgressiveTrainer
trainer = ProgressiveTrainer(settings={SETTINGS!r})
models = trainer.train_progressively()
"""
QUIET = f"ProgressiveTrainer(settings={SETTINGS!r} | dict(SEQUENCE=['Short']), plugins=['no:console']).train_progressively()"
LINES = f"ProgressiveTrainer(print, settings={SETTINGS!r} | dict(SEQUENCE=['Short'])).train_progressively();"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[list[dict[str, Any]]]:
    """What stands below each cell of a notebook that was executed."""
    sources = [TRAIN, "trainer", "trainer.results", "trainer.results['Short']", QUIET, LINES]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    directory = tmp_path_factory.mktemp("notebook")
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=str(directory))
    return [cell.outputs for cell in notebook.cells]


def html_of(outputs: list[dict[str, Any]]) -> list[str]:
    return [output["data"]["text/html"] for output in outputs if "text/html" in output.get("data", {})]


def test_a_cell_that_trains_shows_each_bucket_in_place_and_then_the_results(outputs: Any) -> None:
    scalping, short, closing = html_of(outputs[0])
    assert "[1/2] Scalping ends after 3 episodes" in scalping
    assert "[2/2] Short ends after 3 episodes" in short
    assert "net profit on test" in closing
    assert "\x1b" not in json.dumps(outputs[0])
    (plain,) = [output["data"]["text/plain"] for output in outputs[0][-1:]]
    assert "net profit on test" in plain


def test_results_are_a_table_with_the_verdicts_and_a_chart(outputs: Any) -> None:
    (html,) = html_of(outputs[2])
    assert re.search(r"Scalping</th><td[^>]*><span[^>]*>(no edge shown|edge confirmed|implausible)", html)
    assert html.count("<polyline") == 3  # both strategies, and buy and hold
    (one,) = html_of(outputs[3])
    assert one.startswith("<p><b>Short</b>: ")
    assert one.count("<table>") == one.count("<polyline") == 2
    assert "buy and hold" in one


def test_a_trainer_says_what_it_trains(outputs: Any) -> None:
    (shown,) = (output["data"]["text/plain"] for output in outputs[1])
    assert re.fullmatch(r"<ProgressiveTrainer: Scalping, Short on a synthetic market, in .*runs\S+>", shown)


def test_a_notebook_without_the_console_or_with_a_callback_shows_no_picture(outputs: Any) -> None:
    assert html_of(outputs[4]) == html_of(outputs[5]) == []
    printed = "".join(output["text"] for output in outputs[5] if output.get("name") == "stdout")
    assert "Short: episode 3 of 3, score" in printed


def test_a_trainer_outside_a_notebook_has_no_console(tmp_path: Path) -> None:
    trainer = ProgressiveTrainer(settings=SETTINGS | {"DATA": None}, run_dir=tmp_path / "mine")
    assert repr(trainer) == f"<ProgressiveTrainer: Scalping, Short on a synthetic market, in {tmp_path / 'mine'}>"
    assert "console" not in trainer._plugins
    assert trainer.results._repr_html_() == "<p>no bucket is finished yet</p>"


def test_a_bucket_without_an_account_has_the_curve_of_its_scores(workshop: Any) -> None:
    trainer = workshop.trainer()
    trainer.train_progressively()
    html = trainer.results["First"]._repr_html_()
    assert "score by episode" in html
    assert "equity" not in html + trainer.results._repr_html_()


def test_a_chart_leaves_out_what_is_no_number_and_escapes_names() -> None:
    line = Line(name="a < b", x=[0.0, 1.0, 2.0], y=[0.0, float("nan"), 1.0], color="#000")
    svg = line_chart("title & more", [line], [(0.0, "0.0 %")], ("first", "last"))
    (points,) = re.findall(r'points="([^"]*)"', svg)
    assert len(points.split()) == 2
    assert "a &lt; b" in svg
    assert "title &amp; more" in svg
    assert line_chart("", [Line(name="one", x=[1.0], y=[1.0], color="#000")], [], ("", "")) == ""
