"""The benchmarks of the report: what is counted as its cost, and that each chart library draws."""

from importlib import import_module
from shutil import which

import numpy as np
import pytest


def test_time_and_memory_are_counted_within_what_is_measured_and_nowhere_else() -> None:
    meter = import_module("report").Meter()

    def work() -> int:
        return int(np.ones(30_000_000).sum())  # 240 MB

    assert meter.around(work)() == 30_000_000
    seconds, memory = meter.seconds, meter.memory
    assert seconds > 0
    assert memory >= 0
    work()
    assert (meter.seconds, meter.memory) == (seconds, memory)


@pytest.mark.parametrize(
    ("bars", "run", "report", "page", "memory", "passes"),
    [
        ("default", 20.0, 0.4, 10**6, 0, True),
        ("default", 20.0, 0.6, 10**6, 0, False),
        ("4,000,000", 100.0, 4.9, 10**6, 0, True),
        ("4,000,000", 100.0, 5.1, 10**6, 0, False),
        ("4,000,000", 100.0, 1.0, 6 * 10**6, 0, False),
        ("4,000,000", 100.0, 1.0, 10**6, 4 * 10**8, False),
    ],
)
def test_targets_are_held(bars: str, run: float, report: float, page: int, memory: int, passes: bool) -> None:
    assert import_module("report").Cost(bars, run, report, page, memory).passes is passes


def test_a_chart_is_drawn_and_timed() -> None:
    pytest.importorskip("playwright")
    if which("chromium") is None:
        pytest.skip("no chromium here")
    charts = import_module("charts")
    drawn = {each.package: each for each in charts.measured(300)}
    assert drawn["litecharts"].paint > 0
    assert len(drawn["litecharts"].frames) == len(charts.VIEWS)


def test_candles_hold_their_prices() -> None:
    prices = np.array(import_module("charts").rows(500))[:, 1:]
    opened, high, low, close = prices.T
    assert (high >= np.maximum(opened, close)).all()
    assert (low <= np.minimum(opened, close)).all()
