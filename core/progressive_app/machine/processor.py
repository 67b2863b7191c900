"""What the bytes of a result depend on beside data, settings and seed: the processor, and the build of torch."""

from __future__ import annotations

import platform
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

_VECTORS = ("avx512f", "avx2", "avx", "sse4_2", "sve2", "sve", "asimd")
"""What torch's kernels are chosen by, the widest first."""


@cache
def processor_and_torch() -> dict[str, str]:
    """The model of the processor with its widest vectors, and the version of torch with its build. Does not import torch."""
    return {"processor": _processor(Path("/proc/cpuinfo")), "torch": version("torch")}


def _processor(cpuinfo: Path) -> str:
    text = ""
    with suppress(OSError):
        text = cpuinfo.read_text("utf-8", "replace").partition("\n\n")[0]  # the first of them
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
    flags = fields.get("flags", fields.get("Features", "")).split()
    numbers = [f"{key} {fields[key]}" for key in ("cpu family", "model") if key in fields]
    widest = next((vectors for vectors in _VECTORS if vectors in flags), "")
    name = fields.get("model name") or platform.processor() or platform.machine()
    return ", ".join(filter(None, [name, *numbers, widest]))
