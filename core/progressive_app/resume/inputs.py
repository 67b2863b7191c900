"""The files that a run rests on, as its manifest has them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from progressive_core.contract.errors import DataError, RunError


def described(key: str, path: str, content: bytes | None) -> dict[str, Any]:
    """What a manifest says of the file at `path`, which the setting `key` names.

    :param content: where it is to be written when the run begins.
    :raise DataError: it cannot be read.
    """
    file = Path(path)
    if content is not None:
        return {"file": path, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    if not file.is_file():
        what = "a directory" if file.is_dir() else "no such file"
        raise DataError(f"{file}: {what}; {key} names a file to read")
    return {"file": path, "sha256": _sha256(file), "bytes": file.stat().st_size}


def has_moved_to(path: Any, begun: Mapping[str, Any] | None) -> bool:
    """Whether the file at `path` holds the bytes of one that the manifest describes (`begun`), wherever that was."""
    return (
        begun is not None
        and isinstance(path, str)
        and Path(path).is_file()
        and _sha256(Path(path)) == begun.get("sha256")
    )


def moved_with_the_run(inputs: Mapping[str, Any], directory: Path) -> dict[str, str]:
    """The files of a manifest's `inputs` that are gone, by key, where the run itself holds them: it was moved, or copied."""
    return {
        key: str(found)
        for key, begun in inputs.items()
        if not Path(begun["file"]).is_file()
        and has_moved_to(str(found := (directory / Path(begun["file"]).name).absolute()), begun)
    }


def check_data_unchanged(inputs: Mapping[str, Any], directory: Path) -> None:
    """A resumed run must see the files that it was begun with.

    :param inputs: of the run's manifest. :raise RunError: one is gone or holds other bytes.
    """
    for key, begun in inputs.items():
        file = Path(begun["file"])
        if not file.is_file():
            flag = "--data PLACE" if key == "DATA" else f"--set {key}=PLACE"
            raise RunError(
                f"{directory}: its data file {file} is gone; put it back, or go on with its new place: {flag}, or "
                f'resume(settings={{"{key}": PLACE}}) from Python'
            )
        if _sha256(file) != begun.get("sha256"):
            raise RunError(
                f"{directory}: its data file {file} has changed since; put the old one back, or start a new run"
            )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
