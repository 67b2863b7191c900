"""What holds of an episode on a GPU as far as a processor can show it: it stays on its device, and adds up in one order."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from progressive_buckets.learner import learner as learning

from .conftest import OpenLearner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from progressive_buckets.insight.to_host import Notes, Values
    from progressive_buckets.learner.learner import MarketLearner

PAID = {"SIDES": "long", "FUNDING": 0.1, "REWARD": "volatility", "PRECISION": "bf16"}
PLAIN = dict.fromkeys(("ADAPTIVE_EXPLORATION", "PRIORITISED_REPLAY", "POST_TRADE_LESSONS", "CONTEXTUAL_MEMORY"), False)


def elsewhere(learner: MarketLearner, monkeypatch: pytest.MonkeyPatch) -> MarketLearner:
    """A copy of `learner` on the meta device: operations give shapes there, and one that mixes devices or asks for a number fails."""
    with monkeypatch.context() as patched:
        patched.setattr(
            torch.Tensor, "__deepcopy__", lambda tensor, memo: memo.setdefault(id(tensor), tensor.to("meta"))
        )
        return copy.deepcopy(learner, {id(learner.generator): learner.generator})


class Read(Exception):
    """An episode is read: what it has of numbers."""


def read_of(episode: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Notes]:
    def reading(groups: Mapping[str, Notes]) -> dict[str, Values]:
        raise Read(groups)

    monkeypatch.setattr(learning, "to_host", reading)
    with pytest.raises(Read) as read:
        episode()
    found: Mapping[str, Notes] = read.value.args[0]
    return found


@pytest.mark.usefixtures("on_a_gpu")
@pytest.mark.parametrize("settings", [PAID, PLAIN], ids=["all parts", "no parts"])
def test_an_episode_stays_on_its_device_until_it_is_read(
    open_learner: OpenLearner, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    learner = open_learner(**settings)
    learner.run_episode()
    notes = read_of(elsewhere(learner, monkeypatch).run_episode, monkeypatch)
    assert {tensor.device.type for group in notes.values() for tensor in group.values()} == {"meta"}


def test_a_tensor_that_was_made_on_another_device_is_noticed(
    open_learner: OpenLearner, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = elsewhere(open_learner(), monkeypatch)
    learner.critic.costs = torch.zeros(3, 3)
    with pytest.raises((RuntimeError, NotImplementedError)):
        learner.run_episode()


class AnyOrder(TorchDispatchMode):
    """Notes operations whose result on a GPU may depend on the order in which its threads come, as torch's documents and source
    say: https://pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html."""

    NEVER = ("multinomial", "put_", "scatter_add", "scatter_add_", "histc", "median", "kthvalue")

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = func.overloadpacket.__name__, kwargs or {}
        if name in self.NEVER or self.depends(name, args, kwargs):
            self.found.add(name)
        return func(*args, **kwargs)

    def depends(self, name: str, args: Any, kwargs: Any) -> bool:
        if name in ("cumsum", "cumprod"):  # of one long row of fractions
            dtype = kwargs.get("dtype") or args[0].dtype
            return bool(dtype.is_floating_point and args[0].numel() == args[0].shape[args[1]] > 1)
        if name in ("index_add", "index_add_"):  # sums of whole 32nds are exact in any order
            return bool((args[3] * 32 != (args[3] * 32).round()).any())
        if name in ("scatter_reduce", "scatter_reduce_"):
            return args[4] not in ("amax", "amin")
        if name in ("index_put", "index_put_", "_index_put_impl_"):  # two values for one place
            places = [index for index in args[1] if index is not None]
            twice = places[0].dtype == torch.int64 and len(places[0].unique()) < places[0].numel()
            return (len(args) > 3 and bool(args[3])) or (twice and args[2].numel() > 1)
        return name == "bincount" and len(args) > 1 and args[1] is not None


@pytest.mark.usefixtures("on_a_gpu")
def test_training_and_judging_add_up_in_one_order(open_learner: OpenLearner) -> None:
    learner, teacher = open_learner(**PAID), open_learner(seed=8, **PAID)
    with AnyOrder() as watch:
        for each in (learner, teacher):
            each.run_episode()
        learner.adopt(teacher.knowledge())
        learner.run_episode()
        learner.keep_best()
        learner.evaluator.evaluate(learner.policy())
    assert watch.found == set()


def test_the_watch_notices_what_does_not() -> None:
    values, places = torch.rand(8), torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    with AnyOrder() as watch:
        values.cumsum(0)
        values.double().cumprod(0)
        torch.zeros(4).index_add_(0, places, values)
        torch.zeros(4).scatter_add_(0, places, values)
        torch.zeros(4)[places] = values
        torch.multinomial(values, 3, replacement=True)
    assert watch.found == {"cumsum", "cumprod", "index_add_", "scatter_add_", "index_put_", "multinomial"}
    with AnyOrder() as watch:
        values.view(2, 4).cumsum(1)
        torch.zeros(4).index_add_(0, places, torch.ones(8) / 32)
        torch.zeros(4).scatter_reduce_(0, places, values, "amax")
    assert watch.found == set()
