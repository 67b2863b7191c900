"""`python progressive_training.py`: the command line, as the specification spells it."""

import sys

from progressive_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
