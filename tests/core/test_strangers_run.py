"""A run from a stranger is refused in one line, and has nothing outside itself read or written."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from progressive_app.store.documents import read_json_lines
from progressive_app.store.models import read_knowledge
from progressive_app.store.progress import read_progress
from progressive_app.store.run_documents import read_manifest
from progressive_app.store.run_store import RunStore
from progressive_core.contract.errors import ModelError, RunError
from progressive_core.contract.evaluation import Evaluation, Performance
from progressive_core.contract.names import is_name
from progressive_core.contract.records import BucketResult, EpisodeReport, Knowledge, LedgerEntry, Model, State
from progressive_front.cli import main

ODD_NAMES = (
    "../x",
    "/etc",
    "a/b",
    "con",
    "NUL",
    "",
    ".",
    "..",
    "x" * 65,
    "a\0b",
    "a\nb",
    "Scalping ",
    "-rf",
    "ä",
    None,
    1,
)
ROW = Performance(
    strategy="model", log_return=0.1, sharpe=0.0, drawdown=0.0, turnover=0.0, trades=0, long=0, flat=1, short=0, t=0.0
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with one finished bucket and one in training, in the working directory's `runs`."""
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "runs" / "one"
    manifest = {"started": "2026", "sequence": ["Scalping", "Short"], "teachers": [], "data": {"file": None}}
    store = RunStore.create(directory, {"SEED": 1}, manifest)
    weights = {"weight": torch.zeros(3)}
    known = Knowledge(origin="Scalping", weights=weights, feature_importance={"volume": 1.0}, horizons={6: 0.1})
    path = store.save_model("Scalping", Model(tensors=weights, card={}), known)
    episode = EpisodeReport(
        episode=1,
        score=0.1,
        best_score=0.1,
        best_episode=1,
        loss=0.0,
        exploration=0.1,
        exploration_cause="start",
        transitions=1,
        trades=0,
    )
    store.record_episode("Scalping", episode)
    store.record_transfer(
        LedgerEntry(
            strategy="weights", source="A", target="Scalping", phase="initial", episode=0, verdict="kept", reason=""
        )
    )
    store.finish_bucket(
        BucketResult(
            bucket="Scalping",
            episodes=1,
            stopped="",
            best_score=0.1,
            best_episode=1,
            seconds=1.0,
            model_path=path,
            evaluation=Evaluation(validation=(ROW,), test=(ROW,), verdict="no edge shown"),
        )
    )
    store.save_checkpoint("Short", 1, State(tensors={"weight": torch.zeros(3)}, values={}), seconds=1.0, keep=3)
    store.close()
    return directory


def change(file: Path, change_in: Callable[[Any], None]) -> None:
    value = json.loads(file.read_text())
    value.pop("sha256", None)  # a stranger leaves it out, or makes it anew
    change_in(value)
    file.write_text(json.dumps(value))


def refused_everywhere(run: Path, capsys: pytest.CaptureFixture[str], expected: str, status: str = "damaged") -> None:
    """By every command that opens the run, in one line that names it; `runs` lists it with its `status`."""
    refused_by_readers(run, capsys, expected, status)
    assert main(["--resume", "--run-dir", str(run)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line


def refused_by_readers(run: Path, capsys: pytest.CaptureFixture[str], expected: str, status: str = "damaged") -> None:
    """By every command but one that trains."""
    for command in (["evaluate", str(run)], ["transfer-report", str(run)]):
        assert main(command) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        (line,) = captured.err.splitlines()
        assert expected in line
    assert main(["runs", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["status"], expected in listed["reason"]) == (status, status == "damaged")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_what_would_lead_elsewhere_is_no_name(name: object) -> None:
    assert not is_name(name)


@given(st.text())
def test_a_name_is_one_plain_component_of_a_path(text: str) -> None:
    if is_name(text):
        assert Path(text).parts == (text,)


@pytest.mark.parametrize(
    "file", [".lock", "log.jsonl", "metrics.jsonl", "models", "cache", "models/Scalping/card.json"]
)
@pytest.mark.parametrize("where", ["a file", "nowhere"])
def test_a_link_out_of_the_run_is_not_followed(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, where: str
) -> None:
    secret = tmp_path / "secret"
    if where == "a file":
        secret.write_text("mine")
    path = run / file
    if path.exists():
        path.rename(tmp_path / "aside")
    path.symlink_to(secret)
    opened_by_the_list = file == ".lock"
    refused_everywhere(run, capsys, f"runs/one/{file}", "damaged" if opened_by_the_list else "interrupted")
    if where == "a file":
        assert secret.read_text() == "mine"
    else:
        assert not secret.exists()


def test_a_pipe_in_a_run_makes_nobody_wait(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("metrics.jsonl", "manifest.json"):
        (run / name).unlink()
        os.mkfifo(run / name)
        refused_everywhere(run, capsys, f"runs/one/{name}", "damaged" if name == "manifest.json" else "interrupted")
        (run / name).unlink()


def test_a_link_within_the_run_and_to_the_run_will_do(run: Path) -> None:
    (run / "latest").symlink_to("models/Scalping")
    (run.parent / "mine").symlink_to(run)
    assert read_progress(run.parent / "mine").results[0].bucket == "Scalping"


@pytest.mark.parametrize("name", ["../x", "/etc", "a/b", "con", "", "a\0b", "x" * 300])
@pytest.mark.parametrize(
    "put",
    [
        lambda state, name: state["results"][0].update(bucket=name),
        lambda state, name: state["versions"].update({name: 1}),
        lambda state, name: state.update(bucket=name),
        lambda state, name: state.update(checkpoint=name),
    ],
    ids=["result", "version", "bucket", "checkpoint"],
)
def test_a_name_in_the_state_that_leads_elsewhere_is_refused(
    run: Path, put: Callable[[Any, str], None], name: str
) -> None:
    change(run / "state.json", lambda state: put(state, name))
    with pytest.raises(RunError, match=r"state\.json: .*expected"):
        read_progress(run)


@pytest.mark.parametrize("name", ["../x", "/etc", "a/b"])
@pytest.mark.parametrize("key", ["sequence", "teachers"])
def test_a_name_in_the_manifest_that_leads_elsewhere_is_refused(run: Path, key: str, name: str) -> None:
    change(
        run / "manifest.json", lambda manifest: manifest.update({key: [name] if key == "sequence" else [["/", name]]})
    )
    with pytest.raises(RunError, match=r"manifest\.json: .* is no name of a bucket"):
        read_manifest(run)


WRONG = st.sampled_from([None, True, -1, 10**30, 1e400, "x", [], {}, [None], {"a": []}, [["a"]], "../x"])


@given(key=st.sampled_from(["status", "episode", "versions", "lengths", "seconds", "results"]), wrong=WRONG)
def test_a_state_of_other_types_is_refused_by_key(
    tmp_path_factory: pytest.TempPathFactory, key: str, wrong: object
) -> None:
    directory = tmp_path_factory.mktemp("run")
    RunStore.create(directory, {}, {"started": "", "sequence": ["Scalping"]}).close()
    change(directory / "state.json", lambda state: state.update({key: wrong}))
    try:
        read_progress(directory)
    except RunError as error:
        assert key in str(error) or "episodes" in str(error)
        assert "\n" not in str(error)


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000, "\\", '{"a": 1', "[]", "\udc80"])
def test_what_is_no_json_object_is_refused(run: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    (run / "state.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    refused_by_readers(run, capsys, "state.json")
    store = RunStore.open(run)
    store.close()
    assert "state.json" in store.repaired
    assert "resuming from episode 1 of Short" in store.repaired


def test_a_line_of_other_types_is_refused_by_its_number(run: Path) -> None:
    ledger = run / "ledger.jsonl"
    for line in ('{"verdict": 1}', "[]", '"kept"', "[" * 100_000):
        ledger.write_text(f"{ledger.read_text().splitlines()[0]}\n{line}\n\n")
        with pytest.raises(RunError, match="line 2"):
            read_json_lines(ledger, LedgerEntry)


@pytest.mark.parametrize(
    "knowledge",
    [None, {}, {"weights": ["absent"]}, {"weights": "weight"}, {"horizons": {"x": 1}}, {"horizons": {"6": []}}],
)
def test_a_card_that_does_not_say_what_it_teaches_is_refused(run: Path, knowledge: Any) -> None:
    store = RunStore.open(run)
    taught = {"weights": ["weight"], "feature_importance": {}, "horizons": {}, **knowledge} if knowledge else knowledge
    store.save_model("Short", Model(tensors={"weight": torch.zeros(3)}, card={}), Knowledge(origin="Short"))
    store.close()
    from progressive_app.store.tensors import write_tensors

    file = run / "models" / "Short" / "model.safetensors"
    write_tensors(file, {"weight": torch.zeros(3)}, {"version": 1, "knowledge": taught})
    with pytest.raises(ModelError, match="its card is damaged"):
        read_knowledge(run, "Short")


def test_a_terminal_obeys_nothing_in_a_strangers_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(
        run / "state.json", lambda state: state["results"][0]["evaluation"].update(verdict="\x1b]0;owned\x07\nno edge")
    )
    assert main(["evaluate", str(run)]) == 0
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert r"\x1b]0;owned\x07 no edge" in told


@pytest.mark.parametrize("name", ["metrics.jsonl", "card.json", "versions/0001/card.json"])
def test_a_directory_in_the_place_of_a_file_is_told(run: Path, name: str) -> None:
    path = run / name if name.endswith("l") else run / "models" / "Scalping" / name
    path.unlink()
    path.mkdir()
    with pytest.raises(RunError, match=name):
        RunStore.open(run)
    assert not list(run.rglob("*.partial"))


def test_a_directory_in_the_place_of_the_lock_is_told(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / ".lock").unlink()
    (run / ".lock").mkdir()
    with pytest.raises(RunError, match=r"\.lock: the run cannot be locked"):
        RunStore.open(run)
    change(run / "state.json", lambda state: state.update(status="training"))
    assert main(["runs"]) == 0
    assert ".lock: not a file" in capsys.readouterr().out


def test_a_device_that_is_none_is_told_with_its_file(run: Path) -> None:
    change(run / "manifest.json", lambda manifest: manifest.update(device="../x"))
    with pytest.raises(RunError, match=r"manifest\.json: damaged \(device is"):
        read_manifest(run)


def test_a_report_that_cannot_be_written_leaves_nothing_in_part(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "transfer.md").mkdir()
    assert main(["transfer-report", str(run)]) == 2
    assert "transfer.md: the report cannot be written" in capsys.readouterr().err
    assert not list(run.rglob("*.partial"))


@pytest.mark.parametrize("name", ["../x", "/etc", "a/b", "con", " ", "..", "x" * 5000, "a\nb", "\udc80"])
@pytest.mark.parametrize("flags", [["--bucket"], ["--sequence"], ["--bucket", "Long", "--transfer"], ["-p"]])
def test_no_name_on_the_command_line_becomes_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flags: list[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*flags, name]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert len(line) < 1000
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_a_pipe_makes_nobody_wait_who_is_taught_by_it(run: Path, tmp_path: Path) -> None:
    file = run / "models/Scalping/model.safetensors"
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(RunError, match="neither a file nor a directory"):
        RunStore.create(
            tmp_path / "two", {}, {"started": "", "sequence": ["Scalping"], "teachers": [[str(run), "Scalping"]]}
        )
