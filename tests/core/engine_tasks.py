"""Functions of tasks for the tests of engines: of a module that a spawned process can import."""

import os
import signal
from pathlib import Path

from progressive_core.contract.errors import DataError
from progressive_core.engine.run import Interrupted


def double(worker, number):
    worker.progress(f"doubling {number}")
    return 2 * number


def fail(worker, text):
    raise DataError(text)


def die_until(worker, attempt):
    if worker.attempt < attempt:
        os.kill(os.getpid(), signal.SIGKILL)
    return worker.attempt


def until_stopped(worker, mark):
    worker.progress("begun")
    while not worker.wants_a_stop():
        pass
    raise Interrupted(Path(mark))


def process(worker, argument):
    return os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")
