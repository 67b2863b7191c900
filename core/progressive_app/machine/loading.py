"""Loading large libraries: without the garbage collector, which looks at their hundred thousands of objects and finds nothing."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

from progressive_app.machine.undoing import undone_after


@contextmanager
def without_collecting() -> Iterator[None]:
    """Within it, no garbage is collected: torch and pandas are imported in a tenth less time."""
    if not gc.isenabled():  # a caller's, or the application's
        yield
        return
    with undone_after(gc.enable):
        gc.disable()
        yield


def load(module: str) -> ModuleType:
    """Import a module without collecting garbage.

    :raise ImportError: as `import_module`.
    """
    with without_collecting():
        return import_module(module)
