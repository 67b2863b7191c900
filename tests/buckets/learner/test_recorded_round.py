"""A round of steps that was recorded does on later inputs what its steps do, as far as a processor can show it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
import structlog
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from progressive_buckets.learner import gradient_step, recorded_round
from progressive_buckets.learner.gradient_step import RecordedStep, TorchStep
from progressive_buckets.learner.network import Network, Shape
from progressive_buckets.learner.opening import learner_on
from progressive_buckets.learner.optimiser import Adam
from progressive_buckets.learner.recorded_round import CudaGraph, RecordedRound, wanted_on
from progressive_training import ConfigError, Resources

from .conftest import OpenLearner, bucket, info_of
from .test_gradient import some_batch, some_network
from .test_waiting import Operations, Watch, waits_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from progressive_buckets.learner.learner import MarketLearner
    from progressive_market.bars import Bars


def storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


class Tape(TorchDispatchMode):
    """A recorder as a CUDA graph is one: it repeats the operations on the same memory and with the same numbers of the host, and
    refuses what one cannot hold."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.taken: list[tuple[Any, Any, Any, list[torch.Tensor]]] = []
        self.before: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.replays = 0

    def warm(self, run: Callable[[], Any]) -> Any:
        return run()

    def record(self, run: Callable[[], Any]) -> Any:
        watch = Watch()
        with self, watch, Operations(watch.waits):
            found = run()
        assert watch.waits == []
        for tensor, value in self.before.values():  # nothing is computed while a graph is recorded
            tensor.copy_(value)
        return found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = tree_leaves((args, kwargs or {}))
        assert not any(isinstance(each, torch.Generator) for each in given), f"{func} draws"
        assert "lift_fresh" not in func.name(), "a number of the host"
        tensors = [each for each in given if isinstance(each, torch.Tensor)]
        if func._schema.is_mutable:
            for each in tensors:
                self.before.setdefault(
                    storage(each), (whole := each.as_strided((storage_length(each),), (1,), 0), whole.clone())
                )
        found = func(*args, **(kwargs or {}))
        known = {storage(each) for each in tensors}
        fresh = [each for each in tree_leaves(found) if isinstance(each, torch.Tensor) and storage(each) not in known]
        self.taken.append((func, args, kwargs or {}, fresh))
        return found

    def replay(self) -> None:
        self.replays += 1
        for func, args, kwargs, fresh in self.taken:
            found = func(*args, **kwargs)
            for kept, new in zip(fresh, [each for each in tree_leaves(found) if fresh], strict=True):
                kept.copy_(new)


def storage_length(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().nbytes() // tensor.element_size()


@pytest.fixture
def tapes(monkeypatch: pytest.MonkeyPatch, on_a_gpu: None) -> list[Tape]:
    """Steps are recorded, on these."""
    made: list[Tape] = []

    def tape(device: torch.device) -> Tape:
        made.append(Tape(device))
        return made[-1]

    monkeypatch.setattr(gradient_step, "wanted_on", lambda device: True)
    monkeypatch.setattr(gradient_step, "CudaGraph", tape)
    return made


def trained(learner: MarketLearner, episodes: int = 4) -> list[Any]:
    reports = [learner.run_episode() for _ in range(episodes)]
    critic = learner.critic
    return [*reports, critic.online.flat.tolist(), critic.target.flat.tolist(), learner.replay.priorities.tolist()]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_recorded_rounds_train_as_their_steps_do(
    open_learner: OpenLearner, tapes: list[Tape], monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    settings = {"UPDATES_PER_EPISODE": 23, "PRECISION": precision}  # a round of 20, one of 3
    recorded = trained(open_learner(**settings))
    assert [tape.replays for tape in tapes] == [3, 3]  # the second round is the one that is compared
    monkeypatch.setattr(RecordedRound, "__call__", lambda self, *inputs: self.run(*inputs))
    assert recorded == trained(open_learner(**settings))


def test_a_resume_records_anew_and_ends_the_same(open_learner: OpenLearner, tapes: list[Tape]) -> None:
    learner, resumed = open_learner(), open_learner()
    learner.run_episode()
    learner.run_episode()
    state = learner.snapshot()
    whole = trained(learner)
    resumed.restore(state)
    assert trained(resumed) == whole
    assert [tape.replays for tape in tapes] == [5, 3]


def test_with_recorded_rounds_an_episode_waits_once(
    open_learner: OpenLearner, tapes: list[Tape], monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = open_learner()
    learner.run_episode()
    learner.run_episode()  # which compares
    assert waits_of(learner.run_episode, monkeypatch) == ["read"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_on_a_gpu_recorded_rounds_train_as_their_steps_do(bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(recorded_round.PASSES, recorded_round.RECORDED)

    def opened() -> MarketLearner:
        resources = Resources(device="cuda", parallel_episodes=16, batch_size=64)
        return learner_on(bars, bucket(), info_of(bucket(), UPDATES_PER_EPISODE=23), resources)

    learner = opened()
    recorded = trained(learner)
    rounds = [each for step in learner.critic._steps.values() for each in step.rounds.values()]
    assert [each.same for each in rounds] == [True, True]
    monkeypatch.setattr(RecordedRound, "__call__", lambda self, *inputs: self.run(*inputs))
    assert recorded == trained(opened())


def test_a_number_of_the_host_that_changes_is_noticed() -> None:
    counted, state = iter(range(9)), torch.zeros(3)

    def run(given: torch.Tensor) -> tuple[torch.Tensor]:
        state.add_(given * next(counted))
        return (state * 2,)

    tape = Tape(state.device)
    steps = RecordedRound(run, [state], tape)
    ones = torch.ones(3)
    with structlog.testing.capture_logs() as lines:
        steps(ones)  # by 0; the recording takes 1
        assert state.tolist() == [0, 0, 0]
        assert steps(ones)[0].tolist() == [4, 4, 4] and state.tolist() == [2, 2, 2]
        assert steps(ones)[0].tolist() == [10, 10, 10] and state.tolist() == [5, 5, 5]
    assert [line["log_level"] for line in lines] == ["warning"] and tape.replays == 1


def test_what_a_round_returned_stays_when_the_next_one_is_replayed() -> None:
    steps = RecordedRound(lambda given: (given + 1,), [], Tape(torch.device("cpu")))
    found = [steps(torch.tensor([float(k)]))[0] for k in range(5)]
    assert [each.item() for each in found] == [1, 2, 3, 4, 5]


def test_with_its_numbers_on_the_device_a_step_is_the_same() -> None:
    shape, generator = (
        Shape(features=3, scales=4, width=32, members=2, horizons=(3, 9)),
        torch.Generator().manual_seed(3),
    )
    start, (batch, *_) = some_network(shape, generator), some_batch(shape, 64, generator)
    ends = []
    for kind in ("torch", "recorded"):
        online, target = Network(shape, "cpu"), Network(shape, "cpu")
        for network in (online, target):
            network.load_state(start.state())
        of_step = online, target, Adam(online.flat, online.decay_mask(), 1e-3, 1.0), 0.05, 0.3, torch.float32
        step = TorchStep(*of_step) if kind == "torch" else RecordedStep(Tape, *of_step)
        for seed in range(4):
            step.dropout.refill(shape.members * 16 * shape.width, torch.Generator().manual_seed(seed))
            losses, missed = step.round(batch, 16, 6)
        ends.append((online.flat, target.flat, losses, missed))
    for plain, recorded in zip(*ends, strict=True):
        torch.testing.assert_close(recorded, plain, rtol=1e-4, atol=1e-6)


def test_the_numbers_of_adam_are_those_of_one_step_after_the_other() -> None:
    one, all_at_once = (Adam(torch.zeros(2), torch.ones(2), 1e-3, 1.0) for _ in range(2))
    one.steps = all_at_once.steps = 7
    expected = torch.tensor([one.next_step() for _ in range(5)])
    torch.testing.assert_close(all_at_once.next_steps(5), expected, rtol=1e-6, atol=0)
    assert one.steps == all_at_once.steps == 12


@pytest.mark.parametrize(
    ("device", "passes", "recorded"),
    [("cuda", "graph", True), ("cuda", None, False), ("cuda", "torch", False), ("cpu", "graph", False)],
)
def test_it_is_recorded_only_on_a_gpu_and_where_asked_for(
    device: str, passes: str | None, recorded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if passes:
        monkeypatch.setenv("PROGRESSIVE_TRAINING_PASSES", passes)
    assert wanted_on(torch.device(device)) is recorded


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("CUDA error: operation not permitted when stream is capturing"), ConfigError),
        (torch.OutOfMemoryError("CUDA out of memory"), torch.OutOfMemoryError),  # training goes on with half the sizes
    ],
)
def test_what_cannot_be_recorded_is_said_in_one_line(
    error: Exception, expected: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CUDAGraph", "Stream", "device", "graph"):
        monkeypatch.setattr(recorded_round.torch.cuda, name, lambda *_, **__: nullcontext())

    def run() -> tuple[torch.Tensor, ...]:
        raise error

    with pytest.raises(expected, match=r"not permitted .* --resume|out of memory"):
        CudaGraph(torch.device("cuda", 0)).record(run)
