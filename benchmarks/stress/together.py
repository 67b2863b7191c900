"""Do runs that go on at once keep out of each other's way? One command; pairs are counted, and mixed ones fail it.

    python benchmarks/stress/together.py                        # 10 pairs of each kind, with the real buckets; 10 minutes
    python benchmarks/stress/together.py --count 50 --kinds threads

- threads: two trainers in two threads of one process, of other seeds, numbers of threads or both.
- isolated: the same with each bucket in a process of its own, held against both alone and in one process.
- directory: a process trains; others that want its directory, to resume it or to begin there, while a fourth lists runs.
- runs: two processes begin at the same time in one RUNS_DIR, and keep their bars in one cache.

Each run is held against the same one alone: every model to the byte, metrics and ledger but for times, progress lines, and
the events of its log. One that is turned away ends with status 2 and one line.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import fields_dict, frozen

from progressive_app.config.resolve import defaults, overlay
from progressive_training import ProgressiveTrainer

SMALL = {
    "SEQUENCE": ["Scalping", "Short"],
    "EPISODES": 4,
    "SYNTHETIC_BARS": 4000,
    "HORIZON_RANGE": [1, 24],
    "TRANSFER_COOLDOWN": 2,
    "DEVICE": "cpu",
}
LONG = {"EPISODES": 100, "PATIENCE": 100}
"""For a run that is to last until others have come and gone."""
TIMES = {"seconds", "proof_seconds", "shared_seconds", "memory_used"}
OF_THE_MOMENT = {"timestamp", "before", "after", "reason"}
"""What an event tells that is of the machine and not of the run."""
SHARED_CACHE = """
from attrs import evolve
from pathlib import Path
from progressive_training import hookimpl

@hookimpl
def on_bucket_start(bucket, resources):
    return evolve(resources, cache_dir=Path({folder!r}), cache_bytes=1 << 30)
"""


@frozen
class Outcome:
    """What is left of a run: files of models by path, lines, events, and what was told while it went on."""

    models: dict[str, bytes]
    metrics: list[Any]
    ledger: list[Any]
    events: list[Any]
    told: list[str]

    def differs_from(self, alone: Outcome) -> list[str]:
        """What is not as it is alone."""
        return [name for name in fields_dict(Outcome) if getattr(self, name) != getattr(alone, name)]


def outcome(run: Path, told: Sequence[str]) -> Outcome:
    """What `run` left, told alike wherever it lies."""

    def lines(name: str, leave_out: set[str]) -> list[Any]:
        text = (run / name).read_text().replace(str(run), "RUN")
        return [_without(json.loads(line), leave_out) for line in text.splitlines()]

    files = sorted((run / "models").rglob("*.safetensors"))
    return Outcome(
        models={str(file.relative_to(run)): file.read_bytes() for file in files},
        metrics=lines("metrics.jsonl", TIMES),
        ledger=lines("ledger.jsonl", TIMES),
        events=lines("log.jsonl", OF_THE_MOMENT),
        told=[line.replace(str(run), "RUN") for line in told],
    )


def _without(value: Any, leave_out: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, leave_out) for key, item in value.items() if key not in leave_out}
    return [_without(item, leave_out) for item in value] if isinstance(value, list) else value


def train_here(run: Path, settings: Mapping[str, Any], *, isolate: bool = False) -> Outcome:
    """Train in this thread, or in processes that it waits for."""
    told: list[str] = []
    chosen = overlay(defaults(), {**SMALL, **settings}, "together")
    ProgressiveTrainer(told.append, settings=chosen, run_dir=run, plugins=["no:report"]).train_progressively(
        isolate=isolate
    )
    return outcome(run, told)


@contextmanager
def started(*arguments: str, site: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """The command line in a process of its own, with the packages of `site`."""
    path = os.pathsep.join(filter(None, (str(site or ""), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    command = [sys.executable, "-m", "progressive_training", *arguments]
    with subprocess.Popen(  # noqa: S603  (our own command line)
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def small(**settings: Any) -> list[str]:
    """The words of a command line that trains little."""
    chosen = {**SMALL, "SEQUENCE": "Scalping,Short", "HORIZON_RANGE": "[1,24]", **settings}
    return [*(word for key, value in chosen.items() for word in ("--set", f"{key}={value}")), *QUIET]


QUIET = ["-p", "no:console", "-p", "no:report"]


def progress_lines(printed: str) -> list[str]:
    """What a process told of its progress: all before it names the models."""
    return [line for line in printed.splitlines() if ": " in line]


def in_threads(directory: Path, seed: int, *, isolate: bool = False) -> list[str]:
    """Two trainers at once in this process; returns what was mixed."""
    draw = random.Random(seed)  # noqa: S311  (no secret)
    asked = [{"SEED": draw.randrange(1000), "THREADS": draw.choice((1, 2))} for _ in range(2)]
    alone = [train_here(directory / f"alone-{number}", settings) for number, settings in enumerate(asked)]
    wrong: list[str] = []
    together = threading.Barrier(2)

    def train(number: int) -> None:
        together.wait()
        try:
            found = train_here(directory / f"together-{number}", asked[number], isolate=isolate)
            wrong.extend(f"run {number}: {name}" for name in found.differs_from(alone[number]))
        except BaseException as error:  # noqa: BLE001  (whatever it is, it is the other one's doing)
            wrong.append(f"run {number}: {error!r}")

    threads = [threading.Thread(target=train, args=[number]) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def on_one_directory(directory: Path, seed: int) -> list[str]:
    """A process trains, and others want its directory; returns what went wrong."""
    run, words = directory / "run", small(SEED=seed, RUNS_DIR=directory, **LONG)
    wrong: list[str] = []
    with started("--run-dir", str(directory / "alone"), *words) as process:
        told, _ = process.communicate()
        alone = outcome(directory / "alone", progress_lines(told))
    with started("--run-dir", str(run), *words) as first:
        assert first.stdout is not None
        told = first.stdout.readline()  # it has the run
        with (
            started("--resume", "--run-dir", str(run), *QUIET) as resuming,
            started("--run-dir", str(run), *words) as beginning,
            started("runs", "--json", "--set", f"RUNS_DIR={directory}") as listing,
        ):
            for name, process in (("resuming", resuming), ("beginning", beginning)):
                _, refused = process.communicate()
                if process.returncode != 2 or len(refused.splitlines()) != 1 or str(run) not in refused:
                    wrong.append(f"{name} ended with status {process.returncode}: {refused[-300:]!r}")
            listed, _ = listing.communicate()
            if first.poll() is not None:
                wrong.append("the first had ended already")
            if "run" not in [each["name"] for each in json.loads(listed)]:
                wrong.append("the run is not listed")
        rest, errors = first.communicate()
    if first.returncode != 0:
        return [*wrong, f"the first ended with status {first.returncode}: {errors[-300:]!r}"]
    return wrong + outcome(run, progress_lines(told + rest)).differs_from(alone)


def in_one_runs_dir(directory: Path, seed: int) -> list[str]:
    """Two processes begin at once below one directory, and share a cache; returns what was mixed."""
    site, bars, words = directory / "site", directory / "bars.csv", []
    write_bars(bars, seed)
    for name in ("alone", "together"):
        install(site / name, SHARED_CACHE.format(folder=str(directory / f"cache-{name}")))
    words = small(SEED=seed, DATA=bars)
    with started("--run-dir", str(directory / "alone"), *words, site=site / "alone") as process:
        told, errors = process.communicate()
        if process.returncode != 0:
            return [errors]
        alone = outcome(directory / "alone", progress_lines(told))
    wrong = []
    words += ["--set", f"RUNS_DIR={directory / 'runs'}"]
    with (
        started(*words, site=site / "together") as one,
        started(*words, site=site / "together") as other,
    ):
        for process in (one, other):
            told, errors = process.communicate()
            if process.returncode != 0:
                wrong.append(f"status {process.returncode}: {errors[-300:]!r}")
    runs = sorted((directory / "runs").iterdir())
    if len(runs) != 2:
        wrong.append(f"{len(runs)} directories")
    for run in runs:
        wrong += [name for name in outcome(run, alone.told).differs_from(alone) if name != "told"]
    kept = list((directory / "cache-together").iterdir())
    if not kept or any(file.suffix != ".arrays" for file in kept):
        wrong.append(f"in the cache: {[file.name for file in kept]}")
    return wrong


def install(site: Path, source: str) -> None:
    """Put a package into `site` that has one plugin."""
    info = site / "shared-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shared\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[progressive_training.plugins]\nshared = shared_cache\n")
    (site / "shared_cache.py").write_text(source)


def write_bars(file: Path, seed: int) -> None:
    """A random walk of hourly bars."""
    draw = random.Random(seed)  # noqa: S311  (no secret)
    rows, price = ["time,open,high,low,close,volume"], 100.0
    for hour in range(4000):
        close = price * (1 + draw.gauss(0, 0.005))
        time = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
        rows.append(
            f"{time.isoformat()},{price},{max(price, close) * 1.001},{min(price, close) * 0.999},{close},{draw.random()}"
        )
        price = close
    file.write_text("\n".join(rows) + "\n")


KINDS: Mapping[str, Callable[[Path, int], list[str]]] = {
    "threads": in_threads,
    "isolated": partial(in_threads, isolate=True),
    "directory": on_one_directory,
    "runs": in_one_runs_dir,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Try pairs of every kind, and print how many kept apart.

    :return: 0, or 1 when some were mixed.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10, help="pairs of each kind")
    parser.add_argument("--kinds", default=",".join(KINDS), help="which, with commas between them")
    parser.add_argument("--seed", type=int, default=0, help="of the first pair")
    options = parser.parse_args(arguments)
    tried: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for kind in options.kinds.split(","):
        for number in range(options.count):
            with TemporaryDirectory() as directory:
                wrong = KINDS[kind](Path(directory), options.seed + number)
            tried[kind] += 1
            kept[kind] += not wrong
            print(f"{kind} {number + 1}/{options.count}: {'; '.join(wrong) or 'kept apart'}", file=sys.stderr)
    for kind, count in tried.items():
        print(f"{kind:12}{kept[kind]:4} of {count:3}")
    print(f"{'all':12}{kept.total():4} of {tried.total():3} pairs kept apart")
    return int(kept.total() < tried.total())


if __name__ == "__main__":
    sys.exit(main())
