"""Tensors and their JSON values in one safetensors file: models and checkpoints. Nothing is ever unpickled."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from progressive_app.json_values import json_values
from progressive_app.store.atomic_files import atomic_write
from progressive_app.store.checksum import BLANK, SHA256, matches_digest, with_digest
from progressive_core.contract.errors import ModelError
from progressive_core.contract.quoting import shortened

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")


def write_tensors(path: Path, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Write `tensors` with `values` in the file's header and a checksum of it all, atomically."""
    from safetensors.torch import save

    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    card = json.dumps({**json_values(values), SHA256: BLANK}, allow_nan=False)
    atomic_write(path, with_digest(save(ready, metadata={"card": card})))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote, or another program without a checksum.

    :raise ModelError: the file is absent, is damaged, was not written by us, or has other bytes than were written.
    """
    tensors, card, _ = _read(path, "pt", _all_tensors)
    return tensors, card


def read_own_card(path: Path) -> dict[str, Any]:
    """The values of what `write_tensors` wrote, once all bytes are proved; no tensor is made, and torch is not loaded.

    :raise ModelError: as in `read_tensors`, or there is no checksum, which a file of a run is never without.
    """
    _, card, is_proved = _read(path, "numpy", _no_tensor)
    if not is_proved:
        raise ModelError(f"{path}: damaged (its checksum is missing)")
    return card


def _all_tensors(file: Any) -> dict[str, Tensor]:
    return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)


def _no_tensor(file: Any) -> None:
    """A safetensors file is looked through when it is opened."""


def _read(path: Path, framework: str, tensors_in: Callable[[Any], T]) -> tuple[T, dict[str, Any], bool]:
    """Tensors, card, and whether a checksum proves them."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework=framework) as file:
            card = json.loads((file.metadata() or {}).get("card", ""))
            tensors = tensors_in(file)
        told = card.pop(SHA256, None) if isinstance(card, dict) else None
        whole = told is None or matches_digest(path, str(told))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a file that this program wrote, or damaged ({shortened(str(error))})") from error
    if not isinstance(card, dict):
        raise ModelError(f"{path}: its card is not a JSON object")
    if not whole:
        raise ModelError(f"{path}: damaged (its bytes are not those that its checksum was made of)")
    return tensors, card, told is not None
