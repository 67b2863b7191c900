"""Run directories from a stranger: values, lines, names, links and pipes that no run has, fed to every command."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen
from fuzz_inputs import NAMES, as_json, changed_bytes, changed_tree
from fuzz_targets import Target, emptied
from fuzz_watch import Broken, Watch
from hypothesis import strategies as st

from progressive_app.config.resolve import defaults
from progressive_app.store.progress import read_progress
from progressive_core.engine.run import Interrupted
from progressive_front.cli import main
from progressive_training import PluginError, ProgressiveTrainer, ProgressiveTrainingError

SMALL = {
    "SEQUENCE": ("Scalping", "Short"),
    "EPISODES": 3,
    "TRANSFER_COOLDOWN": 2,
    "SYNTHETIC_BARS": 2500,
    "HORIZON_RANGE": (1, 12),
    "UPDATES_PER_EPISODE": 2,
    "PARALLEL_EPISODES": 4,
    "EPISODE_BARS": 16,
    "BATCH_SIZE": 16,
    "DEVICE": "cpu",
    "PLUGINS": ("no:report", "no:console"),
}
PLACES = (
    *(".lock", "log.jsonl", "metrics.jsonl", "ledger.jsonl", "state.json", "manifest.json", "config.json", "scratch"),
    *("models", "models/Scalping", "models/Scalping/model.safetensors", "models/Short", "checkpoints", "cache"),
    *("transfer.json", ".state.json.partial", "report.png", "teachers"),
)


@frozen
class Hostile:
    """What is done to a run before a command is given: `path` in it becomes a link, a pipe, other bytes or nothing."""

    command: str
    path: str
    kind: str
    content: bytes = b""


def run_targets(watch: Watch) -> list[Target]:
    """`runs`, `evaluate`, `transfer-report` and `--resume`."""
    base, runs = watch.inside / "base", watch.inside / "runs"
    _train_until(base, "Short: episode 2")
    commands = {"runs": _listed, "evaluate": _told("evaluate"), "transfer-report": _told("transfer-report")}
    commands["resume"] = _resumed

    def feed(hostile: Hostile) -> None:
        emptied(runs)
        shutil.copytree(base, runs / "one")
        _do(hostile, runs / "one", watch.outside)
        commands[hostile.command](runs)

    def read(content: bytes) -> None:
        (base / "state.json").write_bytes(content)
        try:
            read_progress(base)
        finally:
            (base / "state.json").write_bytes(state)

    state = (base / "state.json").read_bytes()
    documents = st.one_of(changed_tree([json.loads(state)]).map(as_json), changed_bytes([state]))
    return [
        Target("runs: state.json", documents, read, r"state\.json", 3000, [state]),
        Target("runs: commands", _hostile(base), feed, r"runs/one|Scalping|Short|RUNS_DIR|config\.json", 1200),
    ]


def _train_until(directory: Path, moment: str) -> None:
    def hear(line: str) -> None:
        if moment in line:
            trainer.interrupt()

    trainer = ProgressiveTrainer(hear, settings={**defaults(), **SMALL}, run_dir=directory)
    with contextlib.suppress(Interrupted):
        trainer.train_progressively()


def _hostile(base: Path) -> st.SearchStrategy[Hostile]:
    words = ["runs", "evaluate", "transfer-report", "transfer-report", "resume", "resume"]
    command = st.sampled_from(words)
    documents = [
        _document(base, name, changed_tree([json.loads((base / name).read_text())]).map(as_json))
        for name in ("state.json", "manifest.json", "config.json")
    ]
    names = st.one_of(st.sampled_from(NAMES), st.text(max_size=8))
    documents.append(_document(base, "state.json", names.map(lambda name: _renamed(base / "state.json", name))))
    documents.append(_document(base, "manifest.json", names.map(lambda name: _renamed(base / "manifest.json", name))))
    for name in ("metrics.jsonl", "ledger.jsonl"):
        lines = [json.loads(line) for line in (base / name).read_text().splitlines()]
        documents.append(_document(base, name, changed_tree([lines]).map(lambda tree: b"\n".join(map(as_json, tree)))))
    every = [str(path.relative_to(base)) for path in base.rglob("*") if path.is_file() and path.stat().st_size]
    files = [_document(base, name, changed_bytes([(base / name).read_bytes()])) for name in sorted(every)]
    kinds = st.sampled_from(["link out", "link nowhere", "link round", "pipe", "gone", "directory"])
    acts = st.builds(Hostile, command, st.sampled_from(PLACES), kinds)
    changed = st.one_of(*documents, *documents, *files)
    return st.one_of(acts, st.builds(lambda word, each: Hostile(word, each[0], "bytes", each[1]), command, changed))


def _document(base: Path, name: str, content: st.SearchStrategy[bytes]) -> st.SearchStrategy[tuple[str, bytes]]:
    return st.tuples(st.just(name), content)


def _renamed(file: Path, name: str) -> bytes:
    """The document with the bucket Scalping called something else."""
    return json.dumps(json.loads(file.read_text().replace('"Scalping"', json.dumps(name)))).encode()


def _do(hostile: Hostile, run: Path, outside: Path) -> None:
    path = run / hostile.path
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    if hostile.kind == "bytes":
        path.write_bytes(hostile.content)
    elif hostile.kind == "pipe":
        os.mkfifo(path)
    elif hostile.kind == "directory":
        path.mkdir()
    elif hostile.kind.startswith("link"):
        aim = {"link out": outside / "precious", "link nowhere": outside / "absent", "link round": path}[hostile.kind]
        path.symlink_to(outside if hostile.kind == "link out" and "." not in path.name else aim)


def _resumed(runs: Path) -> None:
    shown = ("no:report", "console")
    trainer = ProgressiveTrainer(lambda _: trainer.interrupt(), run_dir=runs / "one", plugins=shown)
    try:
        with contextlib.suppress(Interrupted):
            trainer.resume()
    except PluginError as error:
        if "on_episode_end" in str(error):
            raise Broken(f"the console fell over the run: {error}") from error
        raise


def _listed(runs: Path) -> None:
    _spoken(["runs", "--set", f"RUNS_DIR={runs}"])


def _told(command: str) -> Callable[[Path], Any]:
    return lambda runs: _spoken([command, str(runs / "one")])


def _spoken(words: list[str]) -> None:
    """Give a command as a user does.

    :raise ProgressiveTrainingError: it was refused, in one line and with nothing said before.
    :raise Broken: it ended in any other way.
    """
    answer, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(answer), contextlib.redirect_stderr(told):
        code = main(words)
    if code == 0:
        return
    lines = told.getvalue().splitlines()
    errors = [line for line in lines if ": error: " in line]
    if code != 2 or len(errors) != 1 or errors[0] != lines[-1] or any(line.startswith("Traceback") for line in lines):
        raise Broken(f"status {code}: {told.getvalue()[-600:]}")
    if answer.getvalue():
        raise Broken(f"an answer in part: {answer.getvalue()[:200]}")
    raise ProgressiveTrainingError(errors[0])
