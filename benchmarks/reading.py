"""What does reading a long CSV take beside plain pyarrow? One command, one table, pass or fail.

    python benchmarks/reading.py                   # four million bars of a minute; a minute
    python benchmarks/reading.py --bars 1000000 --rounds 9

`load_bars`, which finds what the columns mean, looks at every row and cleans them, beside `pyarrow.csv.read_csv(...).to_pandas()`,
and beside the table of `read_csv` alone. Each reads in a process of its own, in turns: processor seconds on one thread, and how
far the memory rises above what imports hold; medians of the rounds. It passes where `load_bars` takes at most 1.2 times what the
frame of pyarrow takes, of both.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import history
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv
from attrs import frozen

from progressive_market.bars import load_bars
from progressive_market.bars.synthetic import synthetic_bars

MOST = 1.2
OURS, FRAME, TABLE = "load_bars", "pyarrow, frame", "pyarrow, table"
READERS: dict[str, Callable[[str], Any]] = {
    OURS: load_bars,
    FRAME: lambda file: pa.csv.read_csv(file).to_pandas(),
    TABLE: pa.csv.read_csv,
}


@frozen
class Took:
    """Processor `seconds` of one reading, and the `memory` in MB by which the process grew at most."""

    seconds: float
    memory: float


def write_bars(file: Path, bars: int) -> None:
    """A CSV of so many bars of a minute, prices with two decimals."""
    made = synthetic_bars(bars, 1)
    time = 1_300_000_000_000 + 60_000 * np.arange(bars)
    values = {name: np.round(getattr(made, name), 2) for name in ("open", "high", "low", "close", "volume")}
    pa.csv.write_csv(pa.table({"time": time, **values}), file)


def read_here(reader: str, file: str) -> Took:
    """Read in this process."""
    held, started = psutil.Process().memory_info().rss, process_time()
    table = READERS[reader](file)
    took = process_time() - started
    del table
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
    return Took(took, (peak - held) / 1e6)


def read_there(reader: str, file: Path) -> Took:
    """Read in a process of its own."""
    done = subprocess.run(  # noqa: S603  (this file)
        [sys.executable, __file__, "--here", reader, str(file)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return Took(**json.loads(done.stdout.splitlines()[-1]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and answer 0 where the target is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bars", type=int, default=4_000_000, help="rows of the file (default: 4000000)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each reads it (default: 5)")
    parser.add_argument("--here", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.here:
        took = read_here(*options.here)
        print(json.dumps({"seconds": took.seconds, "memory": took.memory}))
        return 0
    taken: dict[str, list[Took]] = {name: [] for name in READERS}
    with TemporaryDirectory() as directory:
        file = Path(directory) / "bars.csv"
        write_bars(file, options.bars)
        for _ in range(options.rounds):
            for name in READERS:
                taken[name].append(read_there(name, file))
    print(f"{f'{options.bars:,} rows':20}{'CPU s':>8}{'MB':>8}{'load_bars, of its time':>24}{'memory':>9}")
    ratios = {}
    for name, rounds in taken.items():
        seconds, memory = (median(getattr(each, what) for each in rounds) for what in ("seconds", "memory"))
        pairs = list(zip(taken[OURS], rounds, strict=True))
        ratios[f"{name}, time"] = median(own.seconds / other.seconds for own, other in pairs)
        ratios[f"{name}, memory"] = median(own.memory / other.memory for own, other in pairs)
        print(
            f"{name:20}{seconds:8.2f}{memory:8.0f}{ratios[f'{name}, time']:24.2f}{ratios[f'{name}, memory']:9.2f}",
            flush=True,
        )
    if options.bars == parser.get_default("bars"):
        history.record(
            "reading.py", {name: ratio for name, ratio in ratios.items() if not name.startswith(OURS)}, "less"
        )
    failed = max(ratios[f"{FRAME}, time"], ratios[f"{FRAME}, memory"]) > MOST
    print(f"{'FAIL' if failed else 'pass'}: at most {MOST} times the frame's, of both")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
