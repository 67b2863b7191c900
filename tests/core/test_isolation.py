"""Buckets in processes of their own: the same run to the byte, stopped, failing and killed as a user would see it."""

import json
import os
import pickle
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from progressive_app.config.resolve import defaults
from progressive_app.discovery.installed_plugins import installed_registry
from progressive_app.machine.local_machine import LocalMachine
from progressive_app.machine.shortage import is_shortage
from progressive_app.processes.failure import RemoteError, failure_of
from progressive_app.processes.isolation import run_isolated
from progressive_app.store.run_store import RunStore
from progressive_core.contract.errors import ConfigError, PluginError, ProcessLost, RunError
from progressive_core.engine.run import Interrupted, Run
from progressive_core.plugins.hooks import Hooks

NUDGE = """
    from attrs import evolve
    return evolve(target, weights={name: tensor + 0.05 for name, tensor in target.weights.items()})
"""
ONCE = """
import os
import signal
from pathlib import Path
from progressive_training import hookimpl

MARK = Path(__file__).with_suffix(".mark")

@hookimpl
def on_episode_end(bucket, episode):
    if bucket.name == "Second" and episode.episode == 3 and not MARK.exists():
        MARK.touch()
        os.kill(os.getpid(), signal.{signal})
"""
BROKEN = """
from pathlib import Path
from progressive_training import hookimpl

@hookimpl
def {hook}(bucket):
    with Path(__file__).with_suffix(".calls").open("a") as calls:
        calls.write(f"{{bucket.name}}\\n")
    raise ValueError("broken")
"""
HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"


def lines(file: Path) -> list[Any]:
    times = {"seconds", "proof_seconds", "shared_seconds", "memory_used", "transfers", "timestamp"}
    read = [json.loads(line) for line in file.read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in times} for line in read]


def left(run: Path) -> list[Any]:
    models = {file.relative_to(run): file.read_bytes() for file in sorted(run.rglob("model.safetensors"))}
    return [models, *(lines(run / name) for name in ("metrics.jsonl", "ledger.jsonl") if (run / name).exists())]


def test_the_run_its_hooks_and_all_that_is_told_are_the_same(workshop, tmp_path) -> None:
    workshop.strategy(NUDGE)
    ends = {}
    for isolate in (False, True):
        run, workshop.said = f"run-{isolate}", []
        workshop.trainer(run).train_progressively(find_order=True, scratch_arms=True, isolate=isolate)
        said = [line.replace(run, "RUN") for line in workshop.said]
        log = [{**event, "path": ""} for event in lines(tmp_path / run / "log.jsonl") if "memory" not in event["event"]]
        ends[isolate] = [*left(tmp_path / run), said, workshop.seen, log]
        (tmp_path / "seen.jsonl").unlink()
    for alone, isolated in zip(ends[False], ends[True], strict=True):
        assert isolated == alone
    assert (tmp_path / "run-True" / "scratch" / "models" / "Second" / "model.safetensors").is_file()


def test_one_that_is_killed_is_named_and_the_run_goes_on_isolated(workshop, install, tmp_path) -> None:
    workshop.trainer("whole", SEQUENCE=("Second",)).train_progressively()
    install("killer", plugins={"killer": "killer_plugin"}, killer_plugin=ONCE.format(signal="SIGKILL"))
    with pytest.raises(ProcessLost, match=r"^Second: its process was ended by SIGKILL.* its last checkpoint stands$"):
        workshop.trainer(SEQUENCE=("Second",)).train_progressively(isolate=True)
    assert json.loads((tmp_path / "run" / "state.json").read_text())["status"] == "interrupted"
    here = len(psutil.Process().children())
    workshop.trainer().resume()
    assert len(psutil.Process().children()) == here
    assert left(tmp_path / "run") == left(tmp_path / "whole")


def test_a_stop_comes_behind_the_same_episode(workshop, tmp_path) -> None:
    workshop.trainer("whole", SEQUENCE=("Second",)).train_progressively()
    workshop.stop_at = "Second: episode 2"
    with pytest.raises(Interrupted, match="can go on with --resume"):
        workshop.trainer(SEQUENCE=("Second",)).train_progressively(isolate=True)
    assert json.loads((tmp_path / "run" / "state.json").read_text())["episode"] == 2
    workshop.stop_at = ""
    workshop.trainer().resume()
    assert left(tmp_path / "run") == left(tmp_path / "whole")


def test_a_plugin_that_was_disabled_stays_so_and_that_is_told_once(workshop, install, tmp_path, capfd) -> None:
    install("rogues", plugins={"rogue": "rogue_plugin"}, rogue_plugin=BROKEN.format(hook="on_episode_end"))
    workshop.trainer(PLUGIN_ERRORS="disable").train_progressively(isolate=True)
    assert (tmp_path / "rogues" / "rogue_plugin.calls").read_text() == "First\n"
    assert capfd.readouterr().err.count("is disabled for the rest of this run") == 1


def test_the_error_of_a_plugin_is_the_same_line(workshop, install) -> None:
    install("rogues", plugins={"rogue": "rogue_plugin"}, rogue_plugin=BROKEN.format(hook="on_bucket_start"))
    told = []
    for run, isolate in (("one", False), ("two", True)):
        with pytest.raises(PluginError) as caught:
            workshop.trainer(run).train_progressively(isolate=isolate)
        told.append((str(caught.value), repr(caught.value.__cause__)))
    assert told[0] == told[1]


def test_a_kill_leaves_the_terminal_its_cursor(workshop, install, tmp_path) -> None:
    install("killer", plugins={"killer": "killer_plugin"}, killer_plugin=ONCE.format(signal="SIGKILL"))
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from progressive_front.cli import main\n"
        "if __name__ == '__main__':\n"
        f"    sys.path[:0] = {[str(tmp_path / name) for name in ('acme', 'killer')]}\n"
        f"    sys.exit(main(['--bucket', 'Second', '--isolate', '--run-dir', {str(tmp_path / 'run')!r}, '-p', 'no:report']))\n"
    )
    ours, its = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen([sys.executable, str(script)], stdout=its, stderr=its, env=environment) as process:
        os.close(its)
        shown = b""
        with suppress(OSError):  # the end, on Linux
            while part := os.read(ours, 1 << 16):
                shown += part
    os.close(ours)
    assert process.returncode == 2
    assert b"was ended by SIGKILL" in shown
    assert -1 < shown.rfind(HIDE) < shown.rfind(SHOW)


def test_when_who_waits_is_killed_the_run_is_free_at_once(workshop, install, tmp_path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from progressive_training import ProgressiveTrainer, resolve\n"
        "if __name__ == '__main__':\n"
        f"    sys.path[:0] = [{str(tmp_path / 'acme')!r}]\n"
        "    settings = resolve(flags={'SEQUENCE': ['First', 'Second'], 'EPISODES': 100_000, 'DEVICE': 'cpu'})\n"
        f"    run = {str(tmp_path / 'run')!r}\n"
        "    trainer = ProgressiveTrainer(lambda line: print(line, flush=True), settings=settings, run_dir=run,\n"
        "        plugins=['no:report', 'no:early_stopping'])\n"
        "    trainer.train_progressively(isolate=True)\n"
    )
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert any("First: episode 3 " in line for line in process.stdout)
        apart = [child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline())]
        with pytest.raises(RunError, match="another process"):
            RunStore.open(tmp_path / "run")
        os.kill(process.pid, signal.SIGKILL)
        psutil.wait_procs(apart, timeout=60)
    RunStore.open(tmp_path / "run").close()


class Own(ValueError):
    """An error of a plugin's own."""


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ConfigError("SEED is -1"), ConfigError, "SEED is -1"),
        (KeyError("SEED"), KeyError, "'SEED'"),
        (OSError(28, "No space left on device", Path("runs")), OSError, "No space left on device: "),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), UnicodeDecodeError, "can't decode byte 0xff"),
        (SystemExit(3), SystemExit, "3"),
        (KeyboardInterrupt(), KeyboardInterrupt, ""),
        (ExceptionGroup("both", [ValueError("one")]), RemoteError, "ExceptionGroup: both (1 sub-exception)"),
        (Own("mine"), RemoteError, "Own: mine"),
        (ValueError({}), RemoteError, "ValueError: {}"),
        (torch.OutOfMemoryError("CUDA out of memory"), RemoteError, "OutOfMemoryError: CUDA out of memory"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_of_ours_or_of_python_crosses_as_itself_and_any_other_as_text(error, kind, text) -> None:
    error.__cause__ = error  # they may go round in a circle
    back = pickle.loads(pickle.dumps(failure_of(error))).error()
    assert type(back) is kind
    assert text in str(back)
    assert type(back.__cause__) is kind
    assert is_shortage(back) == is_shortage(error)


HANDED = """
import os

def write_id(run, text):
    run.progress(f"{text} {[bucket.name for bucket in run.buckets]}")
    (run.store.directory / "pid").write_text(str(os.getpid()))

class Own(ValueError):
    pass

def fail(run):
    raise Own("mine")
"""


def test_a_process_runs_the_function_that_it_is_handed(workshop, install, tmp_path) -> None:
    install("handed", handed=HANDED)
    handed = import_module("handed")
    workshop.trainer().train_progressively()
    registry = installed_registry((), ("weights",), "stop")
    store = RunStore.open(tmp_path / "run")
    said: list[str] = []
    settings = {**defaults(), "SEQUENCE": ("First", "Second"), "DEVICE": "cpu"}
    run = Run(
        buckets=[registry.bucket(name) for name in ("First", "Second")],
        settings=settings,
        device="cpu",
        hooks=Hooks(registry),
        store=store,
        machine=LocalMachine(),
        teachers=(),
        progress=said.append,
        interrupted=lambda: False,
    )
    run_isolated(run, partial(handed.write_id, text="here are"), "the process")
    assert said == ["here are ['First', 'Second']"]
    assert int((tmp_path / "run" / "pid").read_text()) != os.getpid()
    with pytest.raises(RemoteError, match="^Own: mine") as caught:
        run_isolated(run, handed.fail, "the process")
    assert "in fail\n" in caught.value.__notes__[0]
    store.close()
