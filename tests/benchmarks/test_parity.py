"""A decision in use is the one that was evaluated, from any window of the file that is long enough."""

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from progressive_buckets.model import TradingModel
from progressive_market.serving.served_bars import served_bars
from progressive_training import load_model

KINDS = ("plain", "gaps", "by_turns", "resampled", "levels", "plugin")
BARS = 170


@pytest.fixture(scope="module")
def parity() -> ModuleType:
    return import_module("serving_parity")


@pytest.fixture(scope="module", params=KINDS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    cases = import_module("serving_cases")
    folder = tmp_path_factory.mktemp(request.param)
    case = cases.CASES[request.param](6_000, 3)
    if case.feature:
        with cases.installed_feature(folder / "installed"):
            yield cases.evaluated(case, folder / "run")
    else:
        yield cases.evaluated(case, folder / "run")


def test_every_kind_of_bars_is_compared() -> None:
    assert set(import_module("serving_cases").CASES) == set(KINDS)


def test_live_is_the_trajectory_and_the_evaluation(parity: ModuleType, run: Any) -> None:
    for found in (parity.strategy_parity(run, BARS), parity.use_parity(run, BARS)):
        assert found.differences == 0
        assert found.trades >= 50, "flat equals flat proves nothing"


@given(share=st.floats(0, 1), more=st.integers(0, 500), held=st.sampled_from(["flat", "long", "short"]))
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_window_that_is_long_enough_is_served_and_gives_the_advantages_of_the_whole_file(
    parity: ModuleType, run: Any, share: float, more: int, held: Any
) -> None:
    """To 1e-6 of their deviation, whatever is constant or sparse in the window; with half of it there is a warning."""
    model: TradingModel = load_model(run.trading)
    whole = model.market(served_bars(run.file, model.card))
    frame, last = run.case.frame, len(run.case.frame) - 1
    first = int(last * (model.history + more + 100) / len(whole.times))
    row = first + int(share * (last - first))
    rows = parity.window(model, frame, row, model.history + more)
    decision = model(rows, held)
    assert decision.warnings == ()
    advantages = model.advantages(whole)
    bar = int(np.searchsorted(whole.times, decision.time.value))
    seen = model.advantages(model.market(served_bars(rows, model.card)))
    bars = np.searchsorted(model.market(served_bars(rows, model.card)).times, decision.time.value)
    assert (seen[bars] - advantages[bar]).abs().max() <= 1e-6 * advantages.std()
    half = parity.window(model, frame, row, model.history // 2)
    segment = whole.segment[max(0, bar - model.history // 2 - 1) : bar + 1]
    assert bool(model(half, held).warnings) == bool(segment[0] == segment[-1])


def test_a_file_gives_one_answer_however_it_is_held(run: Any) -> None:
    model = load_model(run.trading)
    expected, frame = model.trajectory(run.file), run.case.frame
    for source in (frame, frame.set_index("time"), pa.Table.from_pandas(frame, preserve_index=False)):
        assert_frame_equal(model.trajectory(source), expected)
        assert model(source, "flat") == model(run.file, "flat")
