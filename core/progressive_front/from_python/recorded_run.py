"""What the files of a run hold, for reports, trackers and programs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import field, frozen

from progressive_app.store.documents import read_json_lines
from progressive_app.store.progress import STATE, read_progress
from progressive_app.store.run_documents import read_manifest
from progressive_app.store.run_store import LEDGER, METRICS
from progressive_app.store.validated import validated
from progressive_core.contract.errors import RunError
from progressive_core.contract.records import BucketResult, LedgerEntry
from progressive_core.contract.store import EpisodeLine, Status


@frozen(kw_only=True)
class RecordedRun:
    """A run as its files have it.

    `status` is that of its last commit, "training" while it is being trained or was killed, `committed` when that was made;
    `results` are those of its finished buckets. `manifest` is what it was begun on: time, data with their SHA-256, versions, seed, device, plugins, changes since.
    `ledger` holds every transfer, oldest first; `episodes` by bucket the fields of each `EpisodeReport` as JSON values.
    """

    directory: Path
    status: Status
    committed: str
    results: tuple[BucketResult, ...]
    manifest: Mapping[str, Any] = field(repr=False)
    ledger: tuple[LedgerEntry, ...] = field(repr=False)
    episodes: Mapping[str, list[Mapping[str, Any]]] = field(repr=False)


def read_run(directory: Path | str) -> RecordedRun:
    """Read the run in `directory`, which may be a stranger's, also while it is being trained. Nothing is written or locked.

    :raise RunError: there is no run, a file of it is damaged, or a link leads out of it.
    """
    directory = Path(directory)
    if not (directory / STATE).is_file():
        raise RunError(f"{directory}: no run here (state.json is missing)")
    progress = read_progress(directory)
    episodes: dict[str, list[Mapping[str, Any]]] = {}
    for line in read_json_lines(directory / METRICS, EpisodeLine):
        episodes.setdefault(line["bucket"], []).append(line)
    return RecordedRun(
        directory=directory,
        status=progress.status,
        committed=datetime.fromtimestamp((directory / STATE).stat().st_mtime, UTC).isoformat(timespec="seconds"),
        results=progress.results,
        manifest=read_manifest(directory),
        ledger=tuple(validated(line, LedgerEntry) for line in read_json_lines(directory / LEDGER, LedgerEntry)),
        episodes=episodes,
    )
