"""How this machine computes: number of threads, precision of matrix products, reuse of freed memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from progressive_buckets.learner_settings import THREADS
from progressive_training import ConfigError, as_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from torch import Tensor


BLOCK = 16 << 20
"""Bytes. Smaller freed blocks stay with the process, for the next step; larger ones, such as columns of millions of
bars, go back to the system."""
AUTO_PRECISION = "PROGRESSIVE_TRAINING_AUTO_PRECISION"
"""An environment variable: fp32 or bf16, what PRECISION "auto" means, whatever the device. For tests."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def prepare(settings: Mapping[str, Any]) -> None:
    """Set the number of compute threads, and let the C library keep the memory that a step frees for the next one.

    By default glibc returns blocks of some MB to the system at every step and gets them zeroed at the next: 15 to 30 % of
    a step's time. With another C library nothing changes.
    """
    torch.get_num_threads()  # each thread has its own number, and takes the one set last by any thread at its first use
    torch.set_num_threads(as_settings(settings)[THREADS])
    with contextlib.suppress(OSError, AttributeError, TypeError):  # TypeError: Windows has no CDLL(None)
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_THRESHOLD, BLOCK)
        library.mallopt(M_TRIM_THRESHOLD, 4 * BLOCK)


def precision(wanted: str, device: torch.device) -> torch.dtype:
    """Precision of the gradient step: bfloat16 if `wanted` is "bf16", or "auto" and the device is fast in it (`has_bf16`).

    Weights, moments, sums, decisions and measurements stay in float32.

    :raise ConfigError: the environment variable that decides what "auto" means has an unknown value.
    """
    if wanted == "auto":
        wanted = os.environ.get(AUTO_PRECISION) or ("bf16" if has_bf16(device) else "fp32")
        if wanted not in ("fp32", "bf16"):
            raise ConfigError(f"{AUTO_PRECISION} is {wanted!r}, expected fp32 or bf16")
    return torch.bfloat16 if wanted == "bf16" else torch.float32


def in_precision(table: Tensor, dtype: torch.dtype) -> Tensor:
    """`table` in another precision, with the same strides: rows that overlap in memory still do."""
    if table.dtype == dtype:
        return table
    length = table.untyped_storage().nbytes() // table.element_size()
    converted = table.as_strided((length,), (1,), 0).to(dtype)
    return converted.as_strided(table.shape, table.stride(), table.storage_offset())


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies matrices faster in bfloat16: a GPU with native support, a processor with AMX, or one
    by AMD with AVX-512 BF16.

    AVX-512 BF16 on Intel without AMX (virtual machines may hide it) is half as fast as float32 (measured).
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    amx, avx = (can(name) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return device.type == "cpu" and (amx or (avx and "AuthenticAMD" in processor()))


def can(name: str) -> bool:
    """The result of the check `name` of `torch.cpu`; False if this torch has no such check."""
    check = getattr(torch.cpu, name, None)
    return check is not None and check()


def processor() -> str:
    """The system's description of its first processor, which contains the vendor."""
    with contextlib.suppress(OSError):
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    return platform.processor()  # elsewhere than on Linux
