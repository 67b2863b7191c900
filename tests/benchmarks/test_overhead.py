"""The overhead benchmark: a short run is accounted for, part by part."""

import math
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from progressive_app.config.resolve import defaults, with_settings


@pytest.fixture(scope="module")
def overhead() -> ModuleType:
    return import_module("overhead")


def test_every_part_of_a_run_is_counted_once(overhead: ModuleType, tmp_path: Path) -> None:
    asked = {"SEQUENCE": ["Scalping", "Short"], "EPISODES": 2, "SYNTHETIC_BARS": 4000, "HORIZON_RANGE": [1, 24]}
    times = overhead.timed_run(with_settings(defaults(), asked), tmp_path / "run")
    assert times.episodes == 4
    assert set(times.seconds) == {*overhead.PARTS, overhead.REST}
    assert all(seconds > 0 for seconds in times.seconds.values())
    assert math.isclose(times.share(*overhead.PARTS, overhead.REST), 1.0)
    assert times.calls["update"] == 4
    assert times.waits > 4 and 0 <= sum(times.waited.values()) < times.wall


def test_a_transfer_and_a_copy_are_both_timed(overhead: ModuleType) -> None:
    transfer, copy = overhead.transfer_against_copy(rounds=3)
    assert 0.2 * copy < transfer  # it reads what a copy reads, and more: less is a transfer that did not take place
    assert 950_000 < overhead.million_parameters("any").nbytes / 4 < 1_050_000
