"""The command line around training: help, lists, and what wrong input is answered with."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from progressive_front.cli import main

REFUSED = 2


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The line with which these arguments are refused, nothing having been written."""
    before = sorted(Path.cwd().iterdir())
    assert main(arguments) == REFUSED
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sorted(Path.cwd().iterdir()) == before
    line, end = printed.err.split("\n")
    assert end == ""
    return line.removeprefix("progressive-training: error: ")


@pytest.mark.parametrize("command", ["['--help']", "['plugins', '--help']", "['plugins']", "['runs']", "['--version']"])
def test_what_does_not_train_loads_neither_torch_nor_pandas(run_python: Callable[[str], str], command: str) -> None:
    code = f"import sys; from progressive_front.cli import main; code = main({command}); "
    printed = run_python(code + "print(code, [name for name in ('torch', 'pandas') if name in sys.modules])")
    assert printed.splitlines()[-1] == "0 []"


@pytest.mark.parametrize(
    "program",
    [
        [sys.executable, str(Path(__file__).resolve().parents[2] / "progressive_training.py")],
        [sys.executable, "-m", "progressive_training"],
        [str(Path(sys.executable).parent / "progressive-training")],
    ],
)
def test_three_spellings_of_the_program_are_one(program: list[str]) -> None:
    done = subprocess.run([*program, "--seed", "x"], capture_output=True, text=True, check=False)
    assert done.returncode == REFUSED
    assert done.stderr == (
        'progressive-training: error: command line: SEED is "x", expected a whole number from 0 to 4294967295\n'
    )


def test_help_names_every_command_and_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for word in (
        "plugins",
        "runs",
        "evaluate RUN",
        "transfer-report RUN",
        "--scratch-arms",
        "--resume",
        "TRANSFER_COOLDOWN",
        "RUNS_DIR",
        "progressive-training config",
    ):
        assert word in shown


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--sed", "3"], "unrecognized arguments '--sed 3'. Did you mean '--seed'? See progressive-training --help."),
        (["--epsodes=3"], "unrecognized arguments '--epsodes=3'. Did you mean '--episodes'?"),
        (["--bucket"], "argument --bucket: expected one argument. See progressive-training --help."),
        (
            ["plugin"],
            "unknown command 'plugin'. Did you mean 'plugins'? Known: study, walk-forward, tune, plugins, config, runs, ",
        ),
        (["--bucket", "Long", "--sequence", "Long"], "--bucket trains one bucket and --sequence several"),
        (["--transfer", "Medium"], "Medium: no run below runs has finished it"),
        (
            ["--resume", "--bucket", "Long"],
            "--resume goes on with a run's own buckets: leave out --bucket; --sequence A,B,C can change those",
        ),
        (["--resume", "--sequence", "auto"], "--resume goes on with a run's own buckets: leave out --sequence auto"),
        (["--resume", "--set", "FE=0"], 'command line: unknown setting "FE"'),
        (["--fork"], "--fork goes with --resume"),
        (["--resume"], "runs: no unfinished run to resume"),
        (["--resume", "--run-dir", "none"], "none: no run here"),
        (["--resume", "--fork", "--run-dir", "none"], "none: no run here"),
        (["--seed", "1", "--set", "SEED=2"], "command line: SEED is given more than once"),
        (["--set", "SEED"], '--set: expected KEY=VALUE, got "SEED"'),
        (["--market", ""], 'command line: MARKET is "", expected a name or a number, like "BTC-USD" or 1'),
        (
            ["evaluate", "none", "--market", "1"],
            "evaluate takes RUNS_DIR and, with --data FILE, MARKET",
        ),
        (["--set", "seed=1"], 'command line: unknown setting "seed" (value 1); the nearest known setting is SEED'),
        (["--episodes", "0"], "command line: EPISODES is 0, expected a whole number from 1"),
        (
            ["--episodes", "Lon=5"],
            'command line: EPISODES names "Lon" (value 5), which is not in the sequence Scalping, Short, Medium, Long. '
            "Did you mean 'Long'?",
        ),
        (
            ["--bucket", "Scalping", "--episodes", "Long=2"],
            'command line: EPISODES names "Long" (value 2), which is not in the sequence Scalping.',
        ),
        (["--episodes", "Long=few"], "--episodes: expected a whole number like 40"),
        (
            ["--sequence", "Long,Short,Long"],
            'command line: SEQUENCE is ["Long", "Short", "Long"], expected a list of distinct bucket names, those that train at the '
            "same time in a list of their own, one or more: Long is there twice",
        ),
        (
            ["--sequence", "a,,b"],
            'command line: SEQUENCE is ["a", "", "b"], expected a list of distinct bucket names, ',
        ),
        (["--sequence", "a,,b"], "one or more: number 2 is empty"),
        (["--device", "gpu"], 'command line: DEVICE is "gpu", expected "auto"'),
        (["--config", "none.json"], "none.json: the configuration cannot be read"),
        (
            ["--bucket", "scalping"],
            "no bucket 'scalping' is installed (named in the sequence). Did you mean 'Scalping'?",
        ),
        (["--bucket", "Long", "--transfer", "Medium"], "Medium: no run below runs has finished it"),
        (
            ["--bucket", "Long", "--transfer", "Midium"],
            "no bucket 'Midium' is installed (named in the transfer). Did you mean 'Medium'?",
        ),
        (["--bucket", ""], '--bucket is "", expected the name of a bucket'),
        (["--bucket", "Long", "--transfer", ""], '--transfer is "", expected the name of a bucket'),
        (["--run-dir", ""], '--run-dir is "", expected a path'),
        (["--config", ""], '--config is "", expected a path'),
        (["-p", "no:weights", "-p", "weights"], "weights and no:weights contradict each other"),
        (["--set", 'PLUGINS=["no:weights", "weights"]'], "weights and no:weights contradict each other"),
        (["-p", "no:memry"], "no plugin 'memry' is installed (named in 'no:memry'). Did you mean 'memory'?"),
        (["--data", "none.csv"], "none.csv"),
        (["evaluate", "none"], "no run 'none', here or in runs. `progressive-training runs` lists them"),
        (
            ["evaluate", "none", "--set", "FEE=0.05"],
            "--set FEE: A run is evaluated with the settings that it was begun",
        ),
        (
            ["evaluate", "none", "--set", "FREQUENCY=1h"],
            "evaluate takes RUNS_DIR and, with --data FILE, MARKET",
        ),
        (["evaluate", "none", "--set", "FE=0.05"], "--set FE: A run is evaluated with the settings that it was begun"),
        (["evaluate"], "the following arguments are required: RUN. See progressive-training evaluate --help."),
    ],
)
def test_what_is_wrong_is_said_in_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], line: str) -> None:
    assert line in refusal(capsys, *arguments)


@pytest.mark.parametrize("command", ["evaluate", "report", "transfer-report"])
def test_a_bucket_behind_a_run_is_answered_with_the_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/state.json").touch()
    said = refusal(capsys, command, str(tmp_path / "mine/Medium"))
    assert f"expected the run itself, {tmp_path / 'mine'}" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["--run-dir", "{}"],
        ["--resume", "--run-dir", "{}"],
        ["--data", "{}"],
        ["--config", "{}"],
        ["--set", "RUNS_DIR={}"],
        ["runs", "--set", "RUNS_DIR={}"],
        ["evaluate", "{}"],
        ["evaluate", "run", "--data", "{}"],
    ],
)
def test_a_name_too_long_for_any_file_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    line = refusal(capsys, *(word.format("a" * 300) for word in arguments))
    assert line.endswith(": the name is too long for the file system")


def test_a_configuration_of_another_program_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.json").write_text('{"database": "btc", "port": 1}')
    line = refusal(capsys)
    assert line.startswith('config.json: unknown setting "database" (value "btc"), and no other key is known')
    assert "another program" in line
    assert "--config FILE" in line
    Path("mine.json").write_text("{}")
    assert main(["runs", "--config", "mine.json"]) == 0


def test_a_configuration_that_is_a_link_to_nowhere_is_not_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.json").symlink_to("gone.json")
    assert refusal(capsys) == (
        "config.json: the configuration cannot be read: No such file or directory (it is a link to gone.json)"
    )


def test_a_file_in_the_place_of_the_runs_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("afile").touch()
    expected = "RUNS_DIR is afile, which is a file: expected the directory that runs are made in"
    assert refusal(capsys, "runs", "--set", "RUNS_DIR=afile") == expected
    assert refusal(capsys, "evaluate", "mine", "--set", "RUNS_DIR=afile") == expected


def test_a_damaged_run_is_listed_with_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    damaged = Path("runs/hurt")
    damaged.mkdir(parents=True)
    (damaged / "manifest.json").write_text('{"started": "2026"}')
    (damaged / "state.json").write_text('{"status"')
    assert main(["runs"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("hurt  damaged: runs/hurt/state.json: not valid JSON")
    assert printed.err.startswith("progressive-training: warning: a run cannot be read (reason=runs/hurt/state.json")
    assert main(["runs", "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert (run["name"], run["status"]) == ("hurt", "damaged")
    assert run["reason"].startswith("runs/hurt/state.json: not valid JSON")


def test_ctrl_c_while_the_program_is_still_loading_shows_no_traceback() -> None:
    code = """
import os, signal, sys
from progressive_front.cli import main
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "progressive_app.config.app_settings":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.exit(main(["runs"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "progressive-training: stopped\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("name", ["rün", "\U0001f600", "b\udcff"])
@pytest.mark.parametrize("arguments", [["config"], ["config", "--json"], ["runs"]])
def test_no_name_is_beyond_what_standard_output_can_write(
    encoding: str, name: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        patched.setattr(sys, "argv", ["progressive-training", *arguments, "--set", f"RUNS_DIR={name}"])
        assert main() == 0
    assert stream.tell()


def test_plugins_are_listed_with_origin_hooks_and_state(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["plugins", "-p", "no:cache"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert rows["Scalping"].split()[1:4] == ["bucket", "progressive-training", "0.1.0"]
    assert rows["weights"].endswith("yes")
    assert "on_episode_end" in rows["early_stopping"]
    assert rows["cache"].endswith("no: disabled by 'no:cache'")
    assert rows["console"].endswith("yes: on the command line")
    assert main(["plugins", "-p", "no:console"]) == 0
    assert "no: disabled by 'no:console'" in capsys.readouterr().out


def test_plugins_are_listed_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "--json"]) == 0
    listed = {record["name"]: record for record in json.loads(capsys.readouterr().out)}
    assert listed["weights"]["kind"] == "transfer"
    assert listed["weights"]["hooks"] == ["transfer"]
    assert listed["weights"]["enabled"] is True
    assert (listed["console"]["enabled"], listed["console"]["reason"]) == (True, "on the command line")


def test_a_file_that_disables_a_plugin_shows_in_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.json").write_text('{"PLUGINS": ["no:memory"]}')
    assert main(["plugins", "--json"]) == 0
    listed = {record["name"]: record for record in json.loads(capsys.readouterr().out)}
    assert (listed["memory"]["enabled"], listed["memory"]["hooks"]) == (False, [])


def test_a_reader_that_leaves_early_is_no_error() -> None:
    program = [sys.executable, "-m", "progressive_training", "plugins"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
