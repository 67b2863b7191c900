"""Tensors and their JSON values in one safetensors file: models and checkpoints. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from progressive_app.json_values import json_values
from progressive_app.machine.address_space import check_address_space
from progressive_app.machine.loading import without_collecting
from progressive_app.quoting import shortened
from progressive_app.store.atomic_files import atomic_write
from progressive_core.contract.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor


MOST_HEADER = 16 << 20
"""Bytes of what a file says of its tensors, its card included: a thousand times what one has."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> str:
    """Write `tensors` with `values` in the file's header, atomically; returns the SHA-256 of the file."""
    content = tensor_bytes(tensors, values)
    atomic_write(path, content)
    return hashlib.sha256(content).hexdigest()


def tensor_bytes(tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> bytes:
    """What a file holds that `write_tensors` writes."""
    from safetensors.torch import save

    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content: bytes = save(ready, metadata={"card": json.dumps(json_values(values), allow_nan=False)})
    return content


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote. Its structure is checked, its bytes are not: their SHA-256 is in the run's state.

    :raise ModelError: the file is absent, is damaged, or was not written by us.
    :raise OutOfMemoryError: the address space is too small to load torch.
    """
    check_address_space()
    with without_collecting():
        import torch  # noqa: F401  (what safetensors imports)
    return _read(path, "pt", lambda names: names)


def read_card(path: Path) -> dict[str, Any]:
    """The JSON values alone that `write_tensors` wrote, without torch.

    :raise ModelError: as `read_tensors`.
    """
    return _read(path, "numpy", lambda _: ())[1]


def _read(
    path: Path, framework: str, wanted: Callable[[Iterable[str]], Iterable[str]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors of the `wanted` names as a framework's, and the card."""
    from safetensors import SafetensorError, safe_open

    try:
        _check_header(path)
        with safe_open(path, framework=framework) as file:
            card = json.loads((file.metadata() or {}).get("card", ""))
            tensors = {name: file.get_tensor(name) for name in wanted(file.keys())}
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a file that this program wrote, or damaged ({shortened(str(error))})") from error
    if not isinstance(card, dict):
        raise ModelError(f"{path}: its card is not a JSON object")
    return tensors, card


def _check_header(path: Path) -> None:
    """Look at how long a file's header is before millions of keys are made of it; what leads out of the file is no header."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
    if MOST_HEADER < size < path.stat().st_size:
        raise ModelError(f"{path}: its header has {size:,} bytes, {MOST_HEADER:,} at most can be read")


def check_digest(path: Path, expected: str | None) -> None:
    """Check that a file holds the bytes that were written.

    :param expected: their SHA-256; None: the file only has to be there, as in a run of an older version.
    :raise ModelError: it is absent, or holds other bytes.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    if expected is not None and found != expected:
        raise ModelError(f"{path}: damaged (its bytes are not those that were written)")
