"""Does a run that is killed and resumed end as one that was left alone? One command, one line a moment, pass or fail.

    python benchmarks/stress/kill.py               # a hundred runs, killed at any moment; under 10 minutes
    python benchmarks/stress/kill.py --damage      # and after each kill the newest checkpoint or state.json is damaged
    python benchmarks/stress/kill.py --regimes hmm # with market regimes, and specialists for them

Four small buckets with transfer in every direction are trained by the command line, once undisturbed. Every other run is
killed by SIGKILL, at a time on the clock or at a call of one of its functions (`kill_moments.py`), a third of them once more
while they are resumed, and then left to end. Each must then hold the files of the undisturbed one: every byte of every
model, version and card, and every line of metrics and ledger but for what the clock and the memory say. With `--damage`, a
file is flipped in one bit, cut or emptied before each resume, and must be named in one line.

The undisturbed run is a process of its own. The others are forked from this one, which has imported torch, so that the time
goes into training. In three runs of four checkpoints follow every episode, in the fourth they keep to their share of the
time. What checkpoints cost is for `benchmarks/overhead.py` to say.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch  # noqa: F401  (once, for all runs)
from attrs import field, frozen
from kill_moments import MOMENTS, OPENING, Due, watch

from progressive_app.store.progress import read_commit
from progressive_core.contract.errors import RunError
from progressive_core.engine import sequence
from progressive_front.cli import main as command_line

BUCKETS = ("Scalping", "Short", "Medium", "Long")
SMALL = {
    "EPISODES": 5,
    "TRANSFER_COOLDOWN": 2,
    "SYNTHETIC_BARS": 4000,
    "HORIZON_RANGE": "[1,24]",
    "SEED": 3,  # later buckets change the models of earlier ones twice
    "PARALLEL_EPISODES": 16,
    "EPISODE_BARS": 64,
    "BATCH_SIZE": 128,
    "UPDATES_PER_EPISODE": 8,
    "REPLAY_CAPACITY": 4000,
    "DEVICE": "cpu",
}
WORDS = (
    *("-p", "no:console", "-p", "no:report", "--sequence", ",".join(BUCKETS)),
    *(word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")),
)
GENEROUS = """
from attrs import evolve
from progressive_training import hookimpl

phases = ("initial", "periodic", "reverse")

@hookimpl
def transfer(source, target, context):
    shared = {
        name: tensor.lerp(source.weights[name], 0.3)
        for name, tensor in target.weights.items()
        if name in source.weights and source.weights[name].shape == tensor.shape
    }
    return evolve(target, weights={**target.weights, **shared}) if shared else None
"""
"""A strategy that always offers something, so that much is kept and rolled back, backward too."""
CLOCK = "by the clock"
NOT_BEGUN = "before there was a run"
PASSING = frozenset({"seconds", "proof_seconds", "shared_seconds", "exchange_seconds", "memory_used", "model_path"})
LONGEST = 300.0


@frozen
class Outcome:
    """At which moments a run was killed, and what was not as it should be."""

    moments: list[str] = field(factory=list)
    wrong: list[str] = field(factory=list)


class Stress:
    """The undisturbed run, and what the others are held against."""

    def __init__(self, directory: Path, rng: random.Random, regimes: str | None = None) -> None:
        """:param regimes: what REGIMES names."""
        self.directory, self.rng = directory, rng
        self.words = (*WORDS, *(("--set", f"REGIMES={regimes}") if regimes else ()))
        self.site = directory / "site"
        info = self.site / "generous-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: generous\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[progressive_training.transfers]\ngenerous = generous\n")
        (self.site / "generous.py").write_text(GENEROUS)
        whole = directory / "whole"
        path = os.pathsep.join([str(self.site), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
        words = [sys.executable, "-m", "progressive_training", "--run-dir", str(whole), *self.words]
        subprocess.run(words, env=environment, check=True, capture_output=True, timeout=LONGEST)  # noqa: S603  (ours)
        self.expected = contents(whole)
        kept = [line for line in self.expected["ledger.jsonl"] if line["verdict"] == "kept"]
        self.taught_back = sum(line["phase"] == "reverse" for line in kept)

    def count_moments(self) -> None:
        """Run once more, forked, and see how often each moment comes, and how long it takes."""
        counts: Counter[str] = Counter()
        file = self.directory / "counts.json"

        def count(name: str) -> bool:
            counts[name] += 1
            file.write_text(json.dumps(counts))
            return False

        run = self.directory / "counted"
        begun = time.monotonic()
        self.start(run, count, every_episode=True).wait()
        self.seconds = time.monotonic() - begun
        self.counts: dict[str, int] = json.loads(file.read_text())
        self.forked_differs = differences(contents(run), self.expected)
        shutil.rmtree(run)

    def start(self, run: Path, due: Due | None = None, *, every_episode: bool) -> Process:
        """Begin the run, or go on with it, in a process forked from this one."""
        if (run / "state.json").is_file():
            words = ["--resume", "--run-dir", str(run)]
        else:
            shutil.rmtree(run, ignore_errors=True)
            words = ["--run-dir", str(run), *self.words]
        said = run.with_suffix(".txt")
        sys.stdout.flush()
        child = os.fork()
        if child:
            return Process(child, said)
        try:
            sys.path.insert(0, str(self.site))
            sys.stdout = sys.stderr = said.open("w")
            if every_episode:
                sequence.CHECKPOINT_SHARE = 1.0
            if due is not None:
                watch(due)
            code = command_line(words)
            sys.stdout.flush()
            os._exit(code)
        except BaseException as error:  # noqa: BLE001  (nothing may get out of the fork)
            print(repr(error), file=sys.__stderr__, flush=True)
            os._exit(70)

    def killed_and_resumed(self, number: int, moment: str, *, damage: bool) -> Outcome:
        """One run from its beginning to its end, with a kill or two between; `moment` is the first."""
        run, outcome = self.directory / str(number), Outcome()
        every_episode = moment.startswith(("a checkpoint", "an old")) or self.rng.random() < 0.75
        late = 1.0
        while not outcome.moments:
            if self.kill(run, moment, late, outcome, every_episode=every_episode):
                break
            shutil.rmtree(run)  # it ended before its time on the clock
            late /= 2
        named = self.damage(run) if damage else None
        if self.rng.random() < 1 / 3:
            among = self.rng.choice([[CLOCK], [each.name for each in OPENING], list(self.counts)])
            again = self.rng.choice(among)
            killed = self.kill(run, again, 0.5, outcome, every_episode=every_episode)
            self.check_named(run, named, outcome, killed=killed)
            named = self.damage(run) if damage and killed else None  # else it has ended by itself
        last = self.start(run, every_episode=every_episode)
        if (status := last.wait()) != 0:
            outcome.wrong.append(f"status {status}: {last.said.read_text()[-500:]}")
        else:
            self.check_named(run, named, outcome, killed=False)
            outcome.wrong.extend(differences(contents(run), self.expected))
        shutil.rmtree(run)
        return outcome

    def kill(self, run: Path, moment: str, late: float, outcome: Outcome, *, every_episode: bool) -> bool:
        """Begin or go on, and kill at `moment`; whether it came to that. `late`: how much of all that time may pass."""
        begun = (run / "state.json").is_file()
        if moment == CLOCK:
            process = self.start(run, every_episode=every_episode)
            killed = process.kill_after(self.rng.uniform(0, late * self.seconds))
        else:
            left = itertools.count(self.rng.randint(1, max(1, round(late * self.counts.get(moment, 1)))), -1)
            process = self.start(run, lambda name: name == moment and next(left) == 1, every_episode=every_episode)
            killed = process.wait() == -signal.SIGKILL
        if killed:
            outcome.moments.append(moment if begun or (run / "state.json").is_file() else NOT_BEGUN)
        return killed

    def damage(self, run: Path) -> Path | None:
        """Hurt the newest checkpoint or `state.json`; returns the file, when the run has to see it."""
        state = run / "state.json"
        if not state.is_file():
            return None
        try:
            checkpoint = read_commit(state).checkpoint
        except RunError:
            return state  # damaged before, and killed again before it was made anew
        file = run / "checkpoints" / checkpoint if checkpoint and self.rng.random() < 0.5 else state
        content = bytearray(file.read_bytes() or b"0")
        kind = self.rng.choice(["flip", "cut", "empty"])
        if kind == "flip":
            content[self.rng.randrange(len(content))] ^= 1 << self.rng.randrange(8)
        file.write_bytes({"flip": content, "cut": content[: self.rng.randrange(len(content))]}.get(kind, b""))
        if file == state:
            try:
                read_commit(state)
            except RunError:
                return file
            return None  # only the key of the checksum was hit
        return file

    @staticmethod
    def check_named(run: Path, damaged: Path | None, outcome: Outcome, *, killed: bool) -> None:
        """See that the damaged file was named in one line, unless a kill came before there was time for it."""
        told = run.with_suffix(".txt").read_text().splitlines()
        lines = [line for line in told if damaged is not None and f"{damaged}: " in line and "warning" in line]
        if damaged is not None and len(lines) != 1 and not (killed and not lines):
            outcome.wrong.append(f"{damaged.name} was named in {len(lines)} lines")


@frozen
class Process:
    """A forked run; what it says is in the file `said`."""

    pid: int
    said: Path

    def wait(self) -> int:
        """Its exit status; of one that was killed, the signal's number, negative."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def kill_after(self, seconds: float) -> bool:
        """Kill it then; false when it has ended by itself before."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return False
            time.sleep(min(0.002, max(0.0, until - time.monotonic())))
        os.kill(self.pid, signal.SIGKILL)
        return self.wait() == -signal.SIGKILL


def contents(run: Path) -> dict[str, Any]:
    """Every file of a run that must come out the same: the bytes of models, and what the others say but for the clock."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        name = str(path.relative_to(run))
        if "models" in path.parts:
            found[name] = path.read_bytes()
        elif path.suffix == ".jsonl" and path.name != "log.jsonl":
            found[name] = [_lasting(json.loads(line)) for line in path.read_text().splitlines()]
        elif path.name == "state.json":
            found[name] = _lasting(json.loads(path.read_text())["results"])
        else:
            found[name] = None
    return found


def _lasting(value: Any) -> Any:
    """The value without what differs from run to run."""
    if isinstance(value, dict):
        return {key: _lasting(item) for key, item in value.items() if key not in PASSING}
    return [_lasting(item) for item in value] if isinstance(value, list) else value


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """What one run holds and the other does not, in words."""
    names = sorted(found.keys() | expected.keys())
    wrong = [f"{name} is left over" for name in names if name not in expected]
    wrong += [f"{name} is missing" for name in names if name not in found]
    return wrong + [
        f"{name} differs" for name in names if name in found.keys() & expected and found[name] != expected[name]
    ]


def moments(rng: random.Random, known: Sequence[str]) -> Iterator[str]:
    """Two kills of five by the clock, the others at each moment in turn."""
    while True:
        for name in rng.sample(known, len(known)):
            yield from (
                [CLOCK, CLOCK, name] if rng.random() < 1 / 3 else [CLOCK, name] if rng.random() < 0.5 else [name]
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill as often as asked, and print at which moments, and how many runs ended as the undisturbed one did.

    :return: 0, or 1 when one did not.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="runs to kill (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="at which moments")
    parser.add_argument("--damage", action="store_true", help="damage a file after each kill")
    parser.add_argument("--regimes", help="name of a detector of market regimes")
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)  # noqa: S311  (no secret)
    kills: Counter[str] = Counter()
    same: Counter[str] = Counter()
    identical = 0
    with TemporaryDirectory() as directory:
        stress = Stress(Path(directory), rng, options.regimes)
        stress.count_moments()
        if stress.forked_differs:
            print(f"a forked run is not a spawned one: {'; '.join(stress.forked_differs)}", file=sys.stderr)
            return 1
        drawn = moments(rng, list(stress.counts))
        for number, moment in zip(range(1, options.count + 1), drawn, strict=False):
            outcome = stress.killed_and_resumed(number, moment, damage=options.damage)
            kills.update(outcome.moments)
            identical += not outcome.wrong
            if not outcome.wrong:
                same.update(outcome.moments)
            told = "; ".join(outcome.wrong) or "identical"
            print(f"{number}/{options.count} {', '.join(outcome.moments)}: {told}", file=sys.stderr)
    print(f"{'KILLED':44}{'KILLS':>6}  IDENTICAL")
    for name in (CLOCK, NOT_BEGUN, *(each.name for each in MOMENTS)):
        if name in kills:
            print(f"{name:44}{kills[name]:6}{same[name]:11}")
    print(f"{'all':44}{kills.total():6}{same.total():11}")
    print(
        f"{identical} of {options.count} runs ended identical "
        f"(in each, later buckets changed the models of earlier ones {stress.taught_back} times)"
    )
    return int(identical < options.count)


if __name__ == "__main__":
    sys.exit(main())
