"""Do a study, stages and a walk-forward come out the same on each engine, with any workers, after any kill? Counts, pass or fail.

    python benchmarks/stress/workers.py                           # 1, 2 and 4 workers and a local Ray cluster of 2, then 20 kills
    python benchmarks/stress/workers.py --kills 5 --engine ray    # kills on Ray alone
    python benchmarks/stress/workers.py --speed                   # how much faster are two workers? On idle cores only
    python benchmarks/stress/workers.py --quick                   # stages with one worker, no kill

Each is begun by the command line. At a time on the clock a worker, or the process that waits for the workers, gets SIGKILL. A lost worker
costs one attempt of one task; what lost its own process must leave no worker behind, and goes on with `--resume`. All must hold the bytes
of the first one, which had one worker: models, cards, versions, plans, and what metrics, ledger and results say but for the clock and memory.
`studies.py` holds a larger study to the same.
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
from studies import GRACE, LONGEST, differences, ended, lasting, workers_of

SMALL = {
    "TRANSFER_COOLDOWN": 2,
    "SYNTHETIC_BARS": 4000,
    "HORIZON_RANGE": "[1,24]",
    "PARALLEL_EPISODES": 16,
    "EPISODE_BARS": 64,
    "UPDATES_PER_EPISODE": 8,
    "REPLAY_CAPACITY": 4000,
    "BATCH_SIZE": 128,
    "SEED": 3,
    "DEVICE": "cpu",
    "FEE": 0,
    "SLIPPAGE": 0,
}
NO_REPORT = ("-p", "no:report", "-p", "no:console")
WORKER, PARENT = "a worker", "the process that waits"
ENGINES = (("here", 1), ("local", 2), ("local", 4), ("ray", 2))


@frozen
class Work:
    """What is trained: the words that begin it, those that go on with it, and where it is."""

    name: str
    begin: tuple[str, ...]
    resume: tuple[str, ...]
    directory: str


WORKS = (
    Work(
        "study",
        ("study", "--name", "it", "--seeds", "3-4", "--scratch-arms", "--set", 'SEQUENCE=["Scalping","Short"]'),
        ("study", "--resume", "--name", "it"),
        "studies/it",
    ),
    Work(
        "stages",
        ("--sequence", "Scalping,(Short,Medium)", "--run-dir", "it"),
        ("--resume", "--run-dir", "it"),
        "it",
    ),
    Work(
        "walk-forward",
        ("walk-forward", "--name", "it", "--folds", "3", "--bucket", "Scalping", "--set", "WARM_START=never"),
        ("walk-forward", "--resume", "--name", "it"),
        "studies/it",
    ),
)


@frozen
class Place:
    """A directory of its own for one training, and who trains there."""

    work: Work
    directory: Path
    engine: str
    workers: int
    episodes: int = 6

    def start(self, *, resume: bool = False) -> subprocess.Popen[str]:
        """Begin, or go on."""
        self.directory.mkdir(parents=True, exist_ok=True)
        words = list(self.work.resume if resume else self.work.begin)
        if not resume:
            own = {key: value for key, value in SMALL.items() if not (self.work.name == "study" and key == "SEED")}
            own["EPISODES"] = self.episodes
            words += [word for key, value in own.items() for word in ("--set", f"{key}={value}")]
            words += NO_REPORT if self.work.name != "walk-forward" else ()
        words += ["--quiet", "--engine", self.engine, "--workers", str(self.workers)]
        return subprocess.Popen(  # noqa: S603  (ours)
            [sys.executable, "-m", "progressive_training", *words],
            cwd=self.directory,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def contents(self) -> dict[str, Any]:
        """Every file that must come out the same: bytes, and what others say but for the clock."""
        root, found = self.directory / self.work.directory, dict[str, Any]()
        for file in sorted(file for file in root.rglob("*") if file.is_file()):
            at = str(file.relative_to(root))
            if "models" in file.parts or file.name == "plan.json":
                found[at] = file.read_bytes()
            elif file.suffix == ".jsonl" and file.name != "log.jsonl":
                found[at] = [lasting(json.loads(line)) for line in file.read_text().splitlines()]
            elif file.name == "state.json":
                found[at] = lasting(json.loads(file.read_text())["results"])
            elif file.name in {"summary.json", "walk_forward.json"}:
                found[at] = lasting(json.loads(file.read_text()))
        return found

    def killed(self, victim: str, after: float, rng: random.Random) -> str | None:
        """Train, kill `victim` so many seconds after the beginning, and have it end: "", what went wrong, or None where it had ended
        before."""
        process = self.start()
        until, parent = time.monotonic() + after, psutil.Process(process.pid)
        while time.monotonic() < until or not workers_of(parent):
            if process.poll() is not None:
                process.communicate()
                return None
            time.sleep(0.01)
        working = workers_of(parent)
        if victim == WORKER:
            rng.choice(working).send_signal(signal.SIGKILL)
            return ended(process)
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(working, timeout=GRACE)
        left = f"{len(alive)} workers were left behind" if alive else ""
        begun = any(self.directory.rglob("state.json")) or any(self.directory.rglob("plan.json"))
        return left or ended(self.start(resume=begun))


def compare(place: Path, work: Work, engines: Sequence[tuple[str, int]]) -> dict[str, Any] | None:
    """Train on each engine; the first is what all others are held against, and is returned where all are the same."""
    expected: dict[str, Any] | None = None
    fine = True
    for engine, workers in engines:
        here = Place(work, place / f"{work.name}-{engine}-{workers}", engine, workers)
        begun = time.monotonic()
        wrong = list(filter(None, [ended(here.start())]))
        seconds = time.monotonic() - begun
        found = here.contents()
        expected = found if expected is None else expected
        wrong += differences(found, expected)
        said = "; ".join(wrong[:5]) or f"{len(expected)} files, all the same"
        print(f"{work.name}, {engine}, {workers} at once, {seconds:.0f} s: {said}", flush=True)
        fine = fine and not wrong
        shutil.rmtree(here.directory)
    return expected if fine else None


def kill(place: Path, expected: dict[str, dict[str, Any]], engine: str, count: int, rng: random.Random) -> bool:
    """Kill a worker, then the process that waits, of each work in turn."""
    kills, same, longest = Counter[str](), Counter[str](), dict.fromkeys(expected, 0.0)
    works = [work for work in WORKS if work.name in expected]
    for number in range(count):
        work, victim, wrong = works[number % len(works)], (WORKER, PARENT)[number // len(works) % 2], None
        here = Place(work, place / f"{work.name}-killed-{number}", engine, 2)
        if not longest[work.name]:
            begun = time.monotonic()
            ended(here.start())
            longest[work.name] = time.monotonic() - begun
            shutil.rmtree(here.directory)
        late = 1.0
        while wrong is None:
            wrong = here.killed(victim, rng.uniform(0.1, 0.9) * late * longest[work.name], rng)
            if wrong is None:
                shutil.rmtree(here.directory)
                late *= 0.8
        told = list(filter(None, [wrong])) + differences(here.contents(), expected[work.name])
        key = f"{victim} of a {work.name}"
        kills[key] += 1
        same[key] += not told
        print(f"{number + 1}/{count} {key}: {'; '.join(told[:5]) or 'identical'}", file=sys.stderr, flush=True)
        shutil.rmtree(here.directory)
    for key, number in kills.items():
        print(f"SIGKILL of {key}, {engine}: {same[key]} of {number} ended identical")
    print(f"{same.total()} of {kills.total()} on {engine} ended identical")
    return same == kills


def speed(place: Path) -> bool:
    """Train four runs of more than 10 s with one worker and with two."""
    long = (
        "--set",
        "SYNTHETIC_BARS=20000",
        "--set",
        "EPISODES=120",
        "--set",
        "UPDATES_PER_EPISODE=32",
        "-p",
        "no:early_stopping",
    )
    words = ("study", "--name", "it", "--seeds", "0-3", "--set", 'SEQUENCE=["Medium"]', "--set", "DEVICE=cpu", *long)
    seconds = {}
    for workers in (1, 2):
        here = place / f"speed-{workers}"
        here.mkdir()
        begun = time.monotonic()
        command = [sys.executable, "-m", "progressive_training", *words, "-p", "no:report", "--quiet"]
        subprocess.run(  # noqa: S603  (ours)
            [*command, "--engine", "local", "--workers", str(workers)],
            cwd=here,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=True,
            capture_output=True,
            timeout=LONGEST,
        )
        seconds[workers] = time.monotonic() - begun
        print(f"{workers} at once: {seconds[workers]:.1f} s for 4 runs", flush=True)
    ratio = seconds[1] / seconds[2]
    print(f"two workers are {ratio:.2f} times one (at least 1.7 is wanted, on two idle cores)")
    return ratio >= 1.7


def _quick(place: Place) -> int:
    wrong = ended(place.start())
    print(wrong or f"{len(place.contents())} files are held against one another")
    return int(bool(wrong))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what came out the same.

    :return: 0, or 1 where something did not.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--engine", choices=("local", "ray"), help="kill on this one, and compare it alone with one worker"
    )
    parser.add_argument("--works", default="study,stages,walk-forward", help="which of these (default: all)")
    parser.add_argument("--kills", type=int, default=20, help="how often something is killed (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--speed", action="store_true", help="compare the time of one worker and of two")
    parser.add_argument("--quick", action="store_true", help="stages with one worker, no kill")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as directory:
        place = Path(directory)
        if options.quick:
            return _quick(Place(WORKS[1], place, "here", 1, episodes=1))
        if options.speed:
            return int(not speed(place))
        engines = [each for each in ENGINES if options.engine is None or each[0] in {"here", options.engine}]
        works = [work for work in WORKS if work.name in options.works.split(",")]
        found = {work.name: compare(place, work, engines) for work in works}
        same = {name: contents for name, contents in found.items() if contents is not None}
        rng = random.Random(options.seed)  # noqa: S311  (no secret)
        killed = not options.kills or kill(place, same, options.engine or "local", options.kills, rng)
        return int(not (killed and len(same) == len(found)))


if __name__ == "__main__":
    sys.exit(main())
