"""The history of the benchmarks: what is kept of a run, what is not, and that a slow-down is seen."""

import json
import os
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from mkdocs.exceptions import PluginError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """With a file of its own, as if no test ran."""
    module = import_module("history")
    monkeypatch.setattr(module, "HISTORY", tmp_path / "history.json")
    monkeypatch.setattr(module, "SET_BY_A_TEST", "SET_BY_NOBODY")
    return module


def test_a_run_is_kept_with_commit_and_processor(history: ModuleType) -> None:
    history.record("peers.py --parts throughput", {"ours, fp32": 13.84249, "of nothing": 0.0}, "more")
    history.record("report.py", {"of a default run": 0.021}, "less")
    one, other = json.loads(history.HISTORY.read_text())
    assert (one["command"], one["ratios"]) == ("peers.py --parts throughput", {"ours, fp32": 13.84})
    assert one["commit"] == history.commit_of(ROOT) == other["commit"]
    assert one["processor"] and one["day"] and one["better"] == "more"
    assert [each.command for each in history.read_history(history.HISTORY)] == [one["command"], other["command"]]


def test_nothing_is_kept_while_a_test_runs(
    history: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(history, "HISTORY", tmp_path / "history.json")
    history.record("report.py", {"of a default run": 0.021}, "less")
    assert not history.HISTORY.exists()


def test_a_changed_checkout_is_marked_and_a_folder_without_git_has_no_commit(
    history: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, "somebody")
    checkout = tmp_path / "checkout"
    (checkout / "benchmarks").mkdir(parents=True)
    assert history.commit_of(checkout) == "unknown"
    (checkout / "code.py").write_text("")
    (checkout / "benchmarks/history.json").write_text("")
    assert os.system(f"cd {checkout} && git init -q && git add . && git commit -q -m first") == 0
    (checkout / "benchmarks/history.json").write_text("[]")
    clean = history.commit_of(checkout)
    assert len(clean) >= 7 and "+" not in clean
    (checkout / "code.py").write_text("print()")
    assert history.commit_of(checkout) == clean + "+"


GOOD = {
    "command": "peers.py",
    "commit": "abcdef0",
    "day": "2026-01-02",
    "processor": "A processor",
    "load": 1.0,
    "better": "more",
    "ratios": {"ours <fp32>": 20.0},
}


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ("[\n<<<<<<< HEAD\n", "Expecting value: line 2"),
        ("{}", "a list"),
        (json.dumps([{**GOOD, "ratios": {"x": "fast"}}]), "expected a number"),
        (json.dumps([{**GOOD, "ratios": {"x": 0}}]), "above 0"),
        (json.dumps([GOOD, {key: value for key, value in GOOD.items() if key != "commit"}]), "commit is missing"),
    ],
)
def test_a_damaged_file_is_named_in_one_line_and_left_alone(
    history: ModuleType, held: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    history.HISTORY.write_text(held)
    history.record("report.py", {"of a default run": 0.021}, "less")
    (line,) = capsys.readouterr().err.splitlines()
    assert str(history.HISTORY) in line and told in line and "git checkout" in line
    assert history.HISTORY.read_text() == held
    with pytest.raises(PluginError, match="is damaged"):
        history.on_page_markdown(history.MARK)


@pytest.mark.parametrize(("better", "newest"), [("more", 15.0), ("less", 26.0)])
def test_a_slow_down_is_seen_and_what_another_processor_did_is_none(
    history: ModuleType, better: str, newest: float
) -> None:
    rows = [
        {**GOOD, "better": better},
        {**GOOD, "better": better, "commit": "abcdef1", "ratios": {"ours <fp32>": newest}},
    ]
    history.HISTORY.write_text(json.dumps(rows))
    slower = history.on_page_markdown(f"above {history.MARK} below")
    assert slower.startswith("above ") and slower.endswith(" below")
    assert "ours &lt;fp32&gt;" in slower and "abcdef1" in slower and ", worse</strong>" in slower
    history.HISTORY.write_text(json.dumps([rows[0], {**rows[1], "processor": "Another"}]))
    assert ", worse" not in history.on_page_markdown(history.MARK)
    history.HISTORY.write_text(json.dumps([{**rows[0], "load": 10.2}, rows[1]]))
    assert ", worse" not in history.on_page_markdown(history.MARK)  # a busy machine is no measure for an idle one


def test_what_is_committed_can_be_read_and_is_of_benchmarks_that_there_are() -> None:
    history = import_module("history")
    scripts = {entry.command.split()[0] for entry in history.read_history(history.HISTORY)}
    assert {script for script in scripts if not (ROOT / "benchmarks" / script).is_file()} == set()


def test_what_peers_prints_is_what_is_kept() -> None:
    stepping, gymnasium, throughput = (
        import_module(f"rivals.{name}") for name in ("stepping", "gymnasium_steps", "throughput")
    )
    paces = [stepping.Pace(name, rates) for name, rates in (("a", (1.0, 1.0)), ("b", (2.0, 4.0)), ("c", (6.0, 8.0)))]
    assert stepping.ratios(paces) == {"c": 2.5}
    assert gymnasium.ratios(paces[:2]) == {"b": 3.0}
    use = import_module("rivals.workers").Use(100.0, 1.0)
    baseline, ours = throughput.peers()[0], throughput.own()[-1]
    speeds = [throughput.Speed(ours, 1, (900.0,), use)]
    assert throughput.ratios(speeds) == {}
    speeds += [throughput.Speed(baseline, threads, (rate,), use) for threads, rate in ((1, 100.0), (2, 90.0))]
    assert throughput.ratios(speeds) == {"ours, bf16, threads 1": 9.0}
