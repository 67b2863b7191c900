"""The command line's outermost frame: runs a command, and prints what went wrong as one line."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from io import BufferedRandom, BufferedWriter, TextIOWrapper
from typing import NoReturn

from progressive_app.machine.terminal import (
    BUG,
    HUNG_UP,
    INTERRUPTED,
    PIPE_CLOSED,
    USER_ERROR,
    leave_lost_terminal,
    print_error,
    print_text,
)
from progressive_app.machine.undoing import undoes_all
from progressive_core.contract.errors import ProgressiveTrainingError

BUFFERED = {TextIOWrapper, BufferedRandom, BufferedWriter}


def program() -> NoReturn:
    """Run the command line of this process, and end it with the code of `main`; 141 or 2 where its last output cannot be written.

    Python's own exit is followed (threads are waited for, exit handlers run, open files are written out) but for its last step: to take
    every object of torch and pandas apart takes a tenth of a second, and gives back what the system takes back at once. Where the
    script is not the outermost one, as under a profiler or a debugger, the process is not ours to end: this exits as any script.
    """
    code = main()
    if sys._getframe(1).f_back is not None:
        sys.exit(code)
    with suppress(KeyboardInterrupt):  # as Python: one that comes now ends the wait
        threading._shutdown()  # type: ignore[attr-defined]  # it has no public name; multiprocessing ends its processes so too
    atexit._run_exitfuncs()
    try:
        if sys.stdout is not None:  # as Windows has it without a console
            sys.stdout.flush()
    except BrokenPipeError:
        code = PIPE_CLOSED
    except (OSError, ValueError) as error:
        code = code or USER_ERROR
        with suppress(OSError, ValueError):
            print_error(f"error: the output cannot be written ({getattr(error, 'strerror', None) or error})")
    gc.unfreeze()
    for each in gc.get_objects():
        if type(each) in BUFFERED:  # one that a plugin left open
            with suppress(OSError, ValueError):
                each.flush()
    os._exit(code)


@undoes_all
def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    :param argv: the arguments without the program's name; by default those of this process.
    :return: 0, or 2 for what the user can mend, 1 for a bug, 129, 130 and 143 when interrupted.
    """
    if argv is None:  # this process is ours
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # as stderr has it: no name stops a command
        atexit.register(gc.freeze)  # the last collections of Python look at all of torch, for nothing
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)  # a late Ctrl-C could only break the exit
    try:
        from progressive_front.command_arguments import (
            dispatch,  # here, so that Ctrl-C while it is imported is caught too
        )

        code = dispatch(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
    except SystemExit as ended:  # argparse, after --help and --version
        return int(ended.code or 0)
    except ProgressiveTrainingError as error:
        print_error(f"error: {error}")
        return USER_ERROR
    except KeyboardInterrupt:
        print_error("stopped")
        return INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough; Python must not try to flush again as it exits
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return PIPE_CLOSED
    except Exception as error:  # noqa: BLE001  (the outermost frame: a bug is shown in full)
        if isinstance(error, OSError) and error.errno == errno.EIO and leave_lost_terminal():
            return HUNG_UP
        from progressive_app.machine.shortage import describe_shortage, is_shortage

        if is_shortage(error):
            print_error(f"error: memory ran out ({describe_shortage(error)}); nothing can be done with so little")
            return USER_ERROR
        import traceback

        print_text(traceback.format_exc(), sys.stderr)
        return BUG
