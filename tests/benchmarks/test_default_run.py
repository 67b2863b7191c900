"""A default run is measured by stage, and a comparison says what half of the time is."""

import io
from importlib import import_module
from pathlib import Path

from rich.console import Console


def test_each_stage_of_a_run_has_its_time(tmp_path: Path) -> None:
    benchmark = import_module("default_run")
    settings = ("SYNTHETIC_BARS=3000", "EPISODES=2", "HORIZON_RANGE=[1, 12]", "UPDATES_PER_EPISODE=2")
    run = benchmark.one_run(benchmark.ROOT, (*settings, 'SEQUENCE=["Medium"]'), tmp_path)
    assert {*run} == {*benchmark.STAGES, "whole", "an episode"} and all(
        side >= 0 for each in run.values() for side in each
    )
    assert abs(sum(run[stage][0] for stage in benchmark.STAGES) - run["whole"][0]) < 1e-6
    assert run["an episode"][0] == run["train"][0] / 2
    assert all(run[stage][0] > 0 for stage in ("start", "open", "train", "judge", "report"))


def test_a_ratio_is_that_of_all_seeds_together() -> None:
    benchmark = import_module("default_run")
    here, there = (
        [dict.fromkeys((*benchmark.STAGES, "whole", "an episode"), (seconds, 2 * seconds)) for seconds in each]
        for each in ([1.0, 8.0, 3.0], [2.0, 10.0, 12.0])
    )
    text = io.StringIO()
    ratios = benchmark.show(here, there, "d650500", Console(file=text, width=100))
    assert ratios["whole"] == 0.5
    assert "4 (8)" in text.getvalue() and "8 (16)" in text.getvalue()
