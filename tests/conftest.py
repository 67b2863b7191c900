"""One thread for every test, set before torch starts its own: two fight when tests share a machine. No test fails for being slow on
a busy one. And Ctrl-C and a hang-up for what tests start, also where they were begun in the background, with these ignored. How one test
logs is not left to the next one. Programs that tests start keep the modules that they compiled."""

import os
import signal
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each program that a test starts compiles all modules again
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _structlog_as_found() -> Iterator[None]:
    yield
    structlog.reset_defaults()
