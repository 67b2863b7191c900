"""`report`: a run's report made again, of whatever run: a stranger's buckets, old, interrupted, damaged or no run at all."""

import errno
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from progressive_app.machine import durable_files
from progressive_core.engine.run import Interrupted
from progressive_front.cli import main
from progressive_training import hookimpl

NUDGE = "from attrs import evolve; return evolve(target, weights=source.weights)"


@pytest.fixture
def report(workshop: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The document of the run in the working directory."""
    monkeypatch.chdir(workshop.directory)

    def run(*words: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert main(["report", "run", *words]) == code
        return json.loads(Path("run/report.json").read_bytes()) if code == 0 else capsys.readouterr().err

    return run


def test_a_strangers_buckets_get_one_too(workshop: Any, report: Callable[..., Any], capsys: Any) -> None:
    workshop.strategy(NUDGE)
    workshop.trainer().train_progressively(scratch_arms=True)
    document = report()
    assert capsys.readouterr().out.splitlines() == ["report: run/report.html"]
    assert Path("run/report.html").read_text().lstrip().lower().startswith("<!doctype html>")
    first, second = document["buckets"]
    assert first["verdict"]["reason"] == "no edge shown" and first["verdict"]["t"] is None
    assert first["performance"]["test"][0]["strategy"] == "model"
    assert first["account"] is None and "no candles" in document["notes"][0]
    assert first["features"][0] == {"name": "x", "combined": 0.7, "screened": None, "permuted": None}
    assert second["learning"]["episodes"] == [1, 2, 3, 4] and second["naturalistic"]["lessons"] is None
    assert document["run"]["use"] == {"python": None, "signal": None, "resume": None}
    assert document["transfers"]["counts"]["kept"] > 0
    assert [arm["bucket"] for arm in document["transfers"]["scratch"]] == ["Second"]


def test_of_a_run_that_nothing_may_be_written_to_it_is_written_beside(
    workshop: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.trainer().train_progressively()
    monkeypatch.chdir(workshop.directory)
    run, temporary_file = workshop.directory / "run", durable_files.TemporaryFile

    def refuse_there(*, dir: Path) -> Any:  # noqa: A002
        if dir.absolute() == run:
            raise OSError(errno.EROFS, "Read-only file system")
        return temporary_file(dir=dir)

    monkeypatch.setattr(durable_files, "TemporaryFile", refuse_there)  # permissions stop nobody who is root
    before = sorted(path.name for path in run.iterdir())
    capsys.readouterr()
    assert main(["report", "run"]) == 0
    assert capsys.readouterr().out.splitlines() == ["report: reports/run/report.html"]
    assert main(["report", "run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(Path("reports/run/report.json").read_bytes())
    assert main(["transfer-report", "run"]) == 0
    assert "reports/run/transfer.md" in capsys.readouterr().out
    assert sorted(path.name for path in run.iterdir()) == before
    shutil.rmtree("reports")
    Path("reports").touch()  # nor can it be written beside
    assert main(["report", "run"]) == main(["transfer-report", "run"]) == 2
    assert capsys.readouterr().err.count("no reports/run can be made here (Not a directory); change to") == 2


def test_of_the_runs_files_only_its_own_two_are_written(workshop: Any, report: Callable[..., Any]) -> None:
    workshop.trainer().train_progressively()
    run = workshop.directory / "run"

    def written() -> dict[str, tuple[int, int]]:
        return {str(file): (file.stat().st_mtime_ns, file.stat().st_ino) for file in run.rglob("*") if file.is_file()}

    before = written()
    report()
    after = written()
    made = {"report.html", "report.json"}
    assert {Path(file).name for file in after.keys() - before.keys()} == made
    assert {file: after[file] for file in before} == before


def test_an_interrupted_run_says_so_and_how_to_go_on(workshop: Any, report: Callable[..., Any]) -> None:
    workshop.stop_at = "Second: episode 2"
    with pytest.raises(Interrupted):
        workshop.trainer().train_progressively()
    document = report()
    assert document["run"]["status"] == "interrupted"
    assert document["run"]["use"]["resume"].endswith(f"--resume --run-dir {workshop.directory / 'run'}")
    assert [bucket["verdict"] for bucket in document["buckets"]] == [None]
    assert document["notes"][0] == "not finished: Second"


def test_a_run_ends_with_one_whatever_ended_it(
    workshop: Any, install: Callable[..., None], report: Callable[..., Any]
) -> None:
    failing = """
    from progressive_training import hookimpl
    @hookimpl
    def on_bucket_start(bucket):
        if bucket.name == "Second":
            raise ValueError("no luck")
    """
    install("failing", plugins={"failing": "failing"}, failing=failing)
    with pytest.raises(Exception, match="no luck"):
        workshop.trainer(plugins=("report",)).train_progressively()
    document = json.loads((workshop.directory / "run/report.json").read_bytes())
    assert document["run"]["status"] == "failed" and "no luck" in document["run"]["error"]
    assert report()["run"]["error"] == document["run"]["error"]
    workshop.stop_at = "Second: episode 2"
    with pytest.raises(Interrupted):
        workshop.trainer(plugins=("no:failing",)).resume()
    assert report()["run"]["status"] == "interrupted"


def test_a_run_with_nothing_finished_gets_none(workshop: Any, report: Callable[..., Any]) -> None:
    workshop.stop_at = "First: episode 2"
    with pytest.raises(Interrupted):
        workshop.trainer(plugins=("report",)).train_progressively()
    assert not (workshop.directory / "run/report.html").exists()
    assert "no bucket of this run is finished yet" in report(code=2)


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_what_is_no_run_is_refused_in_one_line(tmp_path: Path, words: list[str], capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("photos", "nothing"):
        assert main(["report", name, *words]) == 2
        shown = capsys.readouterr()
        assert shown.out == "" and shown.err.count("\n") == 1 and "no run" in shown.err
    assert list((tmp_path / "photos").iterdir()) == []


def test_open_shows_the_page_in_the_browser(workshop: Any, report: Callable[..., Any], monkeypatch: Any) -> None:
    opened: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda url: not opened.append(url))
    workshop.trainer().train_progressively()
    report("--open")
    assert opened == [(workshop.directory / "run/report.html").as_uri()]


def test_a_picture_is_drawn_where_it_is_asked_for(
    workshop: Any, report: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.trainer().train_progressively()
    picture = workshop.directory / "run/report.png"
    report()
    assert not picture.exists()
    report("--png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr("progressive_plugins.report.picture_observer.find_spec", lambda name: None)
    assert "progressive-training[report]" in report("--png", code=2)


def test_json_and_open_contradict_each_other(capsys: Any) -> None:
    assert main(["report", "run", "--json", "--open"]) == 2
    assert "not allowed with" in capsys.readouterr().err


def test_a_setting_or_plugin_that_is_gone_does_not_matter(workshop: Any, report: Callable[..., Any]) -> None:
    workshop.trainer().train_progressively()
    file = workshop.directory / "run/config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "PLUGINS": ["gone", "no:report"], "OLD_SETTING": 1}))
    document = report()
    assert "OLD_SETTING" not in [each["key"] for each in document["run"]["settings"]]


def test_an_older_report_may_be_anything(workshop: Any, report: Callable[..., Any], tmp_path: Path) -> None:
    workshop.trainer().train_progressively()
    run, outside = workshop.directory / "run", tmp_path / "outside"
    outside.write_text("mine")
    (run / "report.json").write_text('{"format": 99')
    report()
    (run / "report.html").unlink()
    (run / "report.html").symlink_to(outside)
    assert "a link out of its run" in report(code=2)
    assert outside.read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ledger.jsonl", '{"strategy": 5}\n{}\n'),
        ("metrics.jsonl", '{"bucket": "First", "episode": 1, "best_score": 0.1, "loss": "low"}\n{}\n'),
        ("manifest.json", '{"started": "2026"}'),
        ("config.json", "[]"),
    ],
)
def test_a_damaged_file_is_named_and_nothing_half_is_left(
    workshop: Any, report: Callable[..., Any], name: str, content: str
) -> None:
    workshop.trainer().train_progressively()
    (workshop.directory / "run" / name).write_text(content)
    shown = report(code=2)
    assert "Traceback" not in shown and name.partition(".")[0] in shown
    left = {file.name for file in (workshop.directory / "run").iterdir() if "report" in file.name}
    assert not left


def test_a_pipe_in_a_run_is_not_waited_for(workshop: Any, report: Callable[..., Any]) -> None:
    workshop.trainer().train_progressively()
    os.mkfifo(workshop.directory / "run/transfer.json")
    assert "neither a file nor a directory" in report(code=2)


def test_a_scratch_arm_has_a_report_of_its_own(workshop: Any, report: Callable[..., Any]) -> None:
    workshop.strategy(NUDGE)
    workshop.trainer().train_progressively(scratch_arms=True)
    assert main(["report", "run/scratch"]) == 0
    document = json.loads(Path("run/scratch/report.json").read_bytes())
    assert [bucket["scratch_arm"] for bucket in document["buckets"]] == [True]
    assert not report()["buckets"][0]["scratch_arm"]


def test_a_run_that_was_moved_is_read_where_it_is(workshop: Any, report: Callable[..., Any], tmp_path: Path) -> None:
    workshop.trainer().train_progressively()
    moved = shutil.move(workshop.directory / "run", tmp_path / "elsewhere")
    assert main(["report", str(moved)]) == 0
    document = json.loads((Path(moved) / "report.json").read_bytes())
    assert document["run"]["directory"] == str(moved) and str(moved) in document["buckets"][0]["model_path"]


def test_a_report_that_cannot_be_written_loses_no_run(
    workshop: Any, report: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr("progressive_plugins.report.document.transfer_part", fail)
    paths = workshop.trainer(plugins=("report",)).train_progressively()
    assert all(path.is_file() for path in paths.values())
    warnings = [line for line in capsys.readouterr().err.splitlines() if "the report could not be written" in line]
    assert len(warnings) == 1 and "a bug of ours" in warnings[0]
    assert "the report could not be written" in report(code=2)


def test_it_may_be_asked_for_while_the_run_is_trained(workshop: Any, report: Callable[..., Any]) -> None:
    asked: list[subprocess.CompletedProcess[str]] = []

    class Curious:
        @hookimpl
        def on_bucket_start(self, bucket: Any) -> None:
            if bucket.name == "Second":
                command = [sys.executable, "-m", "progressive_training", "report", str(bucket.run_dir)]
                asked.append(subprocess.run(command, capture_output=True, text=True, check=False))

    workshop.trainer(plugins=(Curious(),)).train_progressively()
    assert asked[0].returncode == 0 and "in training" in asked[0].stderr
    whole = report()["run"]
    assert whole["status"] == "finished"
    assert whole["reproduce"][0] == (
        "# it was trained from Python with objects of its own, which this leaves out: Curious"
    )


def test_what_a_line_cannot_bring_about_stands_above_it(workshop: Any, report: Callable[..., Any]) -> None:
    workshop.stop_at = "Second: episode 2"
    with pytest.raises(Interrupted):
        workshop.trainer().train_progressively()
    workshop.stop_at = ""
    workshop.trainer().resume(settings={"TRANSFER_COOLDOWN": 3})
    run = report()["run"]
    assert run["reproduce"][0].startswith("# TRANSFER_COOLDOWN changed")
    assert [(each["key"], each["old"], each["new"]) for each in run["changes"]] == [("TRANSFER_COOLDOWN", 2, 3)]


def test_a_bucket_that_was_taught_by_another_run_names_it(workshop: Any, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(workshop.directory)
    workshop.strategy(NUDGE)
    workshop.trainer(run=None).train_bucket("First")
    teacher = workshop.trained.run_dir
    workshop.trainer().train_bucket("Second", transfer_from="First")
    assert main(["report", "run"]) == 0
    document = json.loads(Path("run/report.json").read_bytes())
    (line,) = document["run"]["reproduce"]
    assert line.endswith(f"--transfer {teacher}/First")
    assert main([*shlex.split(line)[1:], "--run-dir", "again"]) == 0
    capsys.readouterr()
    assert main(["report", "again"]) == 0
    again = json.loads(Path("again/report.json").read_bytes())
    assert again["buckets"][0]["performance"] == document["buckets"][0]["performance"]
    assert again["transfers"]["offers"] == document["transfers"]["offers"]
