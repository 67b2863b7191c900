"""Does a power cut lose anything that was committed? Counts, pass or fail.

    python benchmarks/stress/power.py           # every kind of training; some minutes
    python benchmarks/stress/power.py stages    # one kind; with --every 20 one of twenty states
    python benchmarks/stress/power.py --quick   # one small run, a part of its states: the tests run this
    python benchmarks/stress/power.py --cost    # what waiting for the disk takes of a run's time

A training is recorded: every change of a name, every write and every wait for the disk (`power_disk.py`). Before each wait, and when all is done, each
state is made that a power cut may leave: of what was not waited for, names may be missing in any combination, and files may be as
before, cut short, or hold zeros. From each of them the training must go on, and end with the bytes of the one that was left alone. None may ask for a
repair, lack a commit that was promised, or lose a run that had begun, a finished run neither; a run that had not may be begun in its place.

Many states differ in what a resume removes first. So the runs of each are opened, as a resume opens them, and only those that differ then are trained
to their end. The states are made of second names of the recorded files: that these hold the same bytes at the end shows that nothing
is written through another name.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import shutil
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch  # noqa: F401  (once, for all runs)
from attrs import define, field, frozen
from kill import contents, differences
from power_cost import cost
from power_disk import Disk, Tree, put
from power_record import FORGOTTEN, record
from structlog.testing import capture_logs

from progressive_app.store import creation
from progressive_app.store.progress import STATE, read_commit
from progressive_app.store.run_store import RunStore
from progressive_core.contract.errors import ProgressiveTrainingError
from progressive_core.engine import sequence
from progressive_front.cli import main as command_line

SMALL = {
    "EPISODES": 2,
    "TRANSFER_COOLDOWN": 1,
    "SYNTHETIC_BARS": 3000,
    "HORIZON_RANGE": "[1,12]",
    "PARALLEL_EPISODES": 8,
    "EPISODE_BARS": 64,
    "BATCH_SIZE": 64,
    "UPDATES_PER_EPISODE": 4,
    "REPLAY_CAPACITY": 3000,
    "KEEP_CHECKPOINTS": 1,
    "DEVICE": "cpu",
    "RUNS_DIR": "runs",
}
SETTINGS = tuple(word for key, value in SMALL.items() for word in ("--set", f"{key}={value}"))
QUIET = ("-p", "no:console")
RUN = "new/below/run"
TORN_LOG = b'{"event": "torn\0\0\0\0'


@frozen
class Case:
    """A training: the words that begin it and those that go on with it, where `{run}` is its run, and what is there before."""

    begin: tuple[str, ...]
    resume: tuple[str, ...]
    before: tuple[str, ...] = ()


def _run(*words: str) -> Case:
    return Case(begin=("--run-dir", RUN, *QUIET, *SETTINGS, *words), resume=("--resume", "--run-dir", "{run}", *QUIET))


CASES = {
    "one": _run("--sequence", "Short", "-p", "no:report"),
    "run": _run("--sequence", "Short,Medium"),
    "stages": _run("--sequence", "Scalping,(Short,Medium)"),
    "arms": _run("--sequence", "Short,Medium", "--scratch-arms"),
    "study": Case(
        begin=(
            "study",
            "--name",
            "cut",
            "--seeds",
            "3-4",
            "--sequence",
            "Short",
            "--engine",
            "here",
            "--quiet",
            *SETTINGS,
        ),
        resume=("study", "--resume", "--name", "cut", "--engine", "here", "--quiet"),
    ),
    "fork": Case(
        before=("--run-dir", "runs/parent", "--sequence", "Short", *QUIET, *SETTINGS),
        begin=(
            "--resume",
            "--run-dir",
            "runs/parent",
            "--fork",
            "--sequence",
            "Short,Medium",
            *QUIET,
            "--set",
            "RUNS_DIR=runs",
        ),
        resume=("--resume", "--run-dir", "{run}", "--sequence", "Short,Medium", *QUIET),
    ),
}


@define
class Tally:
    """How many states there were, how many of them were trained to an end, and what was wrong."""

    states: int = 0
    trained: int = 0
    not_begun: int = 0
    finished: int = 0
    wrong: Counter[str] = field(factory=Counter)


class Stress:
    """One case in a directory of its own: its record, the end that is expected, and the ends that are known."""

    def __init__(self, case: Case, directory: Path, rng: random.Random) -> None:
        self.case, self.directory, self.rng = case, directory, rng
        self.record = directory / "record"
        self.ends: dict[str, str] = {}
        self.tally = Tally()

    def note(self) -> Disk:
        """Train once, recorded; returns what is on the disk at its end."""
        root = self.directory / "whole"
        root.mkdir()
        if self.case.before:
            self.succeed(self.forked(root, self.case.before))
        self.succeed(self.forked(root, self.case.begin, lambda: record(root, self.record)))
        self.expected = ending(root)
        self.events = [json.loads(line) for line in (self.record / "events.jsonl").read_text().splitlines()]
        disk = Disk(self.record / "contents")
        for _ in disk.moments(self.events):
            pass
        put(disk.whole(), disk.contents, self.directory / "replayed")
        if told := differences(ending(self.directory / "replayed"), self.expected):
            raise SystemExit(f"the record lacks something: {'; '.join(told)}")
        shutil.rmtree(self.directory / "replayed")
        return disk

    def all(self, every: int = 1, most: float = math.inf) -> None:
        """Try each state, or one of `every` so many, and train at most so many to their end; equal ones once."""
        self.most = most
        self.note()
        disk, seen = Disk(self.record / "contents"), set()
        for _ in disk.moments(self.events):
            for tree in disk.trees(self.rng):
                key = hashlib.sha256(json.dumps([tree, disk.promised]).encode()).digest()
                if key in seen:
                    continue
                seen.add(key)
                if len(seen) % every:
                    continue
                self.tally.states += 1
                if told := self.tried(tree, disk.promised):
                    self.tally.wrong[told] += 1
        for content in disk.contents.iterdir():
            if hashlib.sha256(content.read_bytes()).hexdigest() != content.name:
                self.tally.wrong["a recorded file was written to through another name"] += 1

    def tried(self, tree: Tree, promised: dict[str, Any]) -> str:
        """What is wrong when the training goes on from there, "" where nothing is."""
        root = self.directory / "cut"
        shutil.rmtree(root, ignore_errors=True)
        put(tree, self.record / "contents", root)
        stores = sorted(path.parent.relative_to(root).as_posix() for path in root.rglob(STATE))
        if lost := [place for place in promised if place not in stores]:
            return f"{lost[0]}: begun, and gone"
        begun = [place for place in stores if place != "runs/parent"]
        if not begun and self.case.resume[0] != "study":
            self.tally.not_begun += 1
            return "" if self.case.before else _can_begin(root / RUN)
        if self.case.resume[0] == "study" and not (root / "studies/cut/plan.json").is_file():
            self.tally.not_begun += 1
            return ""
        self.tally.finished += any(each[-1] == "finished" for each in promised.values())
        with capture_logs() as logs:
            for place in stores:
                if told := _opened(root / place, promised.get(place)):
                    return told
        if warned := [each for each in logs if each["log_level"] == "warning"]:
            return f"{warned[0]['event']}"
        key = hashlib.sha256(
            json.dumps([[name, str(content)] for name, content in sorted(_files(root).items())]).encode()
        ).hexdigest()
        if key not in self.ends and self.tally.trained < self.most:
            self.tally.trained += 1
            self.ends[key] = self.trained(tree, root, begun)
        return self.ends.get(key, "")

    def trained(self, tree: Tree, root: Path, begun: Sequence[str]) -> str:
        """Go on as a user does, from the state as the power cut left it, and compare the end."""
        shutil.rmtree(root)
        put(tree, self.record / "contents", root)
        for place in begun:
            (root / place / "log.jsonl").write_bytes(TORN_LOG)
        words = [word.format(run=begun[0] if begun else RUN) for word in self.case.resume]
        status, said = self.forked(root, words)
        if status:
            return f"status {status}: {said[-300:]}"
        try:
            return "; ".join(differences(ending(root), self.expected))
        except ValueError as error:
            return f"ends with damaged files: {error}"

    def forked(self, root: Path, words: Sequence[str], prepare: Callable[[], None] = lambda: None) -> tuple[int, str]:
        """The exit status of a command line in a process forked from this one, and what it said."""
        said = self.directory / "said.txt"
        sys.stdout.flush()
        child = os.fork()
        if not child:
            try:
                os.chdir(root)
                sys.stdout = sys.stderr = said.open("w")
                sequence.CHECKPOINT_SHARE = 1.0  # one after every episode
                prepare()
                status = command_line(list(words))
                sys.stdout.flush()
                os._exit(status)
            except BaseException:  # noqa: BLE001  (nothing may get out of the fork)
                traceback.print_exc(file=sys.__stderr__)
                os._exit(70)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return status, said.read_text()

    @staticmethod
    def succeed(ended: tuple[int, str]) -> None:
        """Stop where a command that must succeed has not."""
        if ended[0]:
            raise SystemExit(f"status {ended[0]}: {ended[1]}")


def _go_on(_: Any) -> None:
    """In the place of waiting for the disk."""


def _opened(directory: Path, promised: Sequence[Any] | None) -> str:
    """Open a run as a resume does; what is wrong with it."""
    try:
        status = read_commit(directory / STATE).status
        store = RunStore.open(directory)
    except ProgressiveTrainingError as error:
        return str(error)
    store.close()
    commit = store.progress
    if store.repaired:
        return store.repaired
    if promised and (len(commit.results), commit.episode) < tuple(promised[:2]):
        return f"{directory.name} stands at {len(commit.results)} buckets and episode {commit.episode}, promised were {promised[:2]}"
    if promised and promised[2] == "finished" != status:
        return f"{directory.name} is {status}, and was finished"
    return ""


def _can_begin(directory: Path) -> str:
    try:
        creation.take_empty_directory(directory).release()
    except ProgressiveTrainingError as error:
        return f"not begun, and cannot be begun: {error}"
    return ""


def _files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).digest()
        for path in root.rglob("*")
        if path.is_file() and not FORGOTTEN & set(path.relative_to(root).parts)
    }


def ending(root: Path) -> dict[str, Any]:
    """What must be the same at every end; a fork's name is made of the time."""
    found: dict[str, Any] = {}
    for name, content in contents(root).items():
        parts = Path(name).parts
        if not FORGOTTEN & set(parts):
            forked = parts[0] == "runs" and parts[1] != "parent"
            place = "/".join(("fork", *parts[2:]) if forked else parts)
            found[place] = (root / name).read_bytes() if "accounts" in parts else content
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the states of each case, and print how many there were.

    :return: 0, or 1 where one was wrong.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="KIND", help=f"of {', '.join(CASES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="one run, a part of its states")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="one of N states")
    parser.add_argument("--cost", type=int, nargs="?", const=3, metavar="PAIRS", help="measure what waiting takes")
    parser.add_argument("--seed", type=int, default=0, help="which of many subsets")
    options = parser.parse_args(arguments)
    if options.cost:
        return cost(options.cost)
    os.fsync = _go_on  # type: ignore[assignment]  # nothing here is to outlive a power cut
    bad = 0
    print(f"{'TRAINING':10}{'STATES':>8}{'NOT BEGUN':>11}{'FINISHED':>10}{'TRAINED':>9}{'WRONG':>7}")
    for name in ("one",) if options.quick else options.cases or [name for name in CASES if name != "one"]:
        with TemporaryDirectory() as directory:
            stress = Stress(CASES[name], Path(directory), random.Random(options.seed))  # noqa: S311  (no secret)
            stress.all(9, 1) if options.quick else stress.all(options.every)
        tally = stress.tally
        print(
            f"{name:10}{tally.states:8}{tally.not_begun:11}{tally.finished:10}{tally.trained:9}{tally.wrong.total():7}",
            flush=True,
        )
        for told, count in tally.wrong.most_common(20):
            print(f"  {count} x {told}", file=sys.stderr)
        bad += tally.wrong.total()
    print(f"{bad} states lost something")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
