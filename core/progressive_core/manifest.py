"""What a run was begun on, so that its result can be had again: data, versions, seed, device, plugins."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from progressive_core.errors import DataError, RunError
from progressive_core.installed import PluginRecord


def manifest_of(
    settings: Mapping[str, Any],
    device: str,
    plugins: Sequence[PluginRecord],
    teachers: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """Everything a reader needs to run this again; `teachers` are (run directory, bucket) pairs used from outside.

    :raise DataError: the data file cannot be read.
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="microseconds"),
        "sequence": list(settings["SEQUENCE"]),
        "seed": settings["SEED"],
        "device": device,
        "data": _data(settings),
        "teachers": [list(teacher) for teacher in teachers],
        "plugins": {plugin.name: f"{plugin.distribution} {plugin.version}" for plugin in plugins if plugin.enabled},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("progressive-training", "torch", "numpy", "pandas", "pluggy")},
        },
        "platform": platform.platform(),
    }


def check_data_unchanged(manifest: Mapping[str, Any], directory: Path) -> None:
    """A resumed run must see the bars it was begun with.

    :raise RunError: the data file is gone or holds other bytes.
    """
    data = manifest["data"]
    if data["file"] is None:
        return
    file = Path(data["file"])
    if not file.is_file():
        raise RunError(f"{directory}: its data file {file} is gone; put it back to resume")
    if _sha256(file) != data["sha256"]:
        raise RunError(f"{directory}: its data file {file} has changed since; put the old one back, or start a new run")


def _data(settings: Mapping[str, Any]) -> dict[str, Any]:
    if settings["DATA"] is None:
        return {"file": None, "synthetic": {"bars": settings["SYNTHETIC_BARS"], "seed": settings["SEED"]}}
    file = Path(settings["DATA"])
    if not file.is_file():
        what = "a directory" if file.is_dir() else "no such file"
        raise DataError(f"{file}: {what}; name a CSV, Parquet, Feather or JSON file of bars with --data")
    return {"file": str(file), "sha256": _sha256(file), "bytes": file.stat().st_size}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
