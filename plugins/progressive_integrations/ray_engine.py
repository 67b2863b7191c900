"""The engine `ray`: each attempt at a task in an actor of a Ray cluster, on this machine or on many."""

from __future__ import annotations

import logging
import os
import queue
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import Any

from attrs import define

from progressive_training import PluginError, ProcessLost, get_logger
from progressive_training.engines import Attempt, Ended, Line, Message, Task, perform_apart, slots_for

log = get_logger()

OBJECTS = 80 * 1024 * 1024
"""Bytes of the object store of a cluster of our own, the least that Ray takes: only lines of text and results pass through it."""
CONNECTING = 10.0
"""Seconds in which the head of a cluster must answer."""


class RayEngine:
    """Actors of a Ray cluster: one for each attempt, which ends with it.

    :param address: as Ray's own `address`; None: a cluster of this machine alone, which is started with the first attempt and
        reaches no further than loopback.
    :raise PluginError: Ray is not installed, or no cluster answers there.
    """

    def __init__(self, address: str | None = None) -> None:
        if find_spec("ray") is None:
            raise PluginError("--engine ray needs Ray: pip install 'progressive-training[ray]'")
        # Ray reads these when it is imported
        self._seats: dict[str, _Seat] = {}
        self._places: dict[int, str] = {}
        self._started = False
        self._directory: TemporaryDirectory[str] | None = None
        self._gpus = 0
        os.environ.setdefault(
            "RAY_DEDUP_LOGS_SKIP_REGEX", "."
        )  # else Ray prints to standard output that a worker was lost
        if address is not None:
            _check_answers(address)
            self._connect(address)
        else:
            os.environ.setdefault(
                "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0"
            )  # no other machine: Ray listens on loopback alone
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else Ray keeps one in the user's home

    def slots(self, tasks: Sequence[Task], workers: int) -> int:
        """On a cluster of our own as on this machine; on another one as many as it has processors and memory for."""
        import ray

        if self._directory is not None or not ray.is_initialized():
            return slots_for(tasks, workers)
        has = ray.cluster_resources()
        needed = max((task.memory_needed for task in tasks), default=0)
        fitting = has.get("memory", 0) // needed if needed else workers
        most = max(1, int(min(workers, has.get("CPU", 1), fitting)))
        if most < workers:
            log.warning("the cluster has room for fewer tasks at once", workers=f"{workers} -> {most}")
        return most

    def place(self, slot: int) -> str:
        return self._places.get(slot, f"ray {slot + 1}")

    def start(self, attempt: Attempt, wants_a_stop: Callable[[], bool]) -> None:
        import ray

        if not ray.is_initialized():
            self._start_cluster(attempt.slots)
        self._gpus = int(ray.cluster_resources().get("GPU", 0))
        share = 1 / -(-attempt.slots // self._gpus) if self._gpus else 0  # each slot's share lies on one GPU
        actor = ray.remote(num_cpus=1, num_gpus=share, max_concurrency=3, max_restarts=0)(_Actor).remote(
            sys.path if self._directory else []
        )
        seat = _Seat(attempt=attempt, wants_a_stop=wants_a_stop, actor=actor, end=actor.perform.remote(attempt))
        seat.listen()
        self._seats[attempt.task.name] = seat

    def poll(self, seconds: float, report: Callable[[Message], None]) -> None:
        import ray

        for seat in self._seats.values():
            seat.pass_on_stop()
        waited_for = [ref for seat in self._seats.values() for ref in (seat.end, seat.heard)]
        if not waited_for:
            return
        ready, _ = ray.wait(waited_for, num_returns=1, timeout=seconds)
        for name, seat in list(self._seats.items()):
            if seat.heard in ready or seat.end in ready:
                self._hear(name, seat, report, ended=seat.end in ready)

    def _hear(self, name: str, seat: _Seat, report: Callable[[Message], None], *, ended: bool) -> None:
        import ray

        try:
            end = ray.get(seat.end) if ended else None  # first: one that was never called says nothing either
            where, lines = ray.get(seat.heard)
            self._places[seat.attempt.slot] = f"{where} ({seat.attempt.slot + 1})"
            for line in lines:
                report(Line(name, line))
            if end is None:
                seat.listen()
                return
        except ray.exceptions.RayTaskError as error:  # before the function was called, or after it returned
            cause = str(error.cause).strip().splitlines()[-1]
            wrong = f"{name}: its worker could not run it ({cause}); the machines of a cluster need the same packages"
            end = Ended(task=name, status="failed", error=PluginError(wrong))
        except ray.exceptions.RayError as error:
            reason = " ".join(str(error).split())[:200]
            lost = ProcessLost(
                f"{name}: its worker on {self.place(seat.attempt.slot)} was lost ({reason}); its last checkpoint stands"
            )
            end = Ended(task=name, status="lost", error=lost)
        del self._seats[name]
        seat.kill()
        report(end)

    def end_all(self) -> None:
        for seat in self._seats.values():
            seat.kill()
        self._seats.clear()

    def close(self) -> None:
        import ray

        self.end_all()
        if self._started:
            ray.shutdown(wait_for_processes=True)
            self._started = False
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def _start_cluster(self, slots: int) -> None:
        """A cluster of this machine alone, with a processor for each slot: it leaves nothing in the user's home."""
        self._directory = TemporaryDirectory(prefix="ray-")  # short: the names of its sockets may have 107 letters
        self._connect(
            "local",
            num_cpus=slots,
            object_store_memory=OBJECTS,
            _temp_dir=self._directory.name,
        )

    def _connect(self, address: str, **options: Any) -> None:
        import ray

        try:
            ray.init(
                address,
                include_dashboard=None if address != "local" else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **options,
            )
        except Exception as error:
            ray.shutdown()  # what was started of a cluster of our own
            where = (
                "a cluster on this machine cannot be started"
                if address == "local"
                else f"no cluster answers at {address}"
            )
            reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise PluginError(f"--engine ray: {where} ({reason})") from error
        self._started = True


def _check_answers(address: str) -> None:
    """Ray itself would try for minutes.

    :raise PluginError: nothing listens there.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if port.isdigit():
            socket.create_connection((host, int(port)), CONNECTING).close()
    except OSError as error:
        raise PluginError(f"--engine ray: no cluster answers at {address} ({error.strerror or error})") from error


@define
class _Seat:
    """An attempt, and the actor that it runs in; `heard` is what it says next, `end` how it ended."""

    attempt: Attempt
    wants_a_stop: Callable[[], bool]
    actor: Any
    end: Any
    heard: Any = None
    is_asked: bool = False

    def listen(self) -> None:
        self.heard = self.actor.hear.remote()

    def pass_on_stop(self) -> None:
        if not self.is_asked and self.wants_a_stop():
            self.is_asked = True
            self.actor.stop.remote()

    def kill(self) -> None:
        """End the actor at once."""
        import ray

        ray.kill(self.actor, no_restart=True)


class _Actor:
    """In a process of the cluster. Its methods are called at once: the attempt, what is heard of it, and a request to stop."""

    def __init__(self, path: list[str]) -> None:
        sys.path += [each for each in path if each not in sys.path]  # a module beside the script that began this
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._stop = threading.Event()

    def perform(self, attempt: Attempt) -> Ended:
        try:
            return perform_apart(attempt, self._lines.put, self._stop.is_set, leased=True)
        finally:
            self._lines.put(None)

    def hear(self) -> tuple[str, list[str]]:
        """The node's address, and what was said since the last call; waits for that, or for the end."""
        import ray

        lines = [self._lines.get()]
        while not self._lines.empty():
            lines.append(self._lines.get())
        if None in lines:
            self._lines.put(None)  # the end: no later call waits
        return ray.util.get_node_ip_address(), [line for line in lines if line is not None]

    def stop(self) -> None:
        self._stop.set()
