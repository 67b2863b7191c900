"""Does a study come out the same with any number of workers, and when its workers or its own process are killed? Counts, pass or fail.

    python benchmarks/stress/studies.py                         # 1, 2 and 4 workers, then 20 kills; about 15 minutes on two cores
    python benchmarks/stress/studies.py --engine ray --kills 5  # the same on a local Ray cluster of two
    python benchmarks/stress/studies.py --quick                 # one run, no kill: the tests run this

A study of three small runs, with scratch arms, is trained by the command line, once with each number
of workers. Then it is trained with two of them and, at a time on the clock, a worker or the study's own process gets SIGKILL. A lost worker costs
one attempt, and the study ends by itself; a study whose process was killed must leave no worker behind, and goes on with
`--resume`. Each must then hold the bytes of the first one: plan and summary, and of every run models, versions, cards, metrics and ledger but
for what the clock and the memory say.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from attrs import frozen

SMALL = {
    "EPISODES": 5,
    "TRANSFER_COOLDOWN": 2,
    "SYNTHETIC_BARS": 3000,
    "HORIZON_RANGE": "[1,24]",
    "PARALLEL_EPISODES": 16,
    "EPISODE_BARS": 64,
    "UPDATES_PER_EPISODE": 8,
    "BATCH_SIZE": 128,
    "REPLAY_CAPACITY": 3000,
    "DEVICE": "cpu",
    "FEE": 0,
    "SLIPPAGE": 0,
}
SEQUENCE = "Scalping,Short"
GRID = ("--seeds", "3-5", "--scratch-arms")
PASSING = frozenset({"seconds", "proof_seconds", "shared_seconds", "exchange_seconds", "memory_used", "model_path"})
LONGEST = 900.0
GRACE = 30.0
"""Seconds in which the workers of a killed process must be gone."""
WORKER, PARENT = "a worker", "the study's process"


@frozen
class Place:
    """Where studies are trained, and on which engine."""

    directory: Path
    engine: str

    def begin(
        self, name: str, workers: int, *, grid: Sequence[str] = GRID, sequence: str = SEQUENCE
    ) -> subprocess.Popen[str]:
        """Begin a study."""
        settings = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
        settings += ["--sequence", sequence]
        return self._start("--name", name, *grid, *settings, "-p", "no:report", "--workers", str(workers))

    def resume(self, name: str, workers: int) -> subprocess.Popen[str]:
        """Go on with one."""
        return self._start("--resume", "--name", name, "--workers", str(workers))

    def _start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "progressive_training", "study", "--quiet", "--engine", self.engine, *words]
        return subprocess.Popen(  # noqa: S603  (ours)
            command,
            cwd=self.directory,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def contents(self, name: str) -> dict[str, Any]:
        """Every file of a study that must come out the same: bytes, and what others say but for the clock."""
        study, found = self.directory / "studies" / name, dict[str, Any]()
        for file in sorted(file for file in study.rglob("*") if file.is_file()):
            at = str(file.relative_to(study))
            if "models" in file.parts or file.name == "plan.json":
                found[at] = file.read_bytes()
            elif file.suffix == ".jsonl" and file.name != "log.jsonl":
                found[at] = [lasting(json.loads(line)) for line in file.read_text().splitlines()]
            elif file.name == "summary.json":
                found[at] = json.loads(file.read_text()) | {"study": ""}
        return found


def lasting(value: Any) -> Any:
    """The value without what differs from run to run."""
    if isinstance(value, dict):
        return {key: lasting(item) for key, item in value.items() if key not in PASSING}
    return [lasting(item) for item in value] if isinstance(value, list) else value


def ended(process: subprocess.Popen[str]) -> str:
    """Wait for a study: "", or what went wrong."""
    _, said = process.communicate(timeout=LONGEST)
    return "" if process.returncode == 0 else f"status {process.returncode}: {said[-300:]}"


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    """The processes that train for a study."""
    found = []
    for child in process.children(recursive=True):
        try:
            if "spawn_main" in " ".join(child.cmdline()) or child.name() == "ray::_Actor":
                found.append(child)
        except psutil.Error:  # it has ended meanwhile
            continue
    return found


def killed(place: Place, name: str, victim: str, after: float, rng: random.Random) -> str | None:
    """Train a study, kill `victim` so many seconds after it began, and have it end: "", what went wrong, or None where it had
    ended before."""
    process = place.begin(name, 2)
    study = psutil.Process(process.pid)
    until = time.monotonic() + after
    while time.monotonic() < until or not workers_of(study):
        if process.poll() is not None:
            return None
        time.sleep(0.01)
    working = workers_of(study)
    if victim == WORKER:
        rng.choice(working).send_signal(signal.SIGKILL)
        return ended(process)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(working, timeout=GRACE)
    left = [f"{len(alive)} workers were left behind"] if alive and place.engine != "ray" else []
    return "; ".join([*left, *filter(None, [ended(place.resume(name, 2))])])


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """What one study holds and the other does not, in words."""
    return [
        f"{name} differs"
        if name in found and name in expected
        else f"{name} is {'left over' if name in found else 'missing'}"
        for name in sorted(found.keys() | expected.keys())
        if found.get(name) != expected.get(name)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how many studies came out the same.

    :return: 0, or 1 when one did not.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="local", help="local (default) or ray")
    parser.add_argument("--workers", default="1,2,4", help="numbers of workers to compare (default: 1,2,4)")
    parser.add_argument("--kills", type=int, default=20, help="studies to kill something of (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--quick", action="store_true", help="one run in this machine's simplest engine, no kill")
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)  # noqa: S311  (no secret)
    with TemporaryDirectory() as directory:
        if options.quick:
            place = Place(Path(directory), "here")
            wrong = ended(place.begin("whole", 1, grid=("--seeds", "3"), sequence="Scalping"))
            print(wrong or f"{len(place.contents('whole'))} files are held against one another")
            return int(bool(wrong))
        place = Place(Path(directory), options.engine)
        return int(not all([compare(place, options.workers), kill(place, options.kills, rng)]))


def compare(place: Place, numbers: str) -> bool:
    """Train the study with each number of workers; the first is what all others are held against."""
    fine, expected = True, None
    for number in map(int, numbers.split(",")):
        name = "whole" if expected is None else f"workers-{number}"
        begun = time.monotonic()
        wrong = list(filter(None, [ended(place.begin(name, number))]))
        seconds = time.monotonic() - begun
        expected = place.contents("whole") if expected is None else expected
        wrong += differences(place.contents(name), expected)
        print(
            f"{number} workers, {seconds:.0f} s: {'; '.join(wrong[:5]) or f'{len(expected)} files, all the same'}",
            flush=True,
        )
        fine = fine and not wrong
    return fine


def kill(place: Place, count: int, rng: random.Random) -> bool:
    """Kill a worker, then the study's process, in turn."""
    expected, kills, same = place.contents("whole"), Counter[str](), Counter[str]()
    begun = time.monotonic()
    ended(place.begin("timed", 2))
    seconds = time.monotonic() - begun
    for number in range(1, count + 1):
        victim, wrong, late = (WORKER, PARENT)[number % 2], None, 1.0
        while wrong is None:
            name = f"killed-{number}"
            wrong = killed(place, name, victim, rng.uniform(0.05, 0.95) * late * seconds, rng)
            if wrong is None:
                shutil.rmtree(place.directory / "studies" / name)
                late *= 0.8
        told = list(filter(None, [wrong])) + differences(place.contents(name), expected)
        kills[victim] += 1
        same[victim] += not told
        print(f"{number}/{count} {victim}: {'; '.join(told[:5]) or 'identical'}", file=sys.stderr, flush=True)
        shutil.rmtree(place.directory / "studies" / name)
    for victim in (WORKER, PARENT):
        if kills[victim]:
            print(f"SIGKILL of {victim}: {same[victim]} of {kills[victim]} studies ended identical")
    return same == kills


if __name__ == "__main__":
    sys.exit(main())
