"""`python -m progressive_training`."""

import sys

from progressive_front.cli import program

sys.exit(program())
