"""One thread for every test, set before torch starts its own: two fight when tests share a machine."""

import os
import signal

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # begun in the background: what tests start could not be interrupted
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.setdefault("OMP_NUM_THREADS", "1")
