"""`python -m progressive_training`."""

from progressive_front.cli import program

program()
