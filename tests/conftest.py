"""One thread for every test, set before torch starts its own: two fight when tests share a machine. And Ctrl-C for what tests start,
also where they were begun in the background, with it ignored."""

import os
import signal

os.environ.setdefault("OMP_NUM_THREADS", "1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
