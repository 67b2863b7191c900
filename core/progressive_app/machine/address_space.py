"""Whether a process whose address space is limited (`ulimit -v`) can load torch and train, found out in a process that may fail."""

from __future__ import annotations

import os
import subprocess
import sys

from progressive_core.contract.errors import OutOfMemoryError

HEADROOM = 256
"""MB beside what is loaded: with less even the smallest training may be aborted by a library that runs out amid its work."""
_TRIED = """
import mmap
try:
    import numpy, pandas, pyarrow.compute, pyarrow.csv, pyarrow.parquet, safetensors.torch, torch
except ModuleNotFoundError:  # what is not installed is no matter of memory
    raise SystemExit
torch.ones(1 << 20).exp().sum()  # starts torch's threads, and the next line Arrow's
pyarrow.table({"column": pandas.Series([1.0] * 1000)}).to_pandas()
mmap.mmap(-1, HEADROOM * 1_000_000)
"""
_SECONDS = 120.0


def check_address_space() -> None:
    """Try in another process whether what trains can be loaded; nothing to do where there is no limit, or torch is here already.

    A library that runs out of address space while it is loaded may abort its process, or leave modules half made: neither can be
    caught, so it has to be known before.

    :raise OutOfMemoryError: it cannot.
    """
    limit = _limit()
    if limit is None:
        return
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # Arrow's own reserves a gigabyte where it can
    if "torch" in sys.modules:
        return
    code = _TRIED.replace("HEADROOM", str(HEADROOM))
    try:
        # -P: a file of the user beside whom this process was started is no module of ours
        done = subprocess.run(  # noqa: S603  (this Python)
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        can = done.returncode == 0
    except (OSError, MemoryError, subprocess.TimeoutExpired):
        can = False
    if not can:
        raise OutOfMemoryError(
            f"the address space of this process is limited to {limit / 1e6:,.0f} MB (ulimit -v), and torch, pandas, pyarrow and a small "
            f"training need more, {HEADROOM} MB beside what they load; raise the limit, which counts what is reserved and not only what is used"
        )


def _limit() -> int | None:
    """Bytes of address space, or of data, that this process may have; None for no limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=None)
