"""Libraries of C functions that `hatch_build.py` compiled when the package was built: found for this processor."""

from __future__ import annotations

import hashlib
import os
from ctypes import CDLL
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PASSES = "PROGRESSIVE_TRAINING_PASSES"
"""An environment variable: "torch" leaves all compiled passes unused. For tests, and to compare."""
WAYS = ("compiled", "torch", "graph")
"""Its values; without it, "compiled". What "graph" is for, `learner/recorded_round.py` says."""
LEVELS = {"AVX512": "v4", "AVX2": "v3"}
"""Of the instruction sets that torch tells apart, those with a library of their own; all others use `base`."""


def compiled_library(source: Path, functions: Mapping[str, Sequence[type[Any]]]) -> CDLL | None:
    """The library of the C file `source`, for the instruction set that torch computes by; None where the package was installed
    without one or, with a warning, with one that cannot be used, or `PROGRESSIVE_TRAINING_PASSES` is "torch". A package with C
    files of its own compiles each to its `library_file` of the level "base", or also "v3" and "v4", as `hatch_build.py` does.

    :param functions: the types of the arguments by the name of each function; all return nothing.
    :raise ConfigError: `PROGRESSIVE_TRAINING_PASSES` has an unknown value.
    """
    import torch

    way = os.environ.get(PASSES) or WAYS[0]
    if way not in WAYS:
        # Here, since `hatch_build.py` runs this file before there is a package.
        from progressive_core.contract.errors import ConfigError

        raise ConfigError(f"{PASSES} is {way!r}, expected {' or '.join(WAYS)}")
    if way == "torch":
        return None
    level = LEVELS.get(torch.backends.cpu.get_cpu_capability(), "base")
    files = [library_file(source, name) for name in dict.fromkeys((level, "base"))]
    file = next((file for file in files if file.exists()), None)
    try:
        if file is not None:
            return _declared(CDLL(str(file)), functions)
        unusable = "has changed since it was compiled" if any(source.parent.glob(f"{source.stem}.*.so")) else None
    except OSError as error:  # damaged, or of another platform
        unusable = f"has a library that cannot be loaded ({error})"
    if unusable is not None:
        from progressive_app.machine.logs import get_logger

        get_logger().warning(f"{source.name} {unusable}: torch is used instead; install again")
    return None


def _declared(found: CDLL, functions: Mapping[str, Sequence[type[Any]]]) -> CDLL:
    for name, arguments in functions.items():
        function = getattr(found, name)
        function.argtypes, function.restype = arguments, None
    return found


def library_file(source: Path, level: str) -> Path:
    """Where the library of a C file and level lies. Its name has a digest of the C files and headers there, since a library that was
    made of others would read memory that is not meant."""
    files = sorted([*source.parent.glob("*.c"), *source.parent.glob("*.h")])
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    return source.with_name(f"{source.stem}.{level}.{digest}.so")
