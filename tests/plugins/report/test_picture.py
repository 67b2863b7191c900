"""The report: a picture at the end of a run, whatever the run's files look like."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from attrs import asdict, evolve
from structlog.testing import capture_logs

from progressive_plugins.metrics import read_metrics
from progressive_plugins.report.picture import draw
from progressive_plugins.report.picture_observer import PicturePlugin, write_picture
from progressive_training import Edge


def legend_of(figure: Any) -> list[str]:
    """The labels of the bars."""
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.fixture
def recorded(run: Any) -> Any:
    """A run whose metrics.jsonl holds 31 episodes of two buckets."""
    with (run.run_dir / "metrics.jsonl").open("w") as file:
        for bucket in ("Scalping", "Short"):
            for report in run.episodes(31):
                file.write(json.dumps(asdict(report) | {"bucket": bucket}) + "\n")
    return run


def test_the_picture_is_replaced_whole(recorded: Any) -> None:
    path = recorded.run_dir / "report.png"
    path.write_bytes(b"an older picture")
    write_picture(recorded.info(), recorded.results("Long"))
    assert path.read_bytes().startswith(b"\x89PNG")
    assert sorted(each.name for each in recorded.run_dir.iterdir()) == ["metrics.jsonl", "report.png"]


def test_it_shows_curves_transfers_and_baselines(recorded: Any) -> None:
    figure = draw(recorded.finished("Short").results, read_metrics(recorded.run_dir / "metrics.jsonl"))
    scalping, short, bars = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Scalping",
        "Short",
        "Net profit on test data, after costs (pale: stays flat in use)",
    ]
    assert short.get_title(loc="right") == "best +12.5 % at 20"
    curve = next(line for line in short.lines if len(line.get_xdata()) == 31)
    assert list(curve.get_ydata()) == [report.score for report in recorded.episodes(31)]
    marks = [(line.get_marker(), list(line.get_xdata())) for line in short.lines if line.get_marker() in "^vx"]
    assert marks == [("^", [0]), ("v", [0]), ("^", [10])]
    assert legend_of(figure) == [
        "model",
        "buy and hold",
        "ridge with no-trade band",
        "same positions shifted",
    ]
    assert "-2.4 %" in [text.get_text() for text in bars.texts]
    assert scalping.get_ylabel() == "score"


@pytest.mark.parametrize("finished", [1, 2, 4])
def test_a_verdict_stands_below_each_bar_and_nothing_is_cut_off(recorded: Any, finished: int) -> None:
    results = [recorded.result(name) for name in ("Scalping", "Short", "Medium", "Long")[:finished]]
    figure = draw(results, read_metrics(recorded.run_dir / "metrics.jsonl"))
    figure.savefig(io.BytesIO())  # a layout that does not fit warns here, and warnings are errors
    assert legend_of(figure) == [
        "model",
        "buy and hold",
        "ridge with no-trade band",
        "same positions shifted",
    ]
    for legend in figure.legends:
        box = legend.get_window_extent()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert figure.axes[-1].get_xticklabels()[0].get_text() == "Scalping\nno edge shown: stays flat"


def test_the_bar_of_a_model_that_will_not_trade_is_pale(recorded: Any) -> None:
    doubtful = recorded.result("Short")
    sound = evolve(
        recorded.result("Long"), evaluation=evolve(doubtful.evaluation, edge=Edge.CONFIRMED, trades="everywhere")
    )
    bars = draw([doubtful, sound], read_metrics(recorded.run_dir / "metrics.jsonl")).axes[-1]
    first, second = (patch.get_alpha() for patch in bars.containers[0])
    assert first < second == 1.0
    assert "pale: stays flat in use" in bars.get_title(loc="left")


def test_a_bucket_that_is_not_judged_yet_is_drawn_without_bars(recorded: Any) -> None:
    waiting = evolve(recorded.result("Short"), evaluation=None)
    figure = draw([recorded.result("Scalping"), waiting], read_metrics(recorded.run_dir / "metrics.jsonl"))
    titles = [label.get_text() for label in figure.axes[-1].get_xticklabels()]
    assert titles == ["Scalping\nno edge shown: stays flat", "Short\nnot judged yet"]


def test_what_a_reverse_transfer_added_is_told_apart_from_the_curve(recorded: Any) -> None:
    taught = recorded.result("Scalping", best_score=0.4)
    scalping = draw([taught], read_metrics(recorded.run_dir / "metrics.jsonl")).axes[0]
    assert scalping.get_title(loc="right") == "+12.5 % at 20, later +49.2 %"


def test_a_torn_line_scores_that_are_no_numbers_and_no_metrics_at_all(recorded: Any) -> None:
    path = recorded.run_dir / "metrics.jsonl"
    with path.open("a") as file:
        file.write(json.dumps({"bucket": "Short", "episode": 32, "score": None}) + "\n" + '{"bucket": "Sho')
    assert len(read_metrics(path)["Short"]) == 32
    write_picture(recorded.info(), recorded.results("Long"))
    path.unlink()
    write_picture(recorded.info(), recorded.results("Long"))
    assert (recorded.run_dir / "report.png").is_file()


def test_profits_beyond_all_measure_are_drawn(run: Any) -> None:
    result = run.result("Short", best_score=40.0)
    model, *others = result.evaluation.test
    rows = (evolve(model, log_return=40.0), *(evolve(row, log_return=float("-inf")) for row in others))
    huge = evolve(result, evaluation=evolve(result.evaluation, test=rows))
    write_picture(run.info(), (huge,))
    assert (run.run_dir / "report.png").is_file()


def test_a_run_that_ends_early_shows_the_buckets_it_finished(recorded: Any) -> None:
    PicturePlugin().on_run_end(recorded.info(), ())
    assert not (recorded.run_dir / "report.png").exists()
    PicturePlugin().on_run_end(recorded.info(), (recorded.result("Scalping"),))
    assert (recorded.run_dir / "report.png").is_file()


def test_without_matplotlib_one_line_says_how_to_get_it(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("progressive_plugins.report.picture_observer.find_spec", lambda name: None)
    with capture_logs() as logs:
        write_picture(run.info(), run.results("Long"))
    assert [entry["event"] for entry in logs] == [
        "no report.png: matplotlib is missing; pip install 'progressive-training[report]'"
    ]
    assert list(run.run_dir.iterdir()) == []


def test_the_global_state_of_matplotlib_is_left_alone(recorded: Any) -> None:
    assert importlib.util.find_spec("matplotlib") is not None
    before = "matplotlib.pyplot" in sys.modules
    write_picture(recorded.info(), recorded.results("Long"))
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_damaged_lines_are_left_out_of_the_picture(tmp_path: Path) -> None:
    whole = '{"bucket": "Short", "episode": 1, "score": 0.5}'
    odd = ["[]", "5", "[" * 100_000, '{"bucket": []}', '{"bucket": "Short", "episode": "x", "score": 1}', "\u0085", ""]
    odd += [
        '{"bucket": "Short", "episode": 2, "score": "x"}',
        '{"bucket": "Short", "episode": 2, "score": 1, "transfers": [5]}',
    ]
    path = tmp_path / "metrics.jsonl"
    path.write_text("\n".join([*odd, whole, *odd]), encoding="utf-8")
    assert [episode["score"] for episode in read_metrics(path)["Short"]] == [0.5]
