"""What the buckets of a run prepare for each other is the run's: one for all its openings, and gone at its end."""

from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import pytest

from progressive_training import Interrupted

KEEPER = """
from line_bucket import LineBucket

class Keeper(LineBucket):
    def open(self, bucket, resources):
        bucket.prepared.setdefault("opened", []).append(bucket.name)
        OPENED.append((bucket.prepared, list(bucket.prepared["opened"])))
        return super().open(bucket, resources)

OPENED = []
one, two = Keeper("One"), Keeper("Two", slope=1.5)
"""


@pytest.fixture
def keeper(workshop: Any, install: Any) -> Any:
    install("keeper", buckets={"One": "keeper_buckets:one", "Two": "keeper_buckets:two"}, keeper_buckets=KEEPER)
    return workshop


def opened() -> Any:
    return import_module("keeper_buckets").OPENED


def test_all_openings_of_a_run_share_it_and_it_is_empty_afterwards(keeper: Any) -> None:
    trainer = keeper.trainer(SEQUENCE=("One", "Two"))
    trainer.train_progressively(scratch_arms=True, find_order=True)
    assert len(opened()) > 6, "probes, training, teaching back and judging"
    assert len({id(prepared) for prepared, _ in opened()}) == 1
    assert [len(names) for _, names in opened()] == list(range(1, len(opened()) + 1))
    assert opened()[0][0] == {}


def test_an_interruption_and_an_error_empty_it_too(keeper: Any) -> None:
    keeper.stop_at = "Two: episode 2"
    with pytest.raises(Interrupted):
        keeper.trainer(SEQUENCE=("One", "Two")).train_progressively()
    keeper.strategy("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        keeper.trainer(run="other", SEQUENCE=("One", "Two")).train_progressively()
    prepared = {id(each): each for each, _ in opened()}
    assert list(prepared.values()) == [{}, {}]


def test_runs_in_two_threads_do_not_mix(keeper: Any) -> None:
    with ThreadPoolExecutor(2) as threads:
        runs = [keeper.trainer(run=name, SEQUENCE=("One", "Two")) for name in ("left", "right")]
        for done in [threads.submit(run.train_progressively) for run in runs]:
            done.result()
    counts = [names.count("Two") for _, names in opened()]
    assert len({id(prepared) for prepared, _ in opened()}) == 2
    assert max(counts) == sum(1 for _, names in opened() if names[-1] == "Two") / 2
