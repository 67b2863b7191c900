"""The directory that a run has among those of others."""

from __future__ import annotations

import json
from hashlib import sha256
from itertools import count
from pathlib import Path

from progressive_integrations.tracking.tracker import name_of
from progressive_training import make_directory

OWNER = ".run-"
"""Begins the name of the empty file that says whose a directory is."""


def place_of(run_dir: Path, parent: Path) -> Path:
    """The directory in `parent` of the run in `run_dir`, which is made: called as it, with a number where another run has the name.

    Whose it is, is told by when its run began, so that a run that was moved finds its own.

    :raise OSError: it cannot be made. :raise ValueError: the run's manifest cannot be read.
    """
    manifest = json.loads((run_dir / "manifest.json").read_text("utf-8"))
    began = f"{manifest['started']} {manifest.get('order', '')}".encode()
    own = f"{OWNER}{sha256(began).hexdigest()[:12]}"
    for number in count(1):
        place = parent / (name_of(run_dir) if number == 1 else f"{name_of(run_dir)}-{number}")
        make_directory(place)
        owners = sorted(path.name for path in place.glob(f"{OWNER}*"))
        if not owners:
            (place / own).touch()
            owners = sorted(path.name for path in place.glob(f"{OWNER}*"))
            if owners[0] != own:  # another run came at the same moment
                (place / own).unlink()
        if owners[0] == own:
            return place
    raise AssertionError("unreachable")
