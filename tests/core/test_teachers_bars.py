"""Which bars a model of another run has seen decides on which it is proven."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from progressive_app.store.run_documents import Teacher, read_manifest
from progressive_training import ProgressiveTrainer, read_run

SMALL = {
    "SYNTHETIC_BARS": 3000,
    "HORIZON_RANGE": [1, 6],
    "EPISODES": 1,
    "WIDTH": 8,
    "MEMBERS": 1,
    "UPDATES_PER_EPISODE": 4,
    "DEVICE": "cpu",
    "PLUGINS": ["no:report"],
}
Train = Callable[..., dict[str, Any]]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Train Scalping in `runs/NAME`, and give the record of its first teacher."""
    monkeypatch.chdir(tmp_path)

    def trained(name: str, taught_by: Any = None, **settings: Any) -> dict[str, Any]:
        trainer = ProgressiveTrainer(lambda _: None, settings={**SMALL, **settings}, run_dir=f"runs/{name}")
        trainer.train_bucket("Scalping", transfer_from=taught_by)
        teachers = read_manifest(Path(f"runs/{name}"))["teachers"]
        return teachers[0] if teachers else {}

    return trained


def part(name: str, which: str) -> tuple[str, str]:
    evaluation = read_run(Path(f"runs/{name}")).results[0].evaluation
    assert evaluation is not None
    first, last = getattr(evaluation, f"{which}_dates")
    return first, last


def test_a_teacher_is_proven_on_bars_that_it_has_not_seen(train: Train) -> None:
    train("btc")
    assert train("same", "btc/Scalping", SEED=0)["seen_until"] == ""  # as a bucket of the sequence
    assert {entry.proof is None for entry in read_run(Path("runs/same")).ledger} == {False}

    # Another market of the same months, in other parts.
    assert train("eth", "btc/Scalping", SEED=1, VALIDATION_SHARE=0.2)["seen_until"] == part("btc", "test")[0]
    reasons = {(entry.verdict, entry.reason.partition(",")[0]) for entry in read_run(Path("runs/eth")).ledger}
    assert reasons == {("skipped", "not proven: it saw the same months")}

    # What was forced on a teacher has shown it what it saw itself.
    eth = Teacher(run="runs/eth", bucket="Scalping", forced=True)
    seen = train("forced", eth, SEED=0)["seen_until"]
    assert seen == part("eth", "test")[0]
    assert train("pupil", "forced/Scalping", SEED=0)["seen_until"] == seen

    # The next fold of another market: what tested the teacher validates the pupil.
    begins, ends = map(datetime.fromisoformat, part("btc", "test"))
    folds = [begins.replace(year=2000), begins, begins + (ends - begins) / 2, ends]
    train("next", "btc/Scalping", SEED=1, PARTS=[each.isoformat() for each in folds])
    assert not any("months" in entry.reason for entry in read_run(Path("runs/next")).ledger)
    assert {entry.proof is None for entry in read_run(Path("runs/next")).ledger} == {False}
