"""What does a training do with very little memory? One command: it is started with ever more address space, and each end is counted.

    python benchmarks/stress/address_space.py                     # 200 to 1,000 MB in 19 steps; about two minutes
    python benchmarks/stress/address_space.py --until 1600        # and on to where trainings finish
    python benchmarks/stress/address_space.py --quick             # two steps

Each must end in one line that says what is short, with exit status 2, or finish. Whatever else comes is `other` and fails: a traceback, "this is
a bug", an abort, a signal, more than one error, two minutes without an end. Of a run that was begun and ended early it is seen, moreover,
that it goes on where there is memory.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

STEP = 44.5
"""MB: 19 steps from 200 to 1,000."""
MOST_SECONDS = 120
SMALL = ("EPISODES=2", "HORIZON_RANGE=[1,12]", "DEVICE=cpu")
COMMAND = (sys.executable, "-m", "progressive_training")


def main(argv: Sequence[str] | None = None) -> int:
    """Train with each size of address space, and print how each ended.

    :return: 0, or 1 where one ended in another way than it may.
    """
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--from", type=int, default=200, dest="begin", help="MB of the first step (default: 200)")
    parser.add_argument("--until", type=int, default=1000, help="MB of the last step (default: 1000)")
    parser.add_argument("--bars", type=int, default=3000, help="of the synthetic market (default: 3000)")
    parser.add_argument("--quick", action="store_true", help="two steps only")
    options = parser.parse_args(argv)
    sizes = [options.begin + STEP * step for step in range(round((options.until - options.begin) / STEP) + 1)]
    ends: Counter[str] = Counter()
    begun = perf_counter()
    with TemporaryDirectory(prefix="address-space-") as folder:
        for size in [300, 620] if options.quick else sizes:
            end, said = ended(size, options.bars, Path(folder) / f"{size:.0f}")
            ends[end] += 1
            print(f"{size:7,.0f} MB  {end:9} {said}", flush=True)
    counts = ", ".join(f"{ends[end]} {end}" for end in ("finished", "one line", "other"))
    print(f"{ends.total()} trainings in {perf_counter() - begun:.0f} s: {counts}")
    return 1 if ends["other"] else 0


def ended(megabytes: float, bars: int, runs: Path) -> tuple[str, str]:
    """How a training on so many bars, with so much address space, ended ("finished", "one line" or "other"), and the last that it said."""
    words = [word for setting in (*SMALL, f"SYNTHETIC_BARS={bars}", f"RUNS_DIR={runs}") for word in ("--set", setting)]
    done = _run(words, partial(_limit, megabytes))
    lines = done.stderr.splitlines()
    errors = [line for line in lines if ": error: " in line]
    said = lines[-1][:200] if lines else ""
    if done.returncode == 0 and not errors:
        return "finished", said
    told = done.returncode == 2 and len(errors) == 1 and errors[0] == lines[-1] and "this is a bug" not in errors[0]
    if not told or any(line.startswith(("Traceback", "terminate", "Fatal")) for line in lines):
        return "other", f"status {done.returncode}: {done.stderr[-600:]}"
    for run in runs.glob("*"):
        again = _run(["--resume", "--run-dir", str(run)], None)
        if again.returncode != 0:
            return "other", f"{run} does not go on where there is memory: {again.stderr[-600:]}"
    return "one line", said


def _run(words: Sequence[str], before: partial[None] | None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # each further thread reserves what no step has
    try:
        return subprocess.run(  # noqa: S603  (this program)
            [*COMMAND, *words], preexec_fn=before, env=environment, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        return subprocess.CompletedProcess(error.cmd, -1, "", f"no end in {MOST_SECONDS} s")


def _limit(megabytes: float) -> None:
    size = round(megabytes * 1e6)
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
