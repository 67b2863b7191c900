"""The machine that this process runs on, as the engine asks for it."""

from __future__ import annotations

from progressive_app.machine.memory import memory_used, read_memory, release_memory
from progressive_app.machine.shortage import describe_shortage, is_shortage
from progressive_app.machine.watchdog import watched


class LocalMachine:
    """Implements `progressive_core.contract.machine.Machine`."""

    memory_used = staticmethod(memory_used)
    read_memory = staticmethod(read_memory)
    release_memory = staticmethod(release_memory)
    is_shortage = staticmethod(is_shortage)
    describe_shortage = staticmethod(describe_shortage)
    watch = staticmethod(watched)
