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
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
from attrs import evolve

from progressive_app.machine.cgroup import memory_limit
from progressive_app.machine.logs import get_logger
from progressive_app.machine.undoing import undone_after
from progressive_core.contract.machine import Memory

log = get_logger()

MOST_BYTES = 1 << 50
"""A pebibyte. Drivers report 2**64 - 1 where they do not know."""


def read_memory(device: str, *, root: Path = Path("/")) -> Memory:
    """Return the memory of a GPU ("cuda:0"), or for "cpu" of this process against its container.

    Where the memory of a GPU cannot be read, that of this process is returned, and a warning logged once.

    :param root: the directory that /proc and /sys are under; "/" but in tests.
    """
    if not device.startswith("cuda"):
        return process_memory(root)
    index = int(device.partition(":")[2] or 0)
    torch = sys.modules.get("torch")
    memory = gpu_memory(index, torch and torch.cuda, nvml())
    if memory is None:
        _warn_once("the memory of the GPU cannot be read: counting this process's memory instead", device)
        return process_memory(root)
    return memory


def memory_used(device: str) -> int:
    """Return the bytes in use, as `read_memory` does; for "cpu" without reading the limit, which takes 20 times as long."""
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
    """The process `number`, kept: to create the object takes as long as to read the memory."""
    return psutil.Process(number)


def gpu_memory(index: int, cuda: Any, nvml: Any) -> Memory | None:
    """Return the memory of GPU `index` as CUDA numbers it, or None when neither source gives a plausible value.

    torch's counters come first: they are right inside a MIG slice. NVML adds other processes, which torch does not see, and
    is used alone while torch is not loaded.

    :param cuda: the module torch.cuda, or None.
    :param nvml: the module pynvml, or None.
    """
    by_torch, cached = _memory_by_torch(index, cuda)
    by_nvml = _memory_by_nvml(index, nvml)
    if by_torch is None:
        return by_nvml
    # NVML numbers and names devices in its own way; a total that differs is another device (or a slice's parent)
    same_device = by_nvml is not None and abs(by_nvml.total - by_torch.total) <= 0.02 * by_torch.total
    larger = by_nvml if by_nvml is not None and same_device and by_nvml.used > by_torch.used else by_torch
    return evolve(larger, used=max(0, min(larger.used, by_torch.total) - cached), total=by_torch.total)


def _memory_by_torch(index: int, cuda: Any) -> tuple[Memory | None, int]:
    """Return the memory that torch reports, and the bytes in its cache that it could hand out again."""
    if cuda is None:
        return None, 0
    try:
        free, total = cuda.mem_get_info(index)
        cached = cuda.memory_reserved(index) - cuda.memory_allocated(index)
    except (RuntimeError, AssertionError, ValueError):  # AssertionError: torch built without CUDA
        return None, 0
    return _checked(total - free, total, "torch"), max(0, cached)


def _memory_by_nvml(index: int, nvml: Any) -> Memory | None:
    """Return the memory that NVML reports; None where it raises anything: a driver too old, a slice without the right."""
    if nvml is None:
        return None
    try:
        nvml.nvmlInit()
        try:
            info = nvml.nvmlDeviceGetMemoryInfo(_handle(index, nvml))
            return _checked(info.used, info.total, "nvml")
        finally:
            with suppress(Exception):  # the memory was read
                nvml.nvmlShutdown()
    except Exception:  # noqa: BLE001  (bindings over a driver: each version has errors of its own)
        return None


def _handle(index: int, nvml: Any) -> Any:
    """Return the handle of the device that CUDA numbers `index`: CUDA_VISIBLE_DEVICES renumbers, and names MIG slices.

    Where it names none, CUDA shows the first slice of a divided GPU, and NVML by itself the whole GPU.
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


def _checked(used: object, total: object, source: str) -> Memory | None:
    """The two numbers as `Memory`; None where no device can have them."""
    try:
        used, total = operator.index(used), operator.index(total)  # type: ignore[arg-type]
    except TypeError:
        return None
    return Memory(used, total, source) if 0 <= used <= total and 0 < total <= MOST_BYTES else None


def nvml() -> Any:
    """The module pynvml, or None where it cannot be used."""
    try:
        return import_module("pynvml")
    except Exception:  # noqa: BLE001  (it is absent, or a package of that name fails as it is imported)
        return None


@cache
def _warn_once(event: str, device: str) -> None:
    log.warning(event, device=device)


class _FrozenObjects:
    """Freezes the objects that exist now, for as long as at least one caller wants that."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # an interrupt that left it taken leaves it to the same thread
        self._users: set[object] = set()
        self._frozen_by_us = False

    def freeze(self, user: object) -> None:
        with self._lock:
            if not self._users and not gc.get_freeze_count():  # an application may have frozen its own
                self._frozen_by_us = True
                gc.freeze()
            self._users.add(user)

    def unfreeze(self, user: object) -> None:
        with self._lock:
            self._users.discard(user)
            if not self._users and self._frozen_by_us:
                release_memory()  # while it is quick: else garbage of this run may outlive the runs after it
                gc.unfreeze()
                self._frozen_by_us = False


_frozen_objects = _FrozenObjects()


@contextmanager
def gc_frozen() -> Iterator[None]:
    """Within it, the garbage collector skips the objects that existed before (`gc.freeze`).

    torch alone brings 180,000, and a collection after every bucket would take 80 ms longer. Of trainers in several threads
    the first one freezes and the last one unfreezes.
    """
    user = object()
    with undone_after(partial(_frozen_objects.unfreeze, user)):
        _frozen_objects.freeze(user)
        yield


@contextmanager
def gradients_kept() -> Iterator[None]:
    """After it, torch records gradients in this thread as before it, also where an interrupt came in torch's own `no_grad`."""
    torch = sys.modules.get("torch")
    with undone_after(partial(_record_gradients, torch is None or torch.is_grad_enabled())):
        yield


def _record_gradients(wanted: bool) -> None:
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_grad_enabled(wanted)


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
