"""A process of its own for every trainer, asked in turn: nobody's memory or threads are another's."""

from __future__ import annotations

import multiprocessing
import resource
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Self

from attrs import frozen

CONTEXT = multiprocessing.get_context("spawn")
STATUS = Path("/proc/self/status")


@frozen
class Use:
    """What a process took: peak memory in MB, and processors while it worked, on average: less than 1 says that others
    were busy too, and that its figures say little."""

    peak_mb: float
    processors: float


class WorkerError(Exception):
    """What a worker's work raised, as text; the traceback is the worker's."""


class Worker:
    """A process that builds `make(*arguments)` with `threads` torch threads and then calls its methods when asked.

    It sleeps between two questions, so that of several workers only the one asked takes any time.
    """

    def __init__(self, make: Callable[..., Any], *arguments: Any, threads: int) -> None:
        self.name = make.__name__
        self.connection, theirs = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=_serve, args=(theirs, threads, make, arguments), daemon=True)
        self.process.start()
        theirs.close()
        self._answer()

    def ask(self, method: str, *arguments: Any) -> Any:
        """What `method(*arguments)` of the worker's object returns.

        :raise WorkerError: it raised, or the process ended.
        """
        self.connection.send((method, arguments))
        return self._answer()

    def use(self) -> Use:
        """What the process has taken so far."""
        use: Use = self.ask("")
        return use

    def _answer(self) -> Any:
        try:
            answer, error = self.connection.recv()
        except EOFError:
            self.process.join()
            raise WorkerError(f"{self.name}: its process ended with exit code {self.process.exitcode}") from None
        if error:
            raise WorkerError(f"{self.name}:\n{error}")
        return answer

    def close(self) -> None:
        """End the process."""
        self.connection.close()
        self.process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _serve(connection: Connection, threads: int, make: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    use_threads(threads)
    try:
        made = make(*arguments)
        connection.send((None, ""))
        wall = cpu = 0.0
        while True:
            method, given = connection.recv()
            if not method:
                connection.send((Use(peak_mb(), cpu / wall), ""))
                continue
            since, worked = perf_counter(), process_time()
            answer = getattr(made, method)(*given)
            wall, cpu = wall + perf_counter() - since, cpu + process_time() - worked
            connection.send((answer, ""))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return
    except Exception:  # noqa: BLE001 - whatever it is, the one who asked has to know
        connection.send((None, traceback.format_exc()))


def pool(processes: int) -> ProcessPoolExecutor:
    """Runs functions at most `processes` at a time, each in a fresh process with one torch thread."""
    return ProcessPoolExecutor(
        processes, mp_context=CONTEXT, initializer=use_threads, initargs=(1,), max_tasks_per_child=1
    )


def use_threads(threads: int) -> None:
    """Let torch compute with so many threads."""
    import torch

    torch.set_num_threads(threads)


def peak_mb() -> float:
    """The most resident memory that this process has held, in MB.

    The kernel's high-water mark of this program; `ru_maxrss` would start from that of the process that started it.
    """
    if STATUS.exists():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
