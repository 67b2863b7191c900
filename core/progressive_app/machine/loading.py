"""Loading large libraries: without the garbage collector, which looks at their hundred thousands of objects and finds nothing."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

from progressive_app.machine.undoing import undone_after

LARGE = 100
"""Modules that make a library a large one: torch has over a thousand, pandas three hundred."""


@contextmanager
def without_collecting() -> Iterator[None]:
    """Within it, no garbage is collected: torch and pandas are imported in a tenth less time.

    In a run that has frozen its objects (`gc_frozen`) those of a large library join them, so that collections skip these too.
    """
    if not gc.isenabled():  # a caller's, or the application's
        yield
        return
    before = len(sys.modules)
    with undone_after(gc.enable):
        gc.disable()
        yield
        if len(sys.modules) - before >= LARGE and gc.get_freeze_count():
            gc.freeze()


def load(module: str) -> ModuleType:
    """Import a module without collecting garbage.

    :raise ImportError: as `import_module`.
    """
    with without_collecting():
        return import_module(module)
