"""A source proves itself before it is trusted: tried in the target's place, told to the strategies and to the ledger."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve

from progressive_app.machine.local_machine import LocalMachine
from progressive_core.engine.digest import digest
from progressive_core.engine.proof import prove, unprovable
from progressive_training import Knowledge, Proof

LINES = (Path(__file__).parent / "line_bucket.py").read_text()


class Seed:
    """What a line learner reads of its bucket."""

    name, seed, horizons = "Pupil", 5, (1, 6)


@pytest.fixture
def pupil(install: Callable[..., None]) -> Any:
    """A learner of the line 2 x + 1 that has trained for two episodes."""
    install("acme", line_bucket=LINES)
    learner = import_module("line_bucket").LineLearner(Seed(), 2.0, "")
    learner.run_episode()
    learner.run_episode()
    return learner


def teacher(*slope: float) -> Knowledge:
    return Knowledge(origin="Teacher", weights={"line.weight": torch.tensor(slope)})


def tried(pupil: Any, source: Knowledge) -> Proof | None:
    return prove(LocalMachine(), pupil, source, pupil.knowledge(), pupil.validate())


def test_a_good_source_and_a_bad_one_are_told_apart(pupil: Any) -> None:
    good, bad = tried(pupil, teacher(2.0, 1.0)), tried(pupil, teacher(-2.0, -1.0))
    assert good is not None and bad is not None
    assert good.after == 0.0 and bad.after == -20.0
    assert good.before == bad.before == pupil.validate()
    assert good.error == pytest.approx(0.01)


def test_the_trial_leaves_no_trace(pupil: Any) -> None:
    before = pupil.snapshot()
    tried(pupil, teacher(-2.0, -1.0))
    after = pupil.snapshot()
    assert before.values == after.values
    assert all(torch.equal(tensor, after.tensors[name]) for name, tensor in before.tensors.items())


def test_a_source_that_fits_nowhere_is_not_judged(pupil: Any) -> None:
    assert tried(pupil, teacher(1.0, 2.0, 3.0)) is None
    assert tried(pupil, Knowledge(origin="Teacher", weights={"tree.leaf": torch.ones(2)})) is None
    assert tried(pupil, Knowledge(origin="Teacher", feature_importance={"x": 1.0})) is None


def test_a_source_that_breaks_the_learner_is_not_judged_and_the_learner_goes_on(
    pupil: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sound, held = type(pupil).adopt, pupil.weight.clone()

    def half_done(self: Any, knowledge: Knowledge) -> None:
        sound(self, knowledge)
        raise ZeroDivisionError

    monkeypatch.setattr(type(pupil), "adopt", half_done)
    assert tried(pupil, teacher(9.0, 9.0)) is None
    assert torch.equal(pupil.weight, held)


def test_a_fingerprint_tells_any_change_and_nothing_else() -> None:
    known = Knowledge(
        origin="First",
        weights={"a": torch.tensor([1.0, 2.0]), "b": torch.zeros((), dtype=torch.bfloat16), "c": torch.zeros(0)},
        feature_importance={"x": 0.25, "y": 0.75},
        horizons={6: 0.1},
    )
    alike = Knowledge(
        origin="Second",
        version=3,
        weights=dict(reversed(list(known.weights.items()))),
        feature_importance={"y": 0.75, "x": 0.25},
        horizons={6: 0.1},
    )
    assert digest(known) == digest(alike)
    others = [
        Knowledge(origin="First"),
        Knowledge(origin="First", weights={**known.weights, "a": torch.tensor([1.0, 2.0000002])}),
        Knowledge(origin="First", weights={**known.weights, "a": torch.tensor([[1.0, 2.0]])}),
        Knowledge(origin="First", weights=known.weights, feature_importance={"x": 0.75, "y": 0.25}),
        Knowledge(origin="First", weights=known.weights, feature_importance=known.feature_importance),
    ]
    assert len({digest(other) for other in [known, *others]}) == 6
    assert len(json.dumps(digest(known))) == 18


def dated(learner: Any, later: bool) -> Any:
    """The learner, whose newest half of validation is scored apart: by twice the error of the second weight."""

    def validate_after(moment: str) -> tuple[float, tuple[float, ...]] | None:
        assert moment == "2024-01-01T00:00:00Z"
        score = -2 * float((learner.weight - learner.truth)[1] ** 2)
        return (score, (score - 0.5, 0.5)) if later else None

    learner.validate_after = validate_after
    return learner


def test_a_source_that_saw_other_bars_is_tried_on_the_later_ones(pupil: Any) -> None:
    source = evolve(teacher(9.0, 1.0), seen_until="2024-01-01T00:00:00Z")
    before = -2 * float((pupil.weight - pupil.truth)[1] ** 2)
    proof = tried(dated(pupil, later=True), source)
    assert proof is not None
    assert (proof.before, proof.after) == (before, 0.0)  # of all bars it would be -49
    assert proof.error == pytest.approx(1.0)


def test_a_source_that_saw_nearly_all_bars_is_offered_to_no_strategy(pupil: Any) -> None:
    source = evolve(teacher(2.0, 1.0), seen_until="2024-01-01T00:00:00Z")
    assert unprovable(dated(pupil, later=True), source) == ""
    assert unprovable(dated(pupil, later=False), source).startswith(
        "not proven: it saw the same months, all before 2024-01"
    )
    del pupil.validate_after  # a learner that knows no dates
    assert unprovable(pupil, source).startswith("not proven: it saw the same months")
