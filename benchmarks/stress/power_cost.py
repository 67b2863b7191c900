"""What waiting for the disk takes of a run's time."""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from progressive_front.cli import main as command_line

WORDS = (
    "--quiet",
    "-p",
    "no:console",
    "--sequence",
    "Short,Medium",
    "--set",
    "SYNTHETIC_BARS=12000",
    "--episodes",
    "40",
    "--set",
    "DEVICE=cpu",
)
MOST = 0.01
"""The share of a run's time that waiting may take."""


def cost(pairs: int) -> int:
    """Train with and without waiting for the disk, in turn, and print the times and the share that waiting took.

    :return: 0, or 1 where that is over a hundredth.
    """
    times: dict[bool, list[float]] = {True: [], False: []}
    shares: list[float] = []
    with TemporaryDirectory() as directory:
        for number in range(2 * pairs + 1):
            waits = number % 2 == 0
            seconds, waited, count = _trained(Path(directory) / str(number), waits=waits)
            print(
                f"{'waiting' if waits else 'not waiting'}: {seconds:.2f} s, {count} waits, {waited:.3f} s",
                file=sys.stderr,
            )
            if number:  # the first one warms up
                times[waits].append(seconds)
                if waits:
                    shares.append(waited / seconds)
    ratio = statistics.median(with_ / without for with_, without in zip(times[True], times[False], strict=True))
    share = statistics.median(shares)
    print(
        f"a run with waiting takes {ratio:.3f} of one without (median of {pairs} pairs); waiting itself took {100 * share:.2f} % of it"
    )
    return int(share > MOST)


def _trained(run: Path, *, waits: bool) -> tuple[float, float, int]:
    """Train a run: its seconds, those in which it waited, and how often it did."""
    fsync, spent = os.fsync, []

    def timed(descriptor: Any) -> None:
        begun = time.perf_counter()
        if waits:
            fsync(descriptor)
        spent.append(time.perf_counter() - begun)

    os.fsync = timed  # type: ignore[assignment]
    begun = time.perf_counter()
    try:
        if status := command_line([*WORDS, "--run-dir", str(run)]):
            raise SystemExit(status)
    finally:
        os.fsync = fsync
    return time.perf_counter() - begun, sum(spent), len(spent)
