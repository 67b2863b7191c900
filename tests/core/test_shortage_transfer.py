"""Memory that runs out in a transfer: the learner stays as it was, the ledger says so, and training goes on."""

import json
import weakref
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from progressive_app.machine.local_machine import LocalMachine
from progressive_app.store.tensors import read_tensors
from progressive_core.contract.errors import OutOfMemoryError
from progressive_core.engine.out_of_memory import Shortage, attempt
from progressive_core.engine.proof import prove
from progressive_training import Knowledge

LINES = (Path(__file__).parent / "line_bucket.py").read_text()
HUNGRY = """
import torch
from attrs import frozen
from line_bucket import LineBucket, LineLearner

CALLS, FAILS = {}, {}


def call(name):
    CALLS[name] = CALLS.get(name, 0) + 1
    if CALLS[name] in FAILS.get(name, ()):
        torch.empty(1 << 50)


@frozen
class HungryBucket(LineBucket):
    def open(self, bucket, resources):
        call("open")
        return HungryLearner(bucket, self.slope, self.distrust)


class HungryLearner(LineLearner):
    def adopt(self, knowledge):
        adoption = super().adopt(knowledge)
        call("adopt")
        return adoption

    def restore(self, state):
        call("restore")
        super().restore(state)

    def policy(self):
        call("policy")
        return super().policy()


bucket = HungryBucket("Hungry")
"""


@pytest.fixture
def hungry(workshop: Any) -> Callable[..., None]:
    """Train First, Hungry and Second; at the given calls of its learner, counted from 1, memory runs out in Hungry."""

    workshop.install("hungry", buckets={"Hungry": "hungry_bucket:bucket"}, hungry_bucket=HUNGRY)

    def train(run: str, fails: dict[str, tuple[int, ...]], **settings: Any) -> None:
        trainer = workshop.trainer(run, SEQUENCE=("First", "Hungry", "Second"), **settings)
        module = import_module("hungry_bucket")
        module.FAILS, module.CALLS = fails, {}
        trainer.train_progressively()

    return train


def of(ledger: list[dict[str, Any]], target: str, phase: str) -> dict[str, tuple[str, str]]:
    return {
        line["strategy"]: (line["verdict"], line["reason"])
        for line in ledger
        if (line["target"], line["phase"]) == (target, phase)
    }


def halved(run: Path) -> list[Any]:
    return [result["halved_to"] for result in json.loads((run / "state.json").read_text())["results"]]


def test_a_strategy_that_runs_out_of_memory_changes_nothing(workshop: Any, capfd: pytest.CaptureFixture[str]) -> None:
    workshop.trainer("without", plugins=("no:watch",)).train_progressively()
    workshop.strategy("raise MemoryError('no more')")
    workshop.trainer().train_progressively()
    verdict, reason = of(workshop.ledger(), "Second", "initial")["nudge"]
    assert verdict == "failed" and reason.startswith("out of memory: ") and "nudge" in reason
    assert "transfer failed, training goes on" in capfd.readouterr().err
    assert halved(workshop.directory / "run") == [None, None]
    for name in ("First", "Second"):
        with_it, without = (
            read_tensors(workshop.directory / run / f"models/{name}/model.safetensors")[0] for run in ("run", "without")
        )
        assert torch.equal(with_it["line.weight"], without["line.weight"])


def test_a_proof_that_runs_out_of_memory_is_named_for_every_strategy(hungry: Any, workshop: Any) -> None:
    hungry("run", {"adopt": (1,)})
    tried = of(workshop.ledger(), "Hungry", "initial")
    assert "weights" in tried
    for verdict, reason in tried.values():
        assert verdict == "failed" and reason.startswith("out of memory: RuntimeError: ")
    assert halved(workshop.directory / "run") == [None, None, None]


def test_what_a_strategy_offers_may_not_fit_in_memory(hungry: Any, workshop: Any) -> None:
    hungry("run", {"adopt": (2,)})
    verdicts = of(workshop.ledger(), "Hungry", "initial")
    assert [name for name, (verdict, _) in verdicts.items() if verdict == "failed"] == ["weights"]
    assert "can't allocate memory" in verdicts["weights"][1]
    lines = [json.loads(line) for line in (workshop.directory / "run/metrics.jsonl").read_text().splitlines()]
    start = next(line["start_score"] for line in lines if line["bucket"] == "Hungry")
    assert start == -5.0, "as one that has learned nothing"


def test_a_learner_that_cannot_be_put_back_begins_again_from_its_checkpoint(hungry: Any, workshop: Any) -> None:
    hungry("run", {"adopt": (2,), "restore": (2,)})
    assert [sizes and sizes["batch_size"] for sizes in halved(workshop.directory / "run")] == [None, 256, None]
    assert workshop.verdicts("weights", "initial")[0] == "kept"


@pytest.mark.parametrize(("call", "number"), [("open", 2), ("policy", 1)])
def test_a_finished_bucket_that_does_not_fit_beside_the_one_in_training_is_left_as_it_is(
    hungry: Any, workshop: Any, call: str, number: int
) -> None:
    long = {"First": 1, "Hungry": 1, "Second": 20}
    hungry("whole", {}, EPISODES=long)
    hungry("run", {call: (number,)}, EPISODES=long)
    assert halved(workshop.directory / "run") == [None, None, None]
    reasons = {
        line["reason"] for line in workshop.ledger() if (line["target"], line["verdict"]) == ("Hungry", "failed")
    }
    assert reasons and all(reason.startswith("out of memory: ") for reason in reasons)
    versions = {
        run: len(list((workshop.directory / run / "models/Hungry/versions").iterdir())) for run in ("whole", "run")
    }
    assert versions == {"whole": 3, "run": 2}, "as it was trained, as it was taught, and judged"


def test_a_verdict_that_memory_is_short_for_is_made_when_the_run_goes_on(hungry: Any, workshop: Any) -> None:
    with pytest.raises(OutOfMemoryError):
        hungry("run", {"open": (3,)})
    state = workshop.directory / "run/state.json"
    assert [bool(each["evaluation"]) for each in json.loads(state.read_text())["results"]] == [True, False, True]
    workshop.trained.resume()
    assert all(each["evaluation"] for each in json.loads(state.read_text())["results"])


@pytest.fixture
def pupil(install: Callable[..., None]) -> Any:
    install("acme", line_bucket=LINES)

    class Bucket:
        name, seed, horizons = "Pupil", 5, (1, 6)

    return import_module("line_bucket").LineLearner(Bucket(), 2.0, "")


def test_a_learner_is_put_back_when_nothing_of_the_failed_trial_is_held(pupil: Any) -> None:
    seen: list[weakref.ref[Any]] = []
    held: list[bool] = []

    def starve() -> float:
        ballast = torch.zeros(10)
        seen.append(weakref.ref(ballast))
        raise torch.OutOfMemoryError("CUDA out of memory")

    before, score, restore = pupil.snapshot(), pupil.validate(), pupil.restore
    pupil.validation_blocks = starve
    pupil.restore = lambda state: (held.append(seen[0]() is not None), restore(state))
    source = Knowledge(origin="Teacher", weights={"line.weight": torch.tensor([2.0, 1.0])})
    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
        prove(LocalMachine(), pupil, source, pupil.knowledge(), score)
    assert held == [False]
    assert torch.equal(pupil.weight, before.tensors["weight"])


def test_a_shortage_that_is_kept_holds_no_memory() -> None:
    seen: list[weakref.ref[Any]] = []

    def starve() -> None:
        ballast = torch.zeros(10)
        seen.append(weakref.ref(ballast))
        try:
            raise KeyError("first")
        except KeyError as error:
            raise MemoryError from error

    shortage = attempt(LocalMachine(), starve)
    assert isinstance(shortage, Shortage) and shortage.message == "MemoryError"
    assert seen[0]() is None
