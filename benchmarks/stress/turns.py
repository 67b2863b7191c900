"""Has a run one holder at a time on a disk without file locks? Processes take it in turns and are killed; this counts.

    python benchmarks/stress/turns.py            # 8 processes, 60 turns each, on each of 5 disks; about a minute
    python benchmarks/stress/turns.py --quick    # 2 processes on two disks

A disk is one on which `flock` fails, as it does where there are no locks (ENOSYS, ENOLCK, EOPNOTSUPP, EINVAL), and one without
hard links too. Each process takes the run's lock, writes its number into a file, waits a moment, and must find its own number
there. One turn in 50 is ended by SIGKILL while it holds the run. Passes where no two processes were inside at once, and everyone
who was not killed had all its turns.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep

from attrs import frozen

from progressive_app.locks.lock import lock_run
from progressive_app.machine.logs import configure_logging
from progressive_core.contract.errors import RunError

KILLED = 0.02
"""Of the turns."""
LONGEST_WAIT = 300.0
"""Seconds for all turns on one disk."""


@frozen
class Disk:
    """A disk on which `flock` fails with the error of this name; `links`: whether a file can have two names."""

    error: str
    links: bool = True

    def put_in(self) -> None:
        """Have this process see it."""
        number = getattr(errno, self.error)

        def refuse_lock(*_: object) -> None:
            raise OSError(number, os.strerror(number))

        def refuse_link(*_: object) -> None:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

        fcntl.flock = refuse_lock
        if not self.links:
            os.link = refuse_link  # type: ignore[assignment]


DISKS = (*map(Disk, ("ENOSYS", "ENOLCK", "EOPNOTSUPP", "EINVAL")), Disk("ENOLCK", links=False))


def take_turns(run: Path, disk: Disk, turns: int, seed: int, report: Connection) -> None:
    """Take the run so many times, in a process of its own; reports each turn, and "together" where it was not alone."""
    configure_logging()
    disk.put_in()
    chance, inside = random.Random(seed), run / "inside"  # noqa: S311  (nothing secret)
    while turns:
        try:
            lock = lock_run(run)
        except RunError:
            sleep(0.01 * chance.random())
            continue
        inside.write_text(str(os.getpid()))
        is_killed = chance.random() < KILLED
        sleep(0.003 * chance.random())
        alone = inside.read_text() == str(os.getpid())
        report.send("killed" if is_killed else "turn" if alone else "together")
        if is_killed:
            os.kill(os.getpid(), signal.SIGKILL)
        lock.release()
        turns -= 1


def counted(disk: Disk, processes: int, turns: int) -> tuple[Counter[str], int]:
    """What was reported by processes that take one run on a disk, and how many of them lack turns."""
    spawn, found, lacking = get_context("spawn"), Counter[str](), 0
    with TemporaryDirectory() as directory:
        started = []
        for seed in range(processes):
            ours, theirs = spawn.Pipe(duplex=False)
            process = spawn.Process(target=take_turns, args=(Path(directory), disk, turns, seed, theirs))
            process.start()
            theirs.close()
            started.append((process, ours))
        for process, ours in started:
            process.join(LONGEST_WAIT)
            own = Counter[str]()
            while ours.poll():
                try:
                    own[ours.recv()] += 1
                except EOFError:
                    break
            lacking += not own["killed"] and own["turn"] != turns
            found += own
            process.kill()
    return found, lacking


def main(arguments: Sequence[str] | None = None) -> int:
    """Count on each disk; 0 where every turn was one of one process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 processes with 10 turns on two disks")
    options = parser.parse_args(arguments)
    disks, processes, turns = ((DISKS[0], DISKS[-1]), 2, 10) if options.quick else (DISKS, 8, 60)
    all_turns, wrong = Counter[str](), 0
    for disk in disks:
        found, lacking = counted(disk, processes, turns)
        all_turns += found
        wrong += found["together"] + lacking
        print(
            f"{disk.error}{'' if disk.links else ', no links'}: {found['turn']} turns, {found['killed']} killed, "
            f"{found['together']} together, {lacking} lack turns"
        )
    print(f"{all_turns['turn']} turns and {all_turns['killed']} kills, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
