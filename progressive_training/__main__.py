"""`python -m progressive_training`."""

import sys

from progressive_core.cli import main

sys.exit(main())
