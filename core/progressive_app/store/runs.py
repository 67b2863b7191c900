"""All runs below one directory: naming a new one, and listing those that are there."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

from attrs import evolve, frozen

from progressive_app.config.stages import BucketStages, Stages
from progressive_app.locks.lock import LOCK, is_free
from progressive_app.machine.logs import get_logger
from progressive_app.store.containment import check_is_own_file
from progressive_app.store.progress import STATE, read_commit
from progressive_app.store.run_documents import MANIFEST, place_in_order, read_manifest
from progressive_core.contract.errors import RunError
from progressive_core.contract.records import BucketResult
from progressive_core.contract.store import Status

log = get_logger()


@frozen(kw_only=True)
class RunSummary:
    """A run as the list of runs shows it; of a damaged one nothing is known but the `reason`. `parent` is the directory
    of the run that it was forked from, or ""."""

    directory: Path
    started: str
    status: Status
    sequence: Stages
    results: tuple[BucketResult, ...]
    reason: str = ""
    parent: str = ""


def new_run_directory(runs_dir: Path) -> Path:
    """A directory of its own for a run that starts now, below `runs_dir`; others may start in the same second.

    The random ending keeps them apart.
    """
    return runs_dir / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def list_runs(runs_dir: Path) -> list[RunSummary]:
    """All runs below `runs_dir`, the one that was begun last at the end, damaged ones first; directories that are no runs are passed over."""
    runs: list[tuple[str, RunSummary]] = []
    for state in runs_dir.glob("*/state.json"):
        try:
            runs.append(_placed(state.parent))
        except RunError as error:
            log.warning("a run cannot be read", reason=str(error))
            damaged = RunSummary(
                directory=state.parent, started="", status="damaged", sequence=(), results=(), reason=str(error)
            )
            runs.append(("", damaged))
    return [run for _, run in sorted(runs, key=lambda placed: placed[0])]


def _placed(directory: Path) -> tuple[str, RunSummary]:
    """A run as it is listed, behind what it is listed by."""
    for name in (STATE, MANIFEST, LOCK):  # what is opened here
        check_is_own_file(directory / name)
    progress, manifest = read_commit(directory / STATE), read_manifest(directory)
    if progress.status == "training" and is_free(directory):
        progress = evolve(progress, status="interrupted")  # its process was killed
    summary = RunSummary(
        directory=directory,
        started=manifest["started"],
        status=progress.status,
        sequence=BucketStages().check(manifest["sequence"]),
        results=progress.results,
        parent=manifest["parent"]["run"] if manifest["parent"] else "",
    )
    return place_in_order(manifest), summary
