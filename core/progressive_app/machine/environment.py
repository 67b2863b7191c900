"""What the bytes of a result depend on beside data, settings and seed: versions, and by what the processor computes."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from attrs import field, frozen

from progressive_app.machine.compiled_library import PASSES, library_file
from progressive_app.machine.memory import nvml

PACKAGES = ("progressive-training", "torch", "numpy", "pandas", "pyarrow", "pluggy")
_WITH_C_FILES = ("progressive_market", "progressive_buckets")
_FLAGS = ("asimd", "sve", "sve2", "sse4_2", "avx", "avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16")
"""Of a processor, those that libraries choose their kernels by."""
_VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
    "PROGRESSIVE_TRAINING_AUTO_PRECISION",
    "PROGRESSIVE_TRAINING_PASSES",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)
"""Environment variables that libraries choose their kernels by. How many threads there are is none: THREADS says that."""


@frozen(kw_only=True)
class Environment:
    """The `versions` of Python, of packages by their names and of the C library; the `processor` with what kernels are chosen by."""

    processor: str = ""
    versions: dict[str, str] = field(factory=dict)

    def changes_to(self, other: Environment) -> list[str]:
        """What is known of both and differs, in words."""
        shared = [name for name in self.versions if name in other.versions]
        changed = [
            f"{name} {self.versions[name]} -> {other.versions[name]}"
            for name in shared
            if self.versions[name] != other.versions[name]
        ]
        if self.processor and other.processor and self.processor != other.processor:
            changed.append(f"processor {_difference(self.processor.split(', '), other.processor.split(', '))}")
        return changed


def _difference(before: Sequence[str], now: Sequence[str]) -> str:
    gone = ", ".join(part for part in before if part not in now)
    new = ", ".join(part for part in now if part not in before)
    return f"{gone} -> {new}" if gone and new else f"with {new}" if new else f"without {gone}"


def environment_here(device: str, packages: Iterable[str]) -> Environment:
    """The environment of this process. Does not import torch.

    :param device: where it trains: that of a GPU has the GPU's name too. :param packages: that count beside those of `PACKAGES`.
    """
    versions = {"python": platform.python_version()}
    for name in dict.fromkeys((*PACKAGES, *packages)):
        with suppress(PackageNotFoundError, KeyError):  # KeyError: its metadata are broken
            versions[name] = str(version(name))
    library, its_version = platform.libc_ver()
    if library:
        versions[library] = its_version
    variables = [f"{name}={os.environ[name]}" for name in _VARIABLES if os.environ.get(name)]
    gpus = _gpus() if device.startswith("cuda") else ()
    processor = [_processor(Path("/proc/cpuinfo")), *_compiled_passes(), *gpus, *variables]
    return Environment(processor=", ".join(processor), versions=versions)


@cache
def _processor(cpuinfo: Path) -> str:
    text = ""
    with suppress(OSError):
        text = cpuinfo.read_text("utf-8", "replace").partition("\n\n")[0]  # the first of them
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
    flags = fields.get("flags", fields.get("Features", "")).split()
    numbers = [f"{key} {fields[key]}" for key in ("cpu family", "model") if key in fields]
    name = fields.get("model name") or platform.processor() or platform.machine()
    return ", ".join([name, *numbers, *(flag for flag in _FLAGS if flag in flags)])


def _compiled_passes() -> tuple[str, ...]:
    """That compiled passes are used: each C file of this package has a library that was made of it."""
    if os.environ.get(PASSES) == "torch":
        return ()
    specs = [spec for spec in map(find_spec, _WITH_C_FILES) if spec is not None]
    folders = [Path(folder) for spec in specs for folder in spec.submodule_search_locations or ()]
    sources = [source for folder in folders for source in folder.rglob("*.c")]
    made = sources and all(library_file(source, "base").exists() for source in sources)
    return ("compiled passes",) if made else ()


@cache
def _gpus() -> tuple[str, ...]:
    """The names of the GPUs of this machine, each once; none where its driver does not say."""
    library = nvml()
    try:
        library.nvmlInit()
        try:
            handles = map(library.nvmlDeviceGetHandleByIndex, range(library.nvmlDeviceGetCount()))
            return tuple(sorted({str(library.nvmlDeviceGetName(handle)) for handle in handles}))
        finally:
            library.nvmlShutdown()
    except Exception:  # noqa: BLE001  (no bindings, no driver, or one without the right: each version has errors of its own)
        return ()
