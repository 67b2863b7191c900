"""The report of a run whose files are damaged, or a stranger's: all that can be read, or one line that names the file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from progressive_front.cli import main


@pytest.fixture
def run(idle_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(idle_run, tmp_path / "copy"))


@pytest.mark.parametrize("file", ["account.json", "trades.parquet", "equity.parquet", "slices.parquet"])
@pytest.mark.parametrize("content", [b"", b"[]", b"PAR1" * 30])
def test_a_damaged_account_is_left_out_with_a_warning(
    run: Path, capsys: pytest.CaptureFixture[str], file: str, content: bytes
) -> None:
    (run / "accounts/Short" / file).write_bytes(content)
    assert main(["report", str(run), "--json"]) == 0
    captured = capsys.readouterr()
    buckets = {bucket["name"]: bucket for bucket in json.loads(captured.out)["buckets"]}
    assert buckets["Short"]["account"] is None and buckets["Scalping"]["account"] is not None
    assert "accounts/Short" in captured.err and "damaged" in captured.err
    assert (run / "report.html").is_file()


def change_lines(file: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(change(line)) + "\n" for line in lines))


MATRIX = {"buckets": ["Scalping", "Short"], "scores": [[0, 1], [1, 2], [3]], "forward": 0, "backward": 0}


def odd_matrix(run: Path) -> None:
    (run / "transfer.json").write_text(json.dumps({"format": 2, "worths": [], "matrix": MATRIX}))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda run: change_lines(run / "metrics.jsonl", lambda line: {**line, "score": "much"}), "metrics.jsonl"),
        (lambda run: change_lines(run / "ledger.jsonl", lambda line: {**line, "strategy": 5}), "ledger.jsonl"),
    ],
    ids=["metrics", "ledger"],
)
def test_other_damage_is_named(
    run: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None], named: str
) -> None:
    damage(run)
    assert main(["report", str(run)]) == 2
    assert named in capsys.readouterr().err


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (odd_matrix, "transfer.json"),
        (lambda run: (run / "transfer.json").write_text("[]"), "transfer.json"),
        (lambda run: (run / "challenge.json").write_text('{"part": "validation"'), "challenge.json"),
        (lambda run: (run / "challenge.json").write_text('{"part": "test", "test_reads": 1}'), "challenge.json"),
    ],
)
def test_what_a_command_left_damaged_is_left_out_with_a_warning(
    run: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None], named: str
) -> None:
    damage(run)
    assert main(["report", str(run), "--json"]) == 0
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert "the report leaves out what `" in line and named in line
    document = json.loads(captured.out)
    assert document["challenge"] is None and document["transfers"]["matrix"] is None
    assert (run / "report.html").is_file()


@pytest.mark.parametrize("text", ["\ud800", "</script><b>", "\0", "\u202e" * 5_000, "\"'`"])
def test_any_text_may_be_a_name(run: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    facts = run / "accounts/Short/account.json"
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "symbol": text, "source": text}))
    change_lines(run / "ledger.jsonl", lambda line: {**line, "reason": text})
    assert main(["report", str(run)]) == 0
    assert capsys.readouterr().err == ""
    page = (run / "report.html").read_text("utf-8")
    assert "</script><b>" not in page
