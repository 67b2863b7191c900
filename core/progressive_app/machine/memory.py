"""How much memory this process or its GPU holds, how much it may hold, and how to give some back.

torch and NVML are only used where they are already loaded or asked for: reading the memory of a CPU run imports
neither.
"""

from __future__ import annotations

import ctypes
import gc
import operator
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import structlog
from attrs import evolve

from progressive_app.machine.cgroup import memory_limit
from progressive_core.contract.machine import Memory

log = structlog.get_logger("progressive_training")

MOST_BYTES = 1 << 50
"""A pebibyte. Drivers say 2**64 - 1 of what they do not know."""


def read_memory(device: str, *, root: Path = Path("/")) -> Memory:
    """Return the memory of a GPU ("cuda:0"), or for "cpu" of this process against its container.

    A GPU that nobody can ask about is answered with the process's memory; that is logged once.

    :param root: the directory that /proc and /sys are under; "/" but in tests.
    """
    if not device.startswith("cuda"):
        return process_memory(root)
    index = int(device.partition(":")[2] or 0)
    torch = sys.modules.get("torch")
    memory = gpu_memory(index, torch and torch.cuda, _nvml())
    if memory is None:
        _say_once("the memory of the GPU cannot be read: counting this process's memory instead", device)
        return process_memory(root)
    return memory


def memory_used(device: str) -> int:
    """Return the bytes that `read_memory` calls used; for "cpu" without looking for the limit, which takes 20 times as long."""
    return read_memory(device).used if device.startswith("cuda") else _resident()


def process_memory(root: Path = Path("/")) -> Memory:
    """Return this process's resident memory, against the container's limit or else the machine's memory."""
    used, physical = _resident(), psutil.virtual_memory().total
    limit = memory_limit(root)
    if limit is None or limit >= physical:
        return Memory(used, physical, "rss")
    return Memory(used, limit, "cgroup")


def _resident() -> int:
    return int(_process(os.getpid()).memory_info().rss)


@cache
def _process(number: int) -> psutil.Process:
    """The process of that number: making it takes as long as all else that is read of it."""
    return psutil.Process(number)


def gpu_memory(index: int, cuda: Any, nvml: Any) -> Memory | None:
    """Return the memory of GPU `index` as CUDA numbers it, or None when neither source has a sane answer.

    torch's counters come first: they are right inside a MIG slice. NVML adds what torch does not see of other
    processes, and answers alone while torch is not loaded.

    :param cuda: the module torch.cuda, or None.
    :param nvml: the module pynvml, or None.
    """
    by_torch, cached = _ask_torch(index, cuda)
    by_nvml = _ask_nvml(index, nvml)
    if by_torch is None:
        return by_nvml
    # NVML numbers and names devices in its own way; a total that differs is another device (or a slice's parent)
    same = by_nvml is not None and abs(by_nvml.total - by_torch.total) <= 0.02 * by_torch.total
    seen = by_nvml if by_nvml is not None and same and by_nvml.used > by_torch.used else by_torch
    return evolve(seen, used=max(0, min(seen.used, by_torch.total) - cached), total=by_torch.total)


def _ask_torch(index: int, cuda: Any) -> tuple[Memory | None, int]:
    """Return what torch counts, and the bytes in its cache that it could hand out again."""
    if cuda is None:
        return None, 0
    try:
        free, total = cuda.mem_get_info(index)
        cached = cuda.memory_reserved(index) - cuda.memory_allocated(index)
    except (RuntimeError, AssertionError, ValueError):  # AssertionError: torch built without CUDA
        return None, 0
    return _sane(total - free, total, "torch"), max(0, cached)


def _ask_nvml(index: int, nvml: Any) -> Memory | None:
    """Return what NVML counts. Whatever it raises is no answer: a driver too old, a slice without the right."""
    if nvml is None:
        return None
    try:
        nvml.nvmlInit()
        try:
            info = nvml.nvmlDeviceGetMemoryInfo(_handle(index, nvml))
            return _sane(info.used, info.total, "nvml")
        finally:
            with suppress(Exception):  # the answer stands
                nvml.nvmlShutdown()
    except Exception:  # noqa: BLE001  (bindings over a driver: each version has errors of its own)
        return None


def _handle(index: int, nvml: Any) -> Any:
    """Return the handle of the device that CUDA calls `index`: CUDA_VISIBLE_DEVICES renumbers, and names MIG slices.

    Where it names none, CUDA shows the first slice of a GPU that is divided; NVML would answer for the whole.
    """
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    name = visible[index] if index < len(visible) else str(index)
    if not name.isdigit():
        return nvml.nvmlDeviceGetHandleByUUID(name)
    handle = nvml.nvmlDeviceGetHandleByIndex(int(name))
    try:
        divided, _ = nvml.nvmlDeviceGetMigMode(handle)
    except Exception:  # noqa: BLE001  (a GPU that cannot be divided, or bindings that do not know of it)
        return handle
    return nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, 0) if divided == 1 else handle


def _sane(used: object, total: object, source: str) -> Memory | None:
    """The two as memory; None where they are no counts of bytes that a device can have."""
    try:
        used, total = operator.index(used), operator.index(total)  # type: ignore[arg-type]
    except TypeError:
        return None
    return Memory(used, total, source) if 0 <= used <= total and 0 < total <= MOST_BYTES else None


def _nvml() -> Any:
    try:
        return import_module("pynvml")
    except Exception:  # noqa: BLE001  (it is absent, or a package of that name fails as it is imported)
        return None


@cache
def _say_once(event: str, device: str) -> None:
    log.warning(event, device=device)


class _Standstill:
    """Objects that the collection of cycles passes over, as long as anyone wants that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = 0
        self._ours = False

    def begin(self) -> None:
        with self._lock:
            if not self._wanted and not gc.get_freeze_count():  # an application that has frozen its own keeps that
                gc.freeze()
                self._ours = True
            self._wanted += 1

    def end(self) -> None:
        with self._lock:
            self._wanted -= 1
            if not self._wanted and self._ours:
                release_memory()  # quick as yet; garbage of this run would outlive all runs that begin before a collection
                gc.unfreeze()
                self._ours = False


_standstill = _Standstill()


@contextmanager
def all_that_is_here_stays() -> Iterator[None]:
    """Within it, the collection of cycles passes over all objects that were there before: torch alone brings 180,000,
    and looking at them after every bucket takes 80 ms.

    Of trainers in several threads the first one begins that, and the last one ends it.
    """
    _standstill.begin()
    try:
        yield
    finally:
        _standstill.end()


def release_memory() -> None:
    """Give back what is no longer referenced: Python's cycles, torch's GPU cache, and glibc's free heap."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    release_heap()


def release_heap() -> None:
    """Give the system back what glibc keeps of freed memory; another C library does as it likes."""
    with suppress(OSError, AttributeError, TypeError):  # not glibc; TypeError: Windows has no CDLL(None)
        ctypes.CDLL(None).malloc_trim(0)
