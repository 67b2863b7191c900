"""The content of the report: what it says is what the run's files and the other commands say."""

import hashlib
import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from progressive_front.cli import main
from progressive_training import read_run
from progressive_training.market import account_of

Document = dict[str, Any]


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """What a command prints as JSON."""

    def run(*words: str) -> Any:
        assert main([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def document_of(run: Path) -> Document:
    assert main(["report", str(run)]) == 0
    document: Document = json.loads((run / "report.json").read_bytes())
    return document


@pytest.fixture(scope="module")
def planted(planted_run: Path) -> Document:
    return document_of(planted_run)


@pytest.fixture(scope="module")
def idle(idle_run: Path) -> Document:
    return document_of(idle_run)


def test_performance_and_verdict_are_those_of_evaluate(
    planted: Document, planted_run: Path, shown: Callable[..., Any]
) -> None:
    results = shown("evaluate", str(planted_run))
    assert [bucket["name"] for bucket in planted["buckets"]] == [result["bucket"] for result in results]
    for bucket, result in zip(planted["buckets"], results, strict=True):
        judged = result["evaluation"]
        assert bucket["performance"] == {part: judged[part] for part in ("validation", "test")}
        same = ("edge", "t", "validation_t", "test_t", "trades", "warnings", "carriers")
        assert {key: bucket["verdict"][key] for key in same} == {key: judged[key] for key in same}
        assert bucket["verdict"]["reason"] == judged["verdict"]
        assert [bucket[key] for key in ("episodes", "best_episode", "seconds", "stopped")] == [
            result[key] for key in ("episodes", "best_episode", "seconds", "stopped")
        ]


def test_a_confirmed_edge_and_none_are_said_in_a_sentence(planted: Document, idle: Document) -> None:
    for bucket in planted["buckets"]:
        assert bucket["verdict"]["edge"] == "confirmed" and bucket["verdict"]["in_use"] == "trades"
        assert bucket["verdict"]["sentence"].startswith("An edge is confirmed: after costs its strategy made +")
    for bucket in idle["buckets"]:
        assert bucket["verdict"]["edge"] == "none" and bucket["verdict"]["in_use"].startswith("stays flat")
        assert bucket["verdict"]["sentence"].startswith("No edge is shown")
        assert bucket["verdict"]["needed_t"] == 3


def test_the_account_adds_up_to_the_performance(planted: Document, planted_run: Path) -> None:
    for bucket in planted["buckets"]:
        account = bucket["account"]
        assert [part["name"] for part in account["parts"]] == ["training", "validation", "test"]
        for part in ("validation", "test"):
            row, trades = bucket["performance"][part][0], account["trades"][part]
            assert account["costs"][part]["net"] == pytest.approx(row["profit"])
            assert account["costs"][part]["gross"] > account["costs"][part]["net"]
            assert list(account["exposure"][part].values()) == [
                row["long_share"],
                row["flat_share"],
                row["short_share"],
            ]
            assert sum(trades["reasons"].values()) == trades["count"] == sum(trades["histogram"]["counts"])
            assert trades["worst"] <= trades["median_profit"] <= trades["best"] and 0 <= trades["won"] <= 1
            months = [row for row in account["slices"] if (row["part"], row["by"]) == (part, "month")]
            assert sum(month["trades"] for month in months) == trades["count"]
        full = account_of(planted_run, bucket["name"])
        assert full is not None and len(account["slices"]) == len(full.slices)


def test_learning_features_and_the_naturalistic_parts(planted: Document, planted_run: Path) -> None:
    recorded = read_run(planted_run)
    for bucket in planted["buckets"]:
        learning, lines = bucket["learning"], recorded.episodes[bucket["name"]]
        assert learning["episodes"] == [line["episode"] for line in lines] and len(learning["score"]) == len(lines)
        assert learning["best"][-1] == max(learning["best"])
        shares = bucket["features"]
        for method in ("screened", "permuted", "combined"):
            assert sum(share[method] for share in shares) == pytest.approx(1, abs=1e-3)
        assert shares[0]["combined"] == max(share["combined"] for share in shares)
        assert -1 <= bucket["feature_agreement"] <= 1
        did = bucket["naturalistic"]
        assert did["lessons"]["count"] == sum(line["traces"]["lessons"]["count"] for line in lines)
        assert did["exploration"]["steps"][0]["rate"] == lines[0]["exploration"]
        assert did["recall"]["situations"] > 0
        assert all(part["sentence"].endswith(".") for part in did.values())


def test_transfers_are_grouped_by_offer(planted: Document, planted_run: Path) -> None:
    ledger = read_run(planted_run).ledger
    transfers = planted["transfers"]
    assert sum(len(offer["strategies"]) for offer in transfers["offers"]) == len(ledger)
    assert sum(transfers["counts"].values()) == len(ledger) and transfers["counts"]["kept"] > 0
    first = transfers["offers"][0]
    assert (first["source"], first["target"], first["phase"]) == ("Scalping", "Short", "initial")
    assert first["proof"]["gain"] > first["proof"]["error"] > 0
    kept = next(each for each in first["strategies"] if each["verdict"] == "kept")
    assert kept["gain"] == pytest.approx(100 * ((100 + kept["after"]) / (100 + kept["before"]) - 1))
    refused = [entry for entry in ledger if entry.verdict != "kept"]
    assert sum(each["count"] for each in transfers["reasons"]) == len(refused)


def test_reasons_that_differ_in_a_number_are_counted_together(idle: Document) -> None:
    reasons = [each["reason"] for each in idle["transfers"]["reasons"]]
    assert len(reasons) == len(set(reasons)) and not any(letter.isdigit() for letter in "".join(reasons))
    assert idle["transfers"]["missing"] is None  # nothing was taught, so that nothing is missing


def test_what_transfer_was_worth_comes_from_the_transfer_report(
    planted: Document, planted_run: Path, tmp_path: Path, shown: Callable[..., Any]
) -> None:
    transfers = planted["transfers"]
    assert transfers["worth"] is None and transfers["matrix"] is None
    assert [arm["bucket"] for arm in transfers["scratch"]] == ["Short"]
    assert "transfer-report" in transfers["missing"] and "--scratch-arms" not in transfers["missing"]
    run = shutil.copytree(planted_run, tmp_path / "run")
    shown("transfer-report", str(run))
    transfers = shown("report", str(run))["transfers"]
    assert transfers["missing"] is None
    assert [worth["taught_by"] for worth in transfers["worth"]][1] == ["Scalping"]
    assert transfers["matrix"]["buckets"] == ["Scalping", "Short"] and len(transfers["matrix"]["scores"]) == 3
    assert transfers["worth"][1]["scratch_score"] == transfers["scratch"][0]["score"]


def test_the_run_names_its_settings_with_their_meaning(idle: Document) -> None:
    settings = {(each["key"], each["bucket"]): each for each in idle["run"]["settings"]}
    assert settings["EPISODES", "Scalping"]["value"] == 3 and settings["EPISODES", "Scalping"]["default"] != 3
    assert settings["UPDATES_PER_EPISODE", None]["value"] == 5 and settings["UPDATES_PER_EPISODE", None]["meaning"]
    assert settings["FEE", None]["value"] == 0 and ("BORROW", None) not in settings
    assert idle["run"]["status"] == "finished" and idle["run"]["use"]["resume"] is None


def test_the_data_are_named_with_their_dates(idle: Document, idle_run: Path, planted: Document) -> None:
    file = idle_run.parent / "bars.csv"
    [data] = idle["run"]["data"]
    assert (data["setting"], data["file"], data["bytes"]) == ("DATA", str(file), file.stat().st_size)
    assert data["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest() and not data["synthetic"]
    times = [line.partition(",")[0] for line in file.read_text().splitlines()]
    assert [time.replace("T", " ") for time in (data["first"], data["last"])] == [times[1], times[-1]]
    [made] = planted["run"]["data"]
    assert made["synthetic"] and made["first"].startswith("2020-01-01T00:00:00")


def test_the_lines_that_reproduce_a_run_do(
    idle: Document, tmp_path: Path, shown: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    [line] = idle["run"]["reproduce"]
    again = tmp_path / "again"
    assert main([*shlex.split(line)[1:], "--run-dir", str(again), "-p", "no:console"]) == 0
    capsys.readouterr()
    # the seconds and the paths are of another run
    for bucket, result in zip(idle["buckets"], shown("evaluate", str(again)), strict=True):
        assert (
            bucket["performance"]["test"] == result["evaluation"]["test"] and result["evaluation"]["test"][0]["trades"]
        )
        assert bucket["verdict"]["t"] == result["evaluation"]["t"]


def test_the_lines_that_use_a_model_do(
    idle: Document, idle_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(idle_run.parent)
    exec(idle["run"]["use"]["python"], {})
    assert "flat" in capsys.readouterr().out
    assert main(shlex.split(idle["run"]["use"]["signal"])[1:]) == 0
    assert "Scalping" in capsys.readouterr().out


def test_the_file_is_what_the_command_shows_and_holds_no_number_that_is_not_json(
    idle_run: Path, shown: Callable[..., Any]
) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    document = shown("report", str(idle_run))
    assert json.loads((idle_run / "report.json").read_text(), parse_constant=refuse) == document
