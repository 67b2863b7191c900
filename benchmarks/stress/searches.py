"""Does a search come out the same with any workers, and when its workers and its own process are killed again and again? Pass or fail.

    python benchmarks/stress/searches.py                  # 10 searches, killed until they end; some half an hour on two cores
    python benchmarks/stress/searches.py --compare        # no kill: 1 (here), 2 and 4 workers, and a local Ray cluster of 2
    python benchmarks/stress/searches.py --quick          # one small search, no kill: the tests run this

Two small searches are carried out by the command line, and left alone: one with a bad setting, in whose place a better one is adopted, so
that fresh seeds and the run of the choice are trained too, and one with the defaults. Then each is begun again and again. At a time on the
clock its own process gets SIGKILL, or one of its workers, and then anew, until it ends. It must then hold the bytes of the one that was left
alone: plan, choice, report, `tune.json`, trials in the journal, none of which is left running, and of every run models, versions, cards, metrics
and ledger but for what the clock and the memory say. No process may be left, and no file that is half written.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from attrs import field, frozen
from optuna import load_study
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from studies import GRACE, LONGEST, differences, ended, lasting, workers_of

SMALL = {
    "HORIZON_RANGE": "[1,24]",
    "EPISODES": 12,
    "PARALLEL_EPISODES": 16,
    "EPISODE_BARS": 64,
    "UPDATES_PER_EPISODE": 8,
    "REPLAY_CAPACITY": 4000,
    "BATCH_SIZE": 128,
    "DEVICE": "cpu",
}
BAD = {"HOLDING": 1}
"""It never trades."""
SEARCHES = {"bad": BAD, "defaults": {}}
SPACE = "LEARNING_RATE=5e-4..4e-3:log,HOLDING=0..0.02"
BARS = 4000
ENGINES = (("local", 2), ("local", 4), ("ray", 2))
WORKER, PARENT = "a worker", "the search's process"
NAME = "it"


def bars_beside(directory: Path) -> Path:
    """A file of hourly bars each of which takes back a part of the one before, the same for all searches."""
    file, rng = directory.parent / "bars.csv", random.Random(0)  # noqa: S311  (no secret)
    if not file.is_file():
        begun = datetime(2021, 1, 1, tzinfo=UTC)
        lines, growth, close = ["time,open,high,low,close,volume"], 0.0, 100.0
        for hour in range(BARS):
            growth = rng.gauss(0, 0.01) - 0.6 * growth
            bar = f"{close:.4f},{max(close, close * math.exp(growth)):.4f},{min(close, close * math.exp(growth)):.4f}"
            close *= math.exp(growth)
            lines.append(f"{begun + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ},{bar},{close:.4f},{rng.randint(1, 99)}")
        file.write_text("\n".join([*lines, ""]))
    return file


@frozen
class Search:
    """A search in a directory of its own, begun with the settings `own`; and who trains there."""

    directory: Path
    own: dict[str, Any]
    engine: str = "local"
    workers: int = 2
    trials: int = 8

    @property
    def files(self) -> Path:
        """Its directory in that one."""
        return self.directory / "tune" / NAME

    def start(self) -> subprocess.Popen[str]:
        """Begin it, or go on with it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        words = ["--resume"]
        if not (self.files / "plan.json").is_file():
            settings = {**SMALL, "DATA": bars_beside(self.directory), **self.own}
            words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
            words += ["--bucket", "Scalping", "--trials", str(self.trials), "--space", SPACE]
        command = [sys.executable, "-m", "progressive_training", "tune", "--quiet", "--name", NAME, *words]
        return subprocess.Popen(  # noqa: S603  (ours)
            [*command, "--engine", self.engine, "--workers", str(self.workers)],
            cwd=self.directory,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def contents(self) -> dict[str, Any]:
        """Every file that must come out the same: bytes, and what others say but for the clock."""
        found = dict[str, Any]()
        for file in sorted(file for file in self.files.rglob("*") if file.is_file()):
            at = str(file.relative_to(self.files))
            if file.name == "journal.log":
                found[at] = trials_in(file)
            elif "models" in file.parts or file.parent == self.files:
                found[at] = file.read_bytes()
            elif file.suffix == ".jsonl" and file.name != "log.jsonl":
                found[at] = [lasting(json.loads(line)) for line in file.read_text().splitlines()]
            elif file.name == "state.json":
                found[at] = lasting(json.loads(file.read_text())["results"])
            else:
                found[at] = None
        return found


@frozen
class Outcome:
    """What was killed of a search, how often, and what was not as it should be."""

    kills: Counter[str] = field(factory=Counter)
    wrong: list[str] = field(factory=list)


def trials_in(journal: Path) -> list[tuple[Any, ...]]:
    """What a journal holds of each trial, as Optuna reads it."""
    storage = JournalStorage(JournalFileBackend(str(journal)))
    trials = load_study(study_name=NAME, storage=storage).trials
    return [(each.state.name, each.values, each.params, each.user_attrs, each.intermediate_values) for each in trials]


def killed_until_it_ends(search: Search, seconds: float, rng: random.Random) -> Outcome:
    """Carry a search out, and kill its process and a worker in turn at a time on the clock, `seconds` from one another at most."""
    outcome, until = Outcome(), time.monotonic() + LONGEST
    victims = itertools.cycle(rng.sample((WORKER, PARENT), 2))
    while time.monotonic() < until:
        process, seen = search.start(), set[psutil.Process]()
        while (working := seen_after(rng.uniform(0, seconds), process)) is not None:
            seen.update(working)
            victim = next(victims) if working else PARENT
            outcome.kills[victim] += 1
            if victim == PARENT:
                process.kill()
                break
            with suppress(psutil.NoSuchProcess):
                rng.choice(working).kill()
        said = ended(process)
        _, alive = psutil.wait_procs(seen, timeout=GRACE)
        outcome.wrong.extend([f"{len(alive)} workers were left behind"] * bool(alive))
        if process.returncode != -signal.SIGKILL and "tune --resume" not in said:  # where one run lost five workers
            outcome.wrong.extend(filter(None, [said]))
            return outcome
    outcome.wrong.append(f"not ended after {LONGEST:.0f} s")
    return outcome


def seen_after(seconds: float, process: subprocess.Popen[str]) -> list[psutil.Process] | None:
    """Who works for a search so many seconds from now; None where it ends before."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return workers_of(psutil.Process(process.pid))
    return None


def told_of(search: Search) -> str:
    """How a search ended, in words."""
    (choice,) = json.loads((search.files / "choice.json").read_text())["buckets"]
    (found,) = json.loads((search.files / "tune.json").read_text())["buckets"]
    given_up = sum(trial["status"] == "pruned" for trial in found["trials"])
    outcome = "adopted" if choice["adopted"] else "not adopted"
    return f"{choice['trials']} trials, {given_up} given up; trial {choice['best']} {outcome}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how many searches came out the same.

    :return: 0, or 1 when one did not.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searches", type=int, default=10, help="to kill until they end (default: 10)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--compare", action="store_true", help="engines and numbers of workers, without a kill")
    parser.add_argument("--quick", action="store_true", help="one search with this machine's simplest engine, no kill")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as place:
        directory = Path(place)
        if options.quick:
            search = Search(directory, {"EPISODES": 2}, "here", 1, trials=2)
            wrong = ended(search.start())
            print(wrong or f"{len(search.contents())} files are held against one another: {told_of(search)}")
            return int(bool(wrong))
        work = compare if options.compare else kill
        return int(not work(directory, options.searches, random.Random(options.seed)))  # noqa: S311  (no secret)


def whole(search: Search) -> tuple[dict[str, Any], float]:
    """Carry a search out that is left alone: what it holds, and its seconds."""
    begun = time.monotonic()
    if wrong := ended(search.start()):
        raise SystemExit(wrong)
    seconds = time.monotonic() - begun
    print(f"{search.directory.name}: {seconds:.0f} s; {told_of(search)}", flush=True)
    return search.contents(), seconds


def compare(directory: Path, _: int, __: random.Random) -> bool:
    """Carry one search out on each engine; the first is what all others are held against."""
    expected = whole(Search(directory / "here-1", BAD, "here", 1))[0]
    fine = True
    for engine, workers in ENGINES:
        search = Search(directory / f"{engine}-{workers}", BAD, engine, workers)
        wrong = differences(whole(search)[0], expected)
        print(
            f"{engine}, {workers} workers: {'; '.join(wrong[:5]) or f'{len(expected)} files, all the same'}", flush=True
        )
        fine = fine and not wrong
    return fine


def kill(directory: Path, count: int, rng: random.Random) -> bool:
    """Carry the searches out in turn, killed until they end."""
    left_alone = [(own, *whole(Search(directory / f"{name}-whole", own))) for name, own in SEARCHES.items()]
    names, kills, same = list(SEARCHES), Counter[str](), 0
    for number in range(1, count + 1):
        own, expected, seconds = left_alone[(number - 1) % len(left_alone)]
        search, outcome, late = Search(directory / str(number), own), Outcome(), 0.8
        while set(outcome.kills) != {WORKER, PARENT} and not outcome.wrong:  # else it ended before
            shutil.rmtree(search.directory, ignore_errors=True)
            outcome = killed_until_it_ends(search, late * seconds, rng)
            late *= 0.7
        wrong = outcome.wrong or differences(search.contents(), expected)
        kills += outcome.kills
        same += not wrong
        times = ", ".join(f"{victim} {outcome.kills[victim]}" for victim in (WORKER, PARENT))
        print(
            f"{number}/{count}, {names[(number - 1) % len(names)]} ({times}): {'; '.join(wrong[:5]) or 'identical'}",
            flush=True,
        )
        shutil.rmtree(search.directory)
    print(
        f"SIGKILL: {WORKER} {kills[WORKER]} times, {PARENT} {kills[PARENT]} times; {same} of {count} searches ended identical"
    )
    return same == count


if __name__ == "__main__":
    sys.exit(main())
