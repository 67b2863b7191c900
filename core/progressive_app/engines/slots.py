"""How many tasks run at once on this machine, and which GPU each slot has."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from progressive_app.engines.task import Task
from progressive_app.machine.logs import get_logger
from progressive_app.machine.memory import nvml, process_memory
from progressive_app.presentation.quantities import bytes_text

log = get_logger()

SHARE = 0.85
"""Of the memory of the machine, or of a GPU, that tasks may take together; as the default of MEMORY_THRESHOLD."""


def slots_for(tasks: Sequence[Task], workers: int) -> int:
    """How many of the tasks run at once: `workers`, or as many as fit into memory where each may be the largest one."""
    most = workers
    for device, total, devices in (("cpu", process_memory().total, 1), ("cuda", *_smallest_gpu())):
        needed = max((task.memory_needed for task in tasks if task.device == device), default=0)
        if not needed or not total:
            continue
        fitting = max(1, int(SHARE * total // needed) * devices)
        if fitting < most:
            log.warning(
                "memory is short: fewer tasks run at once",
                workers=f"{most} -> {fitting}",
                needed=f"up to {bytes_text(needed)} each",
                allowed=f"{100 * SHARE:g} % of {bytes_text(total)}",
                device=device,
            )
            most = fitting
    return most


def environment_of(slot: int) -> Mapping[str, str]:
    """The variables by which the process in a slot sees its GPU alone; none where there is at most one."""
    names = tuple(_gpus())
    return {"CUDA_VISIBLE_DEVICES": names[slot % len(names)]} if len(names) > 1 else {}


def _smallest_gpu() -> tuple[int, int]:
    """The bytes of the smallest GPU, and how many there are; 0 where that is not known."""
    totals = _gpus().values()
    return min(totals, default=0), len(totals)


@cache
def _gpus() -> Mapping[str, int]:
    """The bytes of each GPU that this process may use, or of each slice of a divided one, by the name that CUDA takes.

    torch is not asked: it would hold the GPU in this process too.
    """
    library = nvml()
    try:
        library.nvmlInit()
        try:
            found = {
                library.nvmlDeviceGetUUID(part): library.nvmlDeviceGetMemoryInfo(part).total
                for index in range(library.nvmlDeviceGetCount())
                for part in _parts(library, library.nvmlDeviceGetHandleByIndex(index))
            }
        finally:
            library.nvmlShutdown()
    except Exception:  # noqa: BLE001  (no bindings, no driver, or one without the right: each version has errors of its own)
        found = {}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return found
    by_number = dict(enumerate(found.values()))
    return {
        name: found.get(name) or (by_number.get(int(name), 0) if name.isdigit() else 0)
        for name in map(str.strip, visible.split(","))
        if name
    }


def _parts(library: Any, device: Any) -> list[Any]:
    """The slices of a divided GPU, or else the GPU itself."""
    try:
        divided = library.nvmlDeviceGetMigMode(device)[0] == 1
    except Exception:  # noqa: BLE001  (a GPU that cannot be divided, or bindings that do not know of it)
        divided = False
    if not divided:
        return [device]
    parts = []
    for index in range(library.nvmlDeviceGetMaxMigDeviceCount(device)):
        try:
            parts.append(library.nvmlDeviceGetMigDeviceHandleByIndex(device, index))
        except Exception:  # noqa: BLE001, S112  (no slice has this number)
            continue
    return parts
