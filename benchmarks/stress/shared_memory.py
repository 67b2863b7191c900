"""What does another worker on the same bars take? Workers that train at once share the market's pages; this prints what is left.

    python benchmarks/stress/shared_memory.py                   # 4 workers, a million bars; some 2 minutes
    python benchmarks/stress/shared_memory.py --workers 2 --bars 200000

Each worker is a run of its own (`progressive-training`, one bucket, a seed of its own) on one file of bars. They are measured
while all of them train, with one CACHE_DIR that they share, and without a cache, each with a market of its own. PSS is what
Linux counts as a process's own: its private memory, and of shared pages its part. Passes where sharing saves at least half of
the market's features for each worker.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import pandas as pd
from attrs import frozen

from progressive_market.bars import synthetic_bars
from progressive_market.features.feature_table import BUILT_IN, SCALES

MB = 1e6
LONGEST_WAIT = 900.0
"""Seconds in which all workers must have trained an episode."""


@frozen
class Held:
    """MB that one worker holds: of the whole machine's memory (`pss`), resident with all that it shares (`rss`), and `private`."""

    pss: float
    rss: float
    private: float


def held_by(process: int) -> Held:
    """What a process holds now, by the kernel."""
    sizes: dict[str, float] = {}
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]:
        name, size, *_ = line.split()
        sizes[name.rstrip(":")] = float(size) * 1024 / MB
    return Held(sizes["Pss"], sizes["Rss"], sizes["Private_Clean"] + sizes["Private_Dirty"])


@contextmanager
def workers_on(bars: Path, count: int, room: Path, settings: Mapping[str, object]) -> Iterator[list[int]]:
    """The processes of `count` runs in `room`, all of which have trained an episode and go on."""
    started = []
    try:
        for number in range(count):
            run = room / f"run-{number}"
            chosen = {"DATA": bars, "SEED": number, "SEQUENCE": "Scalping", "DEVICE": "cpu", **settings}
            asked = [word for key, value in chosen.items() for word in ("--set", f"{key}={value}")]
            command = [sys.executable, "-m", "progressive_training", "--quiet", "--run-dir", str(run), *asked]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            with (room / f"run-{number}.txt").open("w") as told:
                started.append(subprocess.Popen(command, env=environment, cwd=room, stdout=told, stderr=told))  # noqa: S603
        end = monotonic() + LONGEST_WAIT
        while not all(_has_trained(room / f"run-{number}") for number in range(count)):
            if monotonic() > end or any(process.poll() is not None for process in started):
                raise SystemExit("".join((room / f"run-{number}.txt").read_text() for number in range(count)))
            sleep(0.2)
        yield [process.pid for process in started]
    finally:
        for process in started:
            process.send_signal(signal.SIGKILL)
            process.wait()


def _has_trained(run: Path) -> bool:
    metrics = run / "metrics.jsonl"
    return metrics.is_file() and metrics.read_bytes().count(b"\n") > 0


def measured(bars: Path, count: int, settings: Mapping[str, object]) -> list[Held]:
    """What each worker holds while all train."""
    with TemporaryDirectory() as room, workers_on(bars, count, Path(room), settings) as processes:
        return [held_by(process) for process in processes]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure workers that share, and workers that do not, and print both.

    :return: 0, or 1 where sharing saves too little.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=4, help="runs at once (default: 4)")
    parser.add_argument("--bars", type=int, default=1_000_000, help="bars of the market (default: a million)")
    options = parser.parse_args(arguments)
    features = options.bars * len(BUILT_IN) * len(SCALES) * 4 / MB
    print(f"{options.workers} workers on {options.bars:,} bars, whose features are {features:.0f} MB")
    print(f"{'':24}{'PSS MB':>10}{'RSS MB':>10}{'private MB':>12}   of a worker, the mean of all")
    with TemporaryDirectory() as directory:
        file = Path(directory) / "bars.parquet"
        write_bars(file, options.bars)
        means = {}
        cases: dict[str, dict[str, object]] = {
            "with a shared cache": {"CACHE_DIR": directory},
            "without a cache": {"CACHE_MB": 0},
        }
        for name, settings in cases.items():
            held = measured(file, options.workers, {"EPISODES": 100_000, "PATIENCE": 100_000, **settings})
            pss, rss, private = (
                sum(values) / len(held) for values in zip(*((h.pss, h.rss, h.private) for h in held), strict=True)
            )
            means[name] = pss
            print(f"{name:24}{pss:10.0f}{rss:10.0f}{private:12.0f}", flush=True)
    saved = means["without a cache"] - means["with a shared cache"]
    passed = saved >= features / 2
    print(f"{saved:.0f} MB less for each worker: {'pass' if passed else 'FAIL'}")
    return int(not passed)


def write_bars(file: Path, count: int) -> None:
    """A synthetic market as a file of bars of a minute."""
    bars = synthetic_bars(count, 1)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    start = pd.Timestamp("2015-01-01", tz="UTC")
    pd.DataFrame({"time": pd.date_range(start, periods=count, freq="min"), **columns}).to_parquet(file)


if __name__ == "__main__":
    sys.exit(main())
