"""Tests of the market and of the buckets run in a directory of their own: a learner may write what its strategy did."""

from collections.abc import Iterator
from contextlib import chdir

import pytest


@pytest.fixture(scope="module", autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with chdir(tmp_path_factory.mktemp("here")):
        yield
