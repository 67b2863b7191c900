"""How a run ended is recorded in its store, however its process comes out of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from progressive_app.machine.logs import get_logger
from progressive_app.processes.half_sizes import ADVICE
from progressive_core.contract.errors import OutOfMemoryError, WriteError
from progressive_core.contract.machine import Machine
from progressive_core.contract.store import Store
from progressive_core.engine.run import Interrupted

log = get_logger()

ENDED_EARLY = "the run ended early"
"""The last event in the log of a run that an error ended."""


@contextmanager
def ending_marked(store: Store, machine: Machine) -> Iterator[None]:
    """Record in the store how the run ended, whatever happened.

    :raise OutOfMemoryError: memory ran out where no smaller sizes could help.
    """
    try:
        yield
    except BaseException as error:
        with suppress(WriteError):  # a run that is not marked counts as interrupted, once its process has ended
            store.mark("interrupted")
        if not isinstance(error, Interrupted | KeyboardInterrupt):
            log.info(ENDED_EARLY, exc_info=True)
        if machine.is_shortage(error):
            raise OutOfMemoryError(f"memory ran out ({machine.describe_shortage(error)}); {ADVICE}") from error
        raise
    store.mark("finished")
