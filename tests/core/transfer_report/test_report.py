"""`progressive-training transfer-report RUN`: what it tells of buckets of any kind, and where it writes it."""

import json
import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from progressive_app.store.atomic_files import as_document
from progressive_front.cli import main
from progressive_studies.transfer_report.build import for_programs, transfer_report

RULES = (Path(__file__).parents[1] / "rule_bucket.py").read_text()
COPY = "from attrs import evolve; return evolve(target, weights=source.weights)"
LOOK = (
    "from attrs import evolve; shares = source.feature_importance; "
    "return evolve(target, weights={}, feature_importance=shares) if 'volume' in shares else None"
)


def reported(workshop: Any, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["transfer-report", str(workshop.directory / "run"), "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_a_taught_bucket_beside_its_scratch_arm(workshop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    workshop.strategy(COPY)
    workshop.trainer(EPISODES=20, TRANSFERS=("nudge",)).train_progressively(scratch_arms=True)
    told = reported(workshop, capsys)
    first, second = told["worths"]
    assert (first["taught_by"], second["taught_by"]) == ([], ["First"])
    assert len(second["curve"]) == len(second["scratch_curve"]) == 21
    untrained = 100 * math.expm1(-5.0)  # the line against 2 x + 1
    assert second["scratch_curve"][0] == pytest.approx(untrained)
    ahead = 1 + second["jumpstart"] / 100
    assert ahead > math.exp(4) and 1 + second["curve"][0] / 100 == pytest.approx(ahead * math.exp(-5))
    assert second["source_episodes"] == 20
    assert told["matrix"]["scores"][0] == pytest.approx([untrained, untrained])
    assert told["matrix"]["forward"] == pytest.approx(second["jumpstart"])
    proof = next(trial for trial in told["account"]["trials"] if trial["phase"] == "initial")
    assert proof["after"] == pytest.approx(second["curve"][0])
    assert not told["notes"]


def test_what_is_printed_of_it_fits_80_columns_and_arms_are_headed_as_such(
    workshop: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    workshop.strategy(COPY)
    workshop.trainer(EPISODES=20, TRANSFERS=("nudge",)).train_progressively(scratch_arms=True)
    run = workshop.directory / "run"
    capsys.readouterr()
    assert main(["transfer-report", str(run)]) == 0
    tables, _, written = capsys.readouterr().out.partition("written:")
    assert "taught" in tables.casefold() and str(run / "transfer.md") in written.split()
    assert max(map(len, tables.splitlines())) <= 80
    assert main(["evaluate", str(run / "scratch")]) == 0
    assert capsys.readouterr().out.startswith("Second (scratch arm): 20 episodes")
    assert main(["evaluate", str(run)]) == 0
    assert "scratch arm" not in capsys.readouterr().out


def test_a_bucket_without_a_network_stands_in_the_same_table(workshop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    workshop.install("ruler", buckets={"Rule": "rule_bucket:rule", "Ruled": "rule_bucket:ruled"}, rule_bucket=RULES)
    workshop.strategy(LOOK)
    trainer = workshop.trainer(SEQUENCE=("First", "Rule", "Ruled"), TRANSFERS=("nudge",))
    trainer.train_progressively(scratch_arms=True)
    told = reported(workshop, capsys)
    ruled = told["worths"][2]
    assert ruled["taught_by"] == ["Rule"]
    assert ruled["jumpstart"] == pytest.approx(100 * math.expm1(1.0))
    assert (ruled["episodes"], ruled["scratch_episodes"]) == (0.0, 3.0)
    assert ruled["episodes_with_sources"] == 4.0
    assert ruled["area_ratio"] == pytest.approx(4 / 1.5) and ruled["area_ratio_with_sources"] == pytest.approx(
        4.5 / 5.5
    )
    assert told["matrix"]["scores"][2][1:] == [None, None]  # no weights: its model fits no bucket, nor any of theirs it
    assert main(["transfer-report", str(workshop.directory / "run")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if line.startswith("Ruled")).split()[:5] == ["Ruled", "Rule", "+171.8", "%", "0"]


def test_it_is_written_beside_the_run(workshop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    workshop.trainer().train_progressively(scratch_arms=True)
    told = reported(workshop, capsys)
    run = workshop.directory / "run"
    assert json.loads((run / "transfer.json").read_text()) == told
    assert "| BUCKET | TAUGHT BY |" in (run / "transfer.md").read_text()
    assert (run / "transfer.png").exists() == (find_spec("matplotlib") is not None)


def test_without_arms_it_says_how_to_train_them_and_still_shows_the_rest(
    workshop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop.trainer().train_progressively()
    assert main(["transfer-report", str(workshop.directory / "run")]) == 0
    shown = capsys.readouterr().out
    assert f"--resume --run-dir {workshop.directory / 'run'} --scratch-arms" in shown
    assert "R-matrix" in shown and "Transfer took" in shown
    assert "nan" not in shown


def test_a_run_whose_bars_are_gone_still_shows_what_was_measured(
    workshop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (workshop.directory / "bars.csv").write_text("one")
    workshop.trainer(DATA=str(workshop.directory / "bars.csv")).train_progressively(scratch_arms=True)
    (workshop.directory / "bars.csv").unlink()
    told = reported(workshop, capsys)
    assert told["matrix"] is None and any(note.startswith("no R-matrix") for note in told["notes"])
    assert told["worths"][1]["scratch_curve"]


def test_what_the_ledger_tells_adds_up(workshop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    workshop.trainer().train_progressively()
    account, ledger = reported(workshop, capsys)["account"], workshop.ledger()
    counted = sum(each[key] for each in account["strategies"] for key in ("kept", "rolled_back", "skipped", "failed"))
    assert counted == len(ledger)
    spent = sum(line["seconds"] + line["proof_seconds"] + line["shared_seconds"] for line in ledger)
    assert account["proofs"] + account["tries"] + account["rest"] == pytest.approx(spent)
    assert 0 < spent < account["run_seconds"]


def test_for_programs_never_is_not_unknown(workshop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    workshop.strategy(COPY)
    workshop.trainer(EPISODES=20, TRANSFERS=("nudge",)).train_progressively(scratch_arms=True)
    report = transfer_report(workshop.directory / "run")
    first, second = report.worths
    slow = evolve(report, worths=(evolve(first, episodes=math.nan), evolve(second, episodes=math.inf)))
    told = json.loads(as_document(for_programs(slow)))
    assert [worth["episodes"] for worth in told["worths"]] == [None, "never"]


def test_a_run_whose_buckets_were_all_objects_has_a_report_without_the_matrix(
    workshop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop.install("later", later_bucket="from line_bucket import LineBucket")
    from later_bucket import LineBucket  # type: ignore[import-not-found]

    buckets = LineBucket("Own"), LineBucket("Other")
    workshop.trainer(plugins=buckets, SEQUENCE=("Own", "Other")).train_progressively()
    written = reported(workshop, capsys)
    assert written["matrix"] is None and any("no R-matrix" in note and "'Own'" in note for note in written["notes"])
