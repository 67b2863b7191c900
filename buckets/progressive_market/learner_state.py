"""The state of a learner, composed of the states of its parts.

As in torch, each part gives its own by `state_dict()` and takes it back by `load_state_dict()`. Names are joined by dots:
`critic.adam.mean` is the `mean` of the optimiser `adam` of the part `critic`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor

from progressive_training import ModelError, State

if TYPE_CHECKING:
    from collections.abc import Mapping


class Stateful(Protocol):
    """A part of a learner that owns what training changes in it."""

    def state_dict(self) -> dict[str, Any]:
        """Tensors and JSON values by name; a tensor may be the part's own one."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a state of `state_dict()`.

        :raise ValueError: something is missing, or of another type, size or range. The part is then unchanged.
        """


def with_prefix(prefix: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """`state` with every name behind `prefix` and a dot."""
    return {f"{prefix}.{name}": value for name, value in state.items()}


def below_prefix(prefix: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """What `with_prefix` put behind `prefix`, by its own names."""
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}


def snapshot_of(parts: Mapping[str, Stateful]) -> State:
    """The states of all `parts`; the tensors are copies."""
    state: dict[str, Any] = {}
    for prefix, part in parts.items():
        state |= with_prefix(prefix, part.state_dict())
    tensors = {name: value.clone() for name, value in state.items() if isinstance(value, Tensor)}
    return State(tensors=tensors, values={name: value for name, value in state.items() if name not in tensors})


def load_parts(parts: Mapping[str, Stateful], state: State, owner: str) -> None:
    """Return all `parts` to a snapshot, which may come from a stranger's checkpoint file.

    :raise ModelError: it does not fit one of them; all are then as they were. `owner` names the learner in the message.
    """
    values = {**state.values, **state.tensors}
    before = snapshot_of(parts)
    try:
        _load(parts, values)
    except ValueError as error:
        _load(parts, {**before.values, **before.tensors})
        raise ModelError(f"{owner}: the checkpoint does not fit this run ({error})") from None


def _load(parts: Mapping[str, Stateful], values: Mapping[str, Any]) -> None:
    for prefix, part in parts.items():
        try:
            part.load_state_dict(below_prefix(prefix, values))
        except ValueError as error:
            raise ValueError(f"{prefix}.{error}") from None
