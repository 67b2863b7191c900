"""An episode waits for the device once: at its end, when all that people read of it is read together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from progressive_buckets.learner import learner as learning

from .conftest import OpenLearner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from progressive_buckets.insight.to_host import Notes, Values

LOOKED_AT = {"tolist", "numpy", "cpu", "item", "__bool__", "__float__", "__int__", "__index__", "__array__"}
"""Methods that bring values to the host."""
MADE = {"tensor", "as_tensor", "from_numpy"}
"""Functions that bring values to the device."""
UNKNOWN_SIZE = {
    "nonzero",
    "masked_select",
    "unique",
    "_unique2",
    "unique_dim",
    "equal",
    "bincount",
    "repeat_interleave",
}
"""Operations whose result, or its size, depends on what the device has computed."""


PARTS = ("ADAPTIVE_EXPLORATION", "PRIORITISED_REPLAY", "POST_TRADE_LESSONS", "CONTEXTUAL_MEMORY")


class Watch(TorchFunctionMode):
    """Notes every call that would make the host wait for a GPU, as a CPU run shows them."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = getattr(func, "__name__", str(func)), kwargs or {}
        moved = name == "to" and any(isinstance(value, str | torch.device) for value in (*args, *kwargs.values()))
        if name in LOOKED_AT | MADE or moved:
            self.waits.append(name)
        return func(*args, **kwargs)


class Operations(TorchDispatchMode):
    """Notes every operation below those calls that does."""

    def __init__(self, waits: list[str]) -> None:
        super().__init__()
        self.waits = waits

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = func.overloadpacket.__name__, kwargs or {}
        masks = (
            [index for index in args[1] if index is not None] if name in ("index", "index_put", "index_put_") else []
        )
        if name == "_local_scalar_dense" or name in UNKNOWN_SIZE:
            self.waits.append(name)
        if any(mask.dtype in (torch.bool, torch.uint8) for mask in masks):
            self.waits.append(f"{name} with a mask")
        if name == "multinomial" and not (len(args) > 2 and args[2]) and not kwargs.get("replacement"):
            self.waits.append("multinomial without replacement")
        return func(*args, **kwargs)


def waits_of(episode: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What an episode waits for, where its reading counts as one."""
    watch, read = Watch(), learning.to_host

    def reading(groups: Mapping[str, Notes]) -> dict[str, Values]:
        before = [*watch.waits, "read"]
        found = read(groups)
        watch.waits[:] = before
        return found

    monkeypatch.setattr(learning, "to_host", reading)
    with watch, Operations(watch.waits):
        episode()
    return watch.waits


@pytest.mark.usefixtures("on_a_gpu")
@pytest.mark.parametrize("number", [1, 2, 4])
@pytest.mark.parametrize("settings", [{}, dict.fromkeys(PARTS, False)], ids=["all parts", "no parts"])
def test_an_episode_waits_once(
    open_learner: OpenLearner, monkeypatch: pytest.MonkeyPatch, number: int, settings: dict[str, bool]
) -> None:
    learner = open_learner(**settings)
    for _ in range(number - 1):
        learner.run_episode()
    assert waits_of(learner.run_episode, monkeypatch) == ["read"]


def test_the_watch_notices_what_waits() -> None:
    values = torch.arange(6.0)
    watch = Watch()
    with watch, Operations(watch.waits):
        float(values.sum())
        values[values > 2]
        values.tolist()
        torch.nonzero(values)
        torch.tensor([1.0])
        values[2:].double().cumsum(0)
    assert watch.waits == [
        "__float__", "_local_scalar_dense", "index with a mask", "tolist", "nonzero", "tensor",
    ]  # fmt: skip
