"""`python progressive_training.py`: the command line, as the specification spells it."""

from progressive_front.cli import program

if __name__ == "__main__":
    program()
