"""`--sequence auto`: the order found by probes, and why."""

import json
from contextlib import AbstractContextManager, closing
from importlib import import_module
from itertools import permutations
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from progressive_app.machine.local_machine import LocalMachine
from progressive_core.contract.protocols import Learner
from progressive_studies.curriculum import best_order, curriculum_of, probe, worth
from progressive_training import BucketInfo, Interrupted, Proof

NAMES = ("A", "B", "C", "D")
shares = st.fixed_dictionaries({name: st.fixed_dictionaries(dict.fromkeys(NAMES, st.floats(0, 1))) for name in NAMES})


@given(shares)
def test_no_order_is_worth_more_than_the_best(shares: dict[str, dict[str, float]]) -> None:
    best = best_order(NAMES, shares)
    assert sorted(best) == sorted(NAMES)
    assert worth(best, shares) == pytest.approx(max(worth(order, shares) for order in permutations(NAMES)))


def proofs(error: float) -> dict[str, dict[str, Proof]]:
    """Only D can do every task; the others can do none."""
    good, bad = (Proof(before=0.0, after=after, error=error) for after in (1.0, 0.0))
    return {name: dict.fromkeys(NAMES, good if name == "D" else bad) for name in NAMES}


def test_the_one_that_can_do_all_comes_first() -> None:
    found = curriculum_of(NAMES, proofs(error=0.1))
    assert found.sequence == ("D", "A", "B", "C")
    assert "3.00 instead of 0.00 with A, B, C, D" in found.reason


@pytest.mark.parametrize("doubtful", [proofs(error=0.6), {name: {} for name in NAMES}])
def test_what_may_be_luck_changes_nothing(doubtful: dict[str, dict[str, Proof]]) -> None:
    found = curriculum_of(NAMES, doubtful)
    assert found.sequence == NAMES
    assert found.reason.startswith("as asked for")


def test_a_teacher_that_its_own_bars_do_not_confirm_leads_no_order(workshop: Any) -> None:
    lines = import_module("line_bucket")
    info = BucketInfo(
        name="", horizons=(1,), sequence=("First", "Lucky"), episodes=1, seed=0, run_dir=workshop.directory, settings={}
    )

    def opened(name: str) -> AbstractContextManager[Learner]:
        return closing(getattr(lines, name.lower()).open(evolve(info, name=name), None))

    proofs = probe(LocalMachine(), info.sequence, opened, opened)
    assert {teacher: set(pupils) for teacher, pupils in proofs.items()} == {"First": {"First", "Lucky"}, "Lucky": set()}


def test_a_run_finds_its_order_says_why_and_keeps_it(workshop: Any) -> None:
    workshop.trainer().train_progressively(find_order=True)
    manifest = json.loads((workshop.directory / "run/manifest.json").read_text())
    assert not manifest["find_order"]
    assert manifest["sequence"] == manifest["curriculum"]["sequence"]
    assert any(
        line.startswith("sequence auto: ") and manifest["curriculum"]["reason"] in line for line in workshop.said
    )


def test_a_run_stopped_while_it_probes_finds_the_same_order_when_it_goes_on(workshop: Any) -> None:
    workshop.trainer("whole").train_progressively(find_order=True)
    workshop.stop_at = "probe of Second: episode 2"
    with pytest.raises(Interrupted):
        workshop.trainer().train_progressively(find_order=True)
    workshop.stop_at = ""
    workshop.trainer().resume()
    whole, resumed = (json.loads((workshop.directory / run / "manifest.json").read_text()) for run in ("whole", "run"))
    assert resumed["curriculum"] == whole["curriculum"]
