"""Runs tasks of the honesty table in processes of their own, and keeps every result in a file of JSON lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from time import perf_counter

from attrs import frozen
from honesty_pieces import PIECES, Task
from honesty_training import Row

HERE = Path(__file__).resolve().parent
ROOTS = ("core", "buckets", "transfers", "plugins")
"""Folders of a checkout that hold packages, beside its own."""


@frozen
class Result:
    """A task that was run: a row for each training, and the CPU seconds that it took."""

    task: Task
    rows: list[Row]
    seconds: float


@frozen
class Runner:
    """How tasks are run: with which `checkout` of the program, on which real bars, how many at a time."""

    checkout: Path
    data: Path
    processes: int = 2
    quick: bool = False

    def run(self, tasks: Sequence[Task], file: Path) -> None:
        """Run those tasks that `file` has no result of, and append a line for each."""
        done = {key(result.task) for result in read(file)}
        missing = [task for task in tasks if key(task) not in done]
        if not missing:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        left, start, spent = sum(map(seconds_of, missing)), perf_counter(), 0.0
        print(f"{self.checkout.name}: {len(missing)} tasks, {len(tasks) - len(missing)} done before", flush=True)
        for number, answer in enumerate(self.answers(missing), 1):
            task = answer["task"]
            if "error" in answer:
                print(f"{words(task)} FAILED:\n{answer['error']}", flush=True)
            else:
                with file.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(answer) + "\n")
            spent += seconds_of(task)
            minutes = (perf_counter() - start) / spent * (left - spent) / 60
            print(
                f"{number} of {len(missing)}, {minutes:.0f} minutes left: {words(task)} took {answer['seconds']:.0f} s",
                flush=True,
            )

    def answers(self, tasks: Iterable[Task]) -> Iterator[Row]:
        """What the processes answer, as it comes."""
        waiting, made = SimpleQueue[Task](), SimpleQueue[Row | None]()
        for task in tasks:
            waiting.put(task)
        with ThreadPoolExecutor(self.processes) as pool:
            workers = [pool.submit(self.work, waiting, made) for _ in range(self.processes)]
            for _ in workers:
                yield from iter(made.get, None)
            for worker in workers:
                worker.result()

    def work(self, waiting: SimpleQueue[Task], made: SimpleQueue[Row | None]) -> None:
        """Feed one process until no task waits."""
        worker = [str(HERE / "honesty_worker.py"), str(self.data.resolve()), "quick" if self.quick else "full"]
        try:
            with subprocess.Popen(  # noqa: S603  (our own command line)
                [sys.executable, "-P", *worker],  # -P: the checkout's benchmarks come before these
                env=self.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            ) as process:
                assert process.stdin is not None
                assert process.stdout is not None
                while True:
                    try:
                        task = waiting.get_nowait()
                    except Empty:
                        break
                    process.stdin.write(json.dumps(task) + "\n")
                    process.stdin.flush()
                    answer = process.stdout.readline()
                    if not answer:
                        raise RuntimeError(f"the process that ran {words(task)} ended without an answer")
                    made.put(json.loads(answer))
        finally:
            made.put(None)

    def environment(self) -> dict[str, str]:
        """The checkout's packages and benchmarks first, then these benchmarks."""
        places = [self.checkout / "benchmarks", self.checkout, *(self.checkout / root for root in ROOTS), HERE]
        path = os.pathsep.join(str(place.resolve()) for place in places)
        return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def read(file: Path) -> list[Result]:
    """The results in a file, none where there is no file."""
    if not file.is_file():
        return []
    return [Result(**json.loads(line)) for line in file.read_text("utf-8").splitlines()]


def key(task: Task) -> str:
    """One text for one task."""
    return json.dumps(task, sort_keys=True)


def words(task: Task) -> str:
    """A task as a line of progress names it."""
    return " ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in task.values())


def seconds_of(task: Task) -> float:
    """CPU seconds that such a task took."""
    return PIECES[task["piece"]].seconds
