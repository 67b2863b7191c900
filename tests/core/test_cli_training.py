"""Training from the command line: what is printed, what can be stopped, and how it goes on. With a stranger's buckets."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from progressive_app.store.run_store import RunStore
from progressive_front.cli import main

BUCKETS = (Path(__file__).parent / "line_bucket.py").read_text()
ON_EPISODE = """
import os
import signal
from progressive_training import hookimpl

@hookimpl
def on_episode_end(bucket, episode):
    if bucket.name == "Second" and episode.episode == 2:
        {body}
"""
SETTINGS = {"SEQUENCE": ["First", "Second"], "EPISODES": 3, "DEVICE": "cpu", "TRANSFER_COOLDOWN": 2}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Callable[..., None]) -> Path:
    """A working directory with a configuration for two quick buckets."""
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    Path("config.json").write_text(json.dumps(SETTINGS))
    install("lines", buckets={"First": "line_bucket:first", "Second": "line_bucket:second"}, line_bucket=BUCKETS)
    return directory


@pytest.fixture
def in_second_bucket(install: Callable[..., None]) -> Callable[[str], None]:
    """Have a plugin run this statement in the middle of the second bucket."""
    return lambda body: install("stop", plugins={"stop": "acme_stop"}, acme_stop=ON_EPISODE.format(body=body))


def state(run: Path) -> dict[str, object]:
    """Where a run stands."""
    value: dict[str, object] = json.loads((run / "state.json").read_text())
    return value


def test_a_run_ends_with_its_models_and_how_to_use_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    (run,) = (here / "runs").iterdir()
    for bucket in ("First", "Second"):
        assert (run / "models" / bucket / "model.safetensors").is_file()
    assert f"progressive-training evaluate runs/{run.name}\n" in printed
    assert "import load_model" not in printed  # no model of theirs can be loaded
    assert "bucket 'Second' has no load_model(path), so its models cannot be used outside a run." in printed
    assert "\x1b" not in printed


def test_the_run_directory_keeps_the_settings_and_a_log(here: Path) -> None:
    assert main(["--run-dir", "mine", "--seed", "7", "--episodes", "First=1,Second=2"]) == 0
    settings = json.loads((here / "mine" / "config.json").read_text())
    assert (settings["SEED"], settings["EPISODES"]) == (7, {"First": 1, "Second": 2})
    episodes = [json.loads(line)["bucket"] for line in (here / "mine" / "metrics.jsonl").read_text().splitlines()]
    assert episodes == ["First", "Second", "Second"]


def test_without_the_console_progress_is_printed_in_plain_lines(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-p", "no:console", "--bucket", "First"]) == 0
    assert "First: episode 3 of 3, score" in capsys.readouterr().out


def test_the_last_word_on_the_console_stands(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.json").write_text(json.dumps({**SETTINGS, "PLUGINS": ["no:console"]}))
    assert main(["--bucket", "First"]) == 0
    plain = capsys.readouterr().out
    assert main(["--bucket", "First", "-p", "console"]) == 0
    assert plain.count("First: episode 3 of 3, score") == 1
    assert "First: episode 3 of 3, score" not in capsys.readouterr().out


def test_a_bucket_may_learn_from_an_older_run_of_itself(here: Path) -> None:
    assert main(["--bucket", "First", "--run-dir", "runs/one"]) == 0
    assert main(["--bucket", "First", "--transfer", "First", "--run-dir", "runs/two"]) == 0
    ledger = [json.loads(line) for line in (here / "runs" / "two" / "ledger.jsonl").read_text().splitlines()]
    assert {(entry["source"], entry["target"]) for entry in ledger} == {("one/First", "First")}


def test_episodes_of_other_buckets_may_stand_in_a_file(here: Path) -> None:
    Path("config.json").write_text(json.dumps({**SETTINGS, "EPISODES": {"First": 1, "Second": 2}}))
    assert main(["--bucket", "First"]) == 0


def test_one_bucket_learns_from_another_of_an_earlier_run(here: Path) -> None:
    assert main(["--bucket", "First", "--run-dir", "runs/one"]) == 0
    assert main(["--bucket", "Second", "--transfer", "First", "--run-dir", "runs/two"]) == 0
    ledger = [json.loads(line) for line in (here / "runs" / "two" / "ledger.jsonl").read_text().splitlines()]
    assert {(entry["source"], entry["target"]) for entry in ledger} == {("one/First", "Second")}


def test_runs_and_evaluate_show_what_was_reached(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--run-dir", "runs/mine"]) == 0
    capsys.readouterr()
    assert main(["runs"]) == 0
    _, run, first, second = capsys.readouterr().out.splitlines()
    assert run.startswith("mine ") and "finished, " in run and run.endswith(" UTC")
    for bucket, row in (("First", first), ("Second", second)):
        name, profit, _, t, *verdict = row.split()
        assert (name, " ".join(verdict)) == (bucket, "no edge shown: stays flat")
        assert profit.startswith("-") and t == "0.0"  # a line bucket earns the negative error
    assert main(["runs", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["name"], listed["sequence"]) == ("mine", ["First", "Second"])
    assert listed["results"][0]["evaluation"]["test"][0]["profit"] < 0
    for name in ("mine", "runs/mine"):
        assert main(["evaluate", name]) == 0
        shown = capsys.readouterr().out
        assert "verdict     no edge shown" in shown
        assert "\nvalidation\n" in shown and "\ntest\n" in shown


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_one_signal_stops_behind_a_checkpoint_and_says_how_to_go_on(
    here: Path,
    in_second_bucket: Callable[[str], None],
    capfd: pytest.CaptureFixture[str],
    number: signal.Signals,
    code: int,
) -> None:
    in_second_bucket(f"os.kill(os.getpid(), {number.value})")
    assert main(["--run-dir", "mine"]) == code
    last = capfd.readouterr().err.splitlines()[-1]
    assert last == "progressive-training: interrupted; go on with: progressive-training --resume --run-dir mine"
    assert state(here / "mine")["status"] == "interrupted"
    assert main(["--resume", "--run-dir", "mine", "-p", "no:stop"]) == 0
    assert state(here / "mine")["status"] == "finished"
    episodes = [json.loads(line)["bucket"] for line in (here / "mine" / "metrics.jsonl").read_text().splitlines()]
    assert episodes == ["First"] * 3 + ["Second"] * 3


def test_resume_without_a_name_takes_the_newest_unfinished_run(
    here: Path, in_second_bucket: Callable[[str], None]
) -> None:
    in_second_bucket("os.kill(os.getpid(), signal.SIGINT)")
    assert main([]) == 130
    assert main(["--resume", "-p", "no:stop"]) == 0
    (run,) = (here / "runs").iterdir()
    assert state(run)["status"] == "finished"


def test_resume_says_that_another_process_has_the_only_unfinished_run(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = RunStore.create(Path("runs/mine"), {}, {"started": "2026-01-01", "sequence": ["First"]})
    assert main(["--resume"]) == 2
    store.close()
    assert capsys.readouterr().err == (
        "progressive-training: error: runs/mine: is being trained by another process; wait for it, or stop it\n"
    )


def test_a_second_signal_stops_at_once(
    here: Path, in_second_bucket: Callable[[str], None], capfd: pytest.CaptureFixture[str]
) -> None:
    in_second_bucket("[os.kill(os.getpid(), signal.SIGINT) for _ in range(2)]")
    assert main(["--run-dir", "mine", "-p", "no:console"]) == 130
    assert capfd.readouterr().err.splitlines()[-1] == (
        "progressive-training: stopped at once; go on from the last checkpoint with: "
        "progressive-training --resume --run-dir mine -p no:console"
    )
    assert main(["--resume", "--run-dir", "mine", "-p", "no:stop"]) == 0


def test_signals_are_left_as_they_were(here: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert main(["--bucket", "First"]) == 0
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_failing_plugin_is_named_in_one_line_with_the_way_on(
    here: Path, in_second_bucket: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    in_second_bucket("raise ValueError('broken')")
    assert main(["--run-dir", "mine"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "plugin 'stop' (stop 1.2)" in line
    assert line.endswith("go on from the last checkpoint with: progressive-training --resume --run-dir mine")


def test_a_bug_shows_its_traceback_and_the_way_on(
    here: Path, install: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = BUCKETS.replace("def evaluate(self, policy):", "def evaluate(self, policy):\n        1 / 0")
    install("broken", buckets={"Broken": "broken_bucket:first"}, broken_bucket=broken.replace('"First"', '"Broken"'))
    assert main(["--sequence", "First,Broken", "--run-dir", "mine"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == (
        "progressive-training: error: this is a bug; go on from the last checkpoint with: "
        "progressive-training --resume --run-dir mine"
    )


def test_a_warning_reaches_stderr_and_the_log(
    here: Path, in_second_bucket: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    in_second_bucket('__import__("structlog").get_logger().warning("little memory", free=3)')
    assert main(["--run-dir", "mine"]) == 0
    assert "progressive-training: warning: little memory (free=3)\n" in capsys.readouterr().err
    logged = [json.loads(line) for line in (here / "mine" / "log.jsonl").read_text().splitlines()]
    assert [(each["event"], each["free"]) for each in logged if each["level"] == "warning"] == [("little memory", 3)]


@pytest.fixture
def stopped(here: Path, in_second_bucket: Callable[[str], None], capfd: pytest.CaptureFixture[str]) -> Path:
    """A run that was interrupted in its second bucket, and will not be again."""
    in_second_bucket("os.kill(os.getpid(), signal.SIGINT)")
    assert main(["--run-dir", "mine"]) == 130
    assert main(["--resume", "--run-dir", "mine", "-p", "no:stop", "--set", "FEE=0.05"]) == 2
    capfd.readouterr()
    return here / "mine"


def test_resume_shows_what_changes_and_goes_on_with_it(stopped: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["--resume", "-p", "no:stop", "--run-dir", "mine", "--set", "PATIENCE=5", "--episodes", "Second=6"]) == 0
    )
    printed = capfd.readouterr().out
    lines = printed.splitlines()[:4]
    assert {line.split()[0] for line in lines[:3]} == {"EPISODES", "PLUGINS", "PATIENCE"}
    assert "PATIENCE 12 -> 5: from episode 3 of Second" in lines
    assert lines[3].startswith("First: finished, ")
    episodes = [json.loads(line)["bucket"] for line in (stopped / "metrics.jsonl").read_text().splitlines()]
    assert episodes == ["First"] * 3 + ["Second"] * 6


def test_resume_refuses_what_may_not_change_in_one_line(stopped: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--resume", "--run-dir", "mine", "-p", "no:stop", "--seed", "7", "--set", "FEE=0.002"]) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("progressive-training: error: mine: a run that has begun cannot go on so: SEED 0 -> 7: ")
    assert "; FEE 0.001 -> 0.002: its buckets learn at these costs" in line
    assert line.endswith("with --fork")
    assert state(stopped)["status"] == "interrupted"


def test_only_a_file_that_is_named_changes_a_run(stopped: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("config.json").write_text(json.dumps({**SETTINGS, "SEED": 9, "PATIENCE": 3}))
    Path("other.json").write_text(json.dumps({"KEEP_CHECKPOINTS": 1}))
    assert main(["--resume", "--run-dir", "mine", "-p", "no:stop", "--config", "other.json"]) == 0
    changed = [each["key"] for each in json.loads((stopped / "manifest.json").read_text())["changes"]]
    assert changed == ["PLUGINS", "KEEP_CHECKPOINTS"]
    assert "KEEP_CHECKPOINTS" in capfd.readouterr().out
    assert main(["--resume", "--run-dir", "mine", "--config", "config.json"]) == 2
    assert "SEED 0 -> 9" in capfd.readouterr().err


def test_a_fork_is_a_run_of_its_own_that_the_list_shows_with_its_parent(
    stopped: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()}
    assert main(["--resume", "--fork", "--run-dir", "mine", "-p", "no:stop", "--set", "FEE=0.002"]) == 0
    assert {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()} == before
    (fork,) = Path("runs").iterdir()
    assert (
        f"{fork}: a new run from the first bucket on, taught by the parent's First; mine, its parent"
        in capfd.readouterr().out
    )
    assert main(["runs"]) == 0
    _, row, *rest = capfd.readouterr().out.splitlines()
    assert row.startswith(f"{fork.name} ")
    assert "a fork of mine" in " ".join(f"{row} {rest[0]}".split())
    assert main(["runs", "--json"]) == 0
    (run,) = json.loads(capfd.readouterr().out)
    assert run["parent"] == str(stopped)


def test_a_terminal_that_is_gone_ends_nothing_that_prints_to_it() -> None:
    """Without a SIGHUP, as behind `disown`."""
    ours, its = pty.openpty()
    code = """
import sys
from progressive_app.machine.terminal import print_error, print_text
print_text("before")
sys.stdin.readline()
for _ in range(3):
    print_text("nobody reads this")
    print_error("nor this")
sys.exit(7)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=its, stderr=its) as process:
        os.close(its)
        printed = b""
        while not printed.endswith(b"\n"):
            printed += os.read(ours, 100)
        os.close(ours)
        process.communicate(b"\n", timeout=60)
    assert process.returncode == 7


def test_a_hangup_beside_another_signal_is_no_second_one(here: Path, in_second_bucket: Callable[[str], None]) -> None:
    """A shell, the kernel and a login manager each send their own."""
    in_second_bucket("[os.kill(os.getpid(), number) for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP)]")
    assert main(["--run-dir", "mine"]) == 129
    assert state(here / "mine")["status"] == "interrupted"
    episodes = (here / "mine" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(episodes[-1])["bucket"] == "Second"
