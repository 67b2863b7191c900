"""The benchmark of trackers: what one costs is counted, and a training without one costs nothing."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from progressive_app.config.resolve import defaults


@pytest.fixture(scope="module")
def trackers() -> ModuleType:
    return import_module("trackers")


def test_threads_and_hooks_of_a_tracker_are_counted(trackers: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    asked = {"SEQUENCE": ["Scalping"], "EPISODES": 2, "SYNTHETIC_BARS": 3000, "HORIZON_RANGE": [1, 24], "DEVICE": "cpu"}
    cost = trackers.cost_of("tensorboard", {**defaults(), **asked, "UPDATES_PER_EPISODE": 2}, tmp_path / "run")
    assert (tmp_path / "run" / "tensorboard" / "Scalping").is_dir()
    assert cost.episodes == 2 and 0 < cost.tracker < cost.processor and cost.waited > 0


def test_one_run_above_the_target_fails_and_a_run_without_a_tracker_has_none(trackers: ModuleType) -> None:
    plain, small, large = (
        trackers.Cost(processor=10, tracker=used, waited=used, others=0, episodes=2) for used in (0, 0.05, 0.2)
    )
    console = Console(record=True, width=110)
    assert trackers.show({None: [plain], "tensorboard": [small]}, console)
    assert not trackers.show({None: [plain], "tensorboard": [small, large]}, console)
    assert "1.27% (2.04%)" in console.export_text()
