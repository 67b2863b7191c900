"""Libraries of C functions that `hatch_build.py` compiled when the package was built: found for this processor."""

from __future__ import annotations

import os
from ctypes import CDLL
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PASSES = "PROGRESSIVE_TRAINING_PASSES"
"""An environment variable: "torch" leaves all compiled passes unused. For tests, and to compare."""
LEVELS = {"AVX512": "v4", "AVX2": "v3"}
"""Of the instruction sets that torch tells apart, those with a library of their own; all others use `base`."""


def compiled_library(source: Path, functions: Mapping[str, Sequence[type[Any]]]) -> CDLL | None:
    """The library of the C file `source`, for the instruction set that torch computes by; None where the package was installed
    without one, or `PROGRESSIVE_TRAINING_PASSES` is "torch".

    :param functions: the types of the arguments by the name of each function; all return nothing.
    """
    import torch

    if os.environ.get(PASSES) == "torch":
        return None
    level = LEVELS.get(torch.backends.cpu.get_cpu_capability(), "base")
    files = [source.with_name(f"{source.stem}.{name}.so") for name in dict.fromkeys((level, "base"))]
    found = next((CDLL(str(file)) for file in files if file.exists()), None)
    if found is not None:
        for name, arguments in functions.items():
            function = getattr(found, name)
            function.argtypes, function.restype = arguments, None
    return found
