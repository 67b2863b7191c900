"""The benchmarks are scripts of one folder, which import one another by name; their tests do as they do. How a script logs is not left to
the tests after it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import torch

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def _benchmarks() -> Iterator[None]:
    torch.set_num_threads(1)
    sys.path.insert(0, str(BENCHMARKS))
    before = structlog.get_config() if structlog.is_configured() else None
    yield
    structlog.reset_defaults()
    if before is not None:
        structlog.configure(**before)
    sys.path.remove(str(BENCHMARKS))
