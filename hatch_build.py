"""Compiles passes over numbers into the wheel, where there is a C compiler; without one, torch computes the same."""

from __future__ import annotations

import os
import platform
import runpy
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES: dict[str, list[str]] = {
    "buckets/progressive_buckets/learner/fused/fused_step.c": [],
    "buckets/progressive_buckets/learner/fused/learning_passes.c": [
        "-ffp-contract=off"
    ],  # each number as torch rounds it
    "buckets/progressive_market/passes/market_passes.c": ["-ffp-contract=off"],
}
"""The C files, with the flags of each. Each becomes a library for each level, beside it."""
LOADER = Path("core/progressive_app/machine/compiled_library.py")
"""The module that finds the libraries, and names them."""
LEVELS = {"v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"], "v3": ["-march=x86-64-v3"], "base": []}
"""Of an x86 processor, the instruction sets with a library of their own; other processors have one library, `base`."""
FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-fno-strict-aliasing", "-Wno-psabi", "-shared", "-fPIC"]


class CompiledPasses(BuildHookInterface[Any]):
    """Hatchling's hook for wheels, editable ones too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and tag the wheel for this platform."""
        del version
        root = Path(self.root)
        levels = LEVELS if platform.machine() in ("x86_64", "AMD64") else {"base": LEVELS["base"]}
        library_file = runpy.run_path(str(root / LOADER))["library_file"]
        made = [
            compiled(root / source, library_file(root / source, level), [*flags, *own])
            for source, own in SOURCES.items()
            for level, flags in levels.items()
        ]
        if not all(made):
            self.app.display_warning("no C compiler: training will use the slower steps of torch")
            return
        build_data["artifacts"] += [f"{Path(source).parent.as_posix()}/*.so" for source in SOURCES]
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


def compiled(source: Path, made: Path, flags: list[str]) -> bool:
    """Whether the library could be made beside the `source`, in place of older ones of its level; nothing half-made is left."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform == "win32":
        return False
    part = made.with_suffix(".part")
    try:
        for older in source.parent.glob(f"{made.name.rpartition('.')[0].rpartition('.')[0]}*.so"):
            older.unlink()
        subprocess.run([*compiler.split(), *FLAGS, *flags, "-o", part, source, "-lm"], check=True)  # noqa: S603  (the compiler that was asked for)
        part.replace(made)
    except (OSError, subprocess.CalledProcessError):
        part.unlink(missing_ok=True)
        return False
    return True
