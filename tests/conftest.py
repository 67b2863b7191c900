"""One thread for every test, set before torch starts its own: two fight when tests share a machine."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
