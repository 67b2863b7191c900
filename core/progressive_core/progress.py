"""Where a run stands, as `state.json` holds it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import attrs
import cattrs
from attrs import evolve, field, frozen

from progressive_core.errors import RunError
from progressive_core.records import BucketResult

Status = Literal["training", "interrupted", "finished", "damaged"]

_converter = cattrs.Converter()
_converter.register_structure_hook(Path, lambda value, _: Path(value))
_converter.register_structure_hook(float, lambda value, _: float("nan") if value is None else float(value))


@frozen(kw_only=True)
class Progress:
    """Where a run stands: what `state.json` holds."""

    status: Status = "training"
    bucket: str | None = None
    episode: int = 0
    checkpoint: str | None = None
    versions: dict[str, int] = field(factory=dict)
    lengths: dict[str, int] = field(factory=dict)
    seconds: float = 0.0
    results: tuple[BucketResult, ...] = ()


def read_progress(directory: Path) -> Progress:
    """Where the run in `directory` stands.

    :raise RunError: `state.json` is not what this program writes.
    """
    state = read_state(directory)
    missing = [name for name in attrs.fields_dict(Progress) if name not in state]
    if missing:
        raise RunError(f"{directory / 'state.json'}: damaged ({', '.join(missing)} missing)")
    try:
        progress = _converter.structure(state, Progress)
    except (cattrs.BaseValidationError, TypeError, ValueError) as error:
        raise RunError(f"{directory / 'state.json'}: damaged ({error})") from error
    found = tuple(evolve(result, model_path=model_path(directory, result.bucket)) for result in progress.results)
    return evolve(progress, results=found)


def model_path(directory: Path, bucket: str) -> Path:
    """Where the newest model of a finished bucket is, wherever the run was moved to."""
    return directory / "models" / bucket / "model.safetensors"


def read_state(directory: Path) -> dict[str, Any]:
    """`state.json` as it stands."""
    return read_json(directory / "state.json")


def read_json(path: Path) -> dict[str, Any]:
    """A file that holds one JSON object.

    :raise RunError: it is missing, or holds something else.
    """
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{path}: missing; this run cannot be read") from None
    except ValueError as error:
        raise RunError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(value, dict):
        raise RunError(f"{path}: not a JSON object")
    return value


def finished_results(directory: Path) -> tuple[BucketResult, ...]:
    """The results of the run at `directory`.

    :raise RunError: no bucket of it is finished.
    """
    results = read_progress(directory).results
    if not results:
        raise RunError(f"{directory}: no bucket of this run is finished yet; go on with --resume --run-dir {directory}")
    return results


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics or ledger; none where nothing was written. A torn last line is left out."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(json.loads(line))
        except ValueError as error:
            if number < len(lines):
                raise RunError(f"{path}, line {number}: not valid JSON ({error})") from error
    return found
