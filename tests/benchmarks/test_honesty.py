"""The honesty table runs, keeps its results, and its counts and marks are what they say."""

import json
import math
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

QUICK = ["--quick", "--processes", "1"]


@pytest.fixture
def measures() -> ModuleType:
    return import_module("honesty_measures")


@pytest.fixture
def runs() -> ModuleType:
    return import_module("honesty_runs")


def result(runs: ModuleType, piece: str, *rows: dict[str, object], **task: object) -> object:
    return runs.Result({"piece": piece, **task}, list(rows), 1.0)


def row(arm: str, bucket: str, validation_t: float = 0.0, test_t: float = 0.0, **more: object) -> dict[str, object]:
    base = {"arm": arm, "bucket": bucket, "edge": "none", "degenerate": False, "kept": [], "curve": [0.0]}
    return base | {"validation_t": validation_t, "test_t": test_t} | more


def test_what_was_run_is_in_the_table_and_not_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With this checkout as the one before: the same trainings, so the same figures."""
    checkout = str(Path(__file__).resolve().parents[2])
    asked = [*QUICK, "--pieces", "planted_minute", "--out", str(tmp_path), "--before", checkout]
    import_module("honesty").main(asked)
    first = capsys.readouterr().out
    assert first.count("took") == 2
    assert "planted 1 m: claims" in first and "driftless" not in first
    now, before = ((tmp_path / name).read_text() for name in ("now.jsonl", "before.jsonl"))
    assert json.loads(now)["rows"] == json.loads(before)["rows"]
    import_module("honesty").main(asked)
    assert capsys.readouterr().out.count("took") == 0
    assert (tmp_path / "now.jsonl").read_text() == now


def test_pieces_without_their_real_bars_are_left_out_with_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [*QUICK, "--pieces", "real_hour", "--out", str(tmp_path), "--data", str(tmp_path)]
    assert import_module("honesty").main(asked) == 0
    assert f"no binance_btcusdt_1h.parquet in {tmp_path}: real_hour is left out" in capsys.readouterr().out


def test_an_unknown_piece_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        import_module("honesty").main(["--pieces", "luck"])
    assert "unknown piece luck; known are walks" in capsys.readouterr().err


def test_a_task_that_fails_is_reported_and_tried_again(
    runs: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runner = runs.Runner(runs.HERE.parent, tmp_path, processes=1, quick=True)
    runner.run([{"piece": "weak", "kind": "no such edge", "strength": 1.0, "seed": 1}], tmp_path / "now.jsonl")
    assert "FAILED" in capsys.readouterr().out
    assert runs.read(tmp_path / "now.jsonl") == []


def test_every_piece_has_as_many_trainings_as_the_targets_ask_for() -> None:
    pieces = import_module("honesty_pieces")
    counts = {name: len(pieces.tasks_of(name)) for name in pieces.PIECES}
    assert counts["walks"] * 4 == 480 and counts["walks"] * 3 == 360
    assert counts["weak"] * 4 == 52
    assert (counts["real_hour"], counts["planted_minute"]) == (12, 8)
    tasks = [json.dumps(task) for name in pieces.PIECES for task in pieces.tasks_of(name)]
    assert len(set(tasks)) == len(tasks)
    assert all(json.loads(task).get("seed", 9000) >= 9000 for task in tasks)


@pytest.mark.parametrize("kind", ["plain", "garch", "heavy tails", "clusters"])
def test_nothing_foretells_a_walk(kind: str) -> None:
    bars = import_module("honesty_markets").walk_bars(kind, 1, 20_000)
    returns = np.diff(np.log(bars.close))
    assert returns.std() == pytest.approx(0.006, rel=0.25)
    shown = [returns[:-1], np.log(bars.volume)[1:-1], *(column[1:-1] for column in bars.extra.values())]
    assert max(abs(np.corrcoef(values, returns[1:])[0, 1]) for values in shown) < 0.04
    sizes = np.abs(returns)
    clustered = np.corrcoef(sizes[:-1], sizes[1:])[0, 1] > 0.05
    assert clustered == (kind in {"garch", "clusters"})


def test_weak_edges_are_there_for_who_knows_the_rule() -> None:
    markets = import_module("honesty_markets")
    bars = markets.weak_bars("AR(1)", 0.1, 1, 20_000)
    returns = np.diff(np.log(bars.close))
    assert np.corrcoef(returns[:-1], returns[1:])[0, 1] == pytest.approx(0.1, abs=0.03)
    bars = markets.weak_bars("hour of day", 5e-4, 1, 20_000)
    angle = np.arctan2(bars.extra["hour_sine"], bars.extra["hour_cosine"])[:-1]
    drift = np.sqrt(2) * np.sin(angle + 1.0)
    assert np.mean(drift * np.diff(np.log(bars.close))) == pytest.approx(5e-4, rel=0.3)


def test_minutes_are_a_minute_apart_and_the_column_shows_what_comes() -> None:
    bars = import_module("honesty_markets").fine_bars(1e-4, 1, 20_000)
    assert set(np.diff(bars.time)) == {bars.interval} == {60 * 10**9}
    assert np.corrcoef(bars.extra["view"][:-1], np.diff(np.log(bars.close)))[0, 1] > 0.08


def test_an_interval_holds_the_share_and_narrows(measures: ModuleType) -> None:
    assert measures.wilson(0, 480) == (0.0, pytest.approx(0.0079, abs=1e-4))
    assert measures.wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)  # as Newcombe 1998 has it
    assert measures.mean_error([[1.0, 3.0], [4.0]]) == (3.0, 1.0)
    assert math.isnan(measures.mean_error([[1.0]])[1])


def test_walks_count_chains_and_their_taught_buckets(measures: ModuleType, runs: ModuleType) -> None:
    rows = [
        row("taught", "Scalping", edge="confirmed", kept=["reverse reverse"]),
        row("taught", "Short", 1.0, kept=["periodic weights", "initial weights"]),
        row("taught", "Medium", 2.0, kept=["reverse reverse"]),
        row("scratch", "Short", 0.5),
        row("scratch", "Medium", 2.1),
    ]
    results = {"walks": [result(runs, "walks", *rows, seed=seed) for seed in (1, 2)]}
    assert not measures.walk_claims(results).met
    assert measures.walk_claims(results).words.startswith("2 of 6")
    kept = measures.noise_kept(results)
    assert kept.words.startswith("2 of 4") and "weights 2; taught back 4" in kept.words and not kept.met
    assert measures.taught_gain("validation_t", 0.15)(results).words == "+0.20 ± 0.00; where kept +0.50 ± 0.00"


def test_the_new_rule_is_held_against_the_old_on_the_same_trainings(measures: ModuleType, runs: ModuleType) -> None:
    both = row("scratch", "Short", 3.5, 2.5, edge="confirmed")
    new = row("scratch", "Short", 2.5, 2.5, edge="confirmed")
    results = {"weak": [result(runs, "weak", both, both, both, both, new)]}
    assert measures.weak_found(results).met
    results = {"weak": [result(runs, "weak", both, both, both, both, row("scratch", "Short", 2.5, 2.5))]}
    assert not measures.weak_found(results).met


def test_a_leak_that_is_neither_named_nor_doubted_is_left(measures: ModuleType, runs: ModuleType) -> None:
    def leak(edge: str, named: str, kind: str) -> object:
        return result(runs, "leaks", {"named": named, "edge": edge}, bars="1 h", kind=kind, variant=0)

    caught = [leak("none", "a column", "label"), leak("implausible", "", "rare")]
    assert measures.caught("1 h")({"leaks": caught}).met
    left = measures.caught("1 h")({"leaks": [*caught, leak("confirmed", "", "level")]})
    assert not left.met and "left: level (1: CLAIMED)" in left.words
    alarms = {"alarms": [leak("none", "", "honest"), leak("implausible", "", "honest")]}
    assert measures.false_alarms(alarms).words.startswith("1 of 2")


def test_a_head_start_counts_the_first_episodes(measures: ModuleType, runs: ModuleType) -> None:
    taught = row("taught", "Short", curve=[1.0] * 20)
    scratch = row("scratch", "Short", curve=[0.0] * 5 + [1.0] * 15)
    assert measures.hard_start({"hard": [result(runs, "hard", taught, scratch)]}).words.startswith("2.00")
