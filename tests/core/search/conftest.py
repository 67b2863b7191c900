"""A space and trials for the tests of a search."""

import math

import pytest

from progressive_studies.search.space import Choices, Range
from progressive_studies.search.tried import Trial


@pytest.fixture
def space():
    """A number by its logarithm, a whole number, a switch and a list."""
    return {
        "RATE": Range(text="1e-4..1e-2:log", low=1e-4, high=1e-2, log=True, whole=False),
        "WIDTH": Range(text="16..64", low=16, high=64, log=False, whole=True),
        "FAST": Choices(text="true|false", texts=("true", "false"), values=(True, False)),
        "SPANS": Choices(text="[6,48]|null", texts=("[6,48]", "null"), values=((6, 48), None)),
    }


@pytest.fixture
def incumbent():
    """Trial 0, whose values lie in the space."""
    return {"RATE": 1e-3, "WIDTH": 32, "FAST": False, "SPANS": None}


@pytest.fixture
def trial():
    """Makes a trial, finished unless it says otherwise."""

    def made(number, values, score, status="finished", steps=None):
        steps = steps or (score / 2 if math.isfinite(score) else score, score)
        return Trial(number=number, values=values, status=status, score=score, steps=tuple(steps))

    return made
