"""Trainers side by side: the number of threads that one computes with, and so its last digits, is not the other's."""

import threading
from collections.abc import Iterator

import pytest
import torch

from progressive_buckets.learner.compute import prepare


@pytest.fixture
def _restored() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_restored")
def test_a_trainer_keeps_its_number_of_threads_whatever_another_one_asks_for() -> None:
    asked, other_came = threading.Event(), threading.Event()
    found: list[int] = []

    def train() -> None:
        prepare({"THREADS": 1})
        asked.set()
        other_came.wait()
        found.append(torch.get_num_threads())

    thread = threading.Thread(target=train)
    thread.start()
    asked.wait()
    prepare({"THREADS": 2})
    other_came.set()
    thread.join()
    assert found == [1]
