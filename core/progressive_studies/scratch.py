"""Scratch arms: every bucket that was taught is trained again without transfer, to measure what transfer was worth."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve

from progressive_app.config.app_settings import SEQUENCE
from progressive_app.config.resolve import with_settings
from progressive_app.processes.ending import ending_marked
from progressive_app.store.documents import read_json_lines
from progressive_app.store.environments import begun_here
from progressive_app.store.progress import STATE
from progressive_app.store.run_store import RunStore, on_disk
from progressive_core.contract.protocols import Bucket
from progressive_core.contract.records import LedgerEntry
from progressive_core.contract.setting import Settings
from progressive_core.engine.run import Interrupted, Run
from progressive_core.engine.sequence import train_sequence

SCRATCH = "scratch"
"""The directory of the scratch arms' run, in that of the run that they are compared with."""


def train_scratch_arms(run: Run, train: Callable[[Run, Bucket], None]) -> None:
    """Train every bucket of the finished `run` that was taught again: same seed and bars, no transfer.

    Each trains for as many episodes as the taught one at least, and with no larger sizes than that ended with, where memory
    ran out. A bucket that kept nothing of what it was offered needs no arm, since it would come out the same to the bit.

    :param train: how to train one; as in `train_sequence`.
    :raise Interrupted: a stop was asked for; `run` can be resumed, and goes on here.
    """
    episodes = {result.bucket: result.episodes for result in run.store.progress.results}
    taught = sources_of(read_json_lines(run.store.directory / "ledger.jsonl", LedgerEntry))
    names = [bucket for bucket in episodes if bucket in taught]
    if not names:
        run.progress("scratch arms: none is needed, no bucket kept anything that it was taught")
        return
    halved = {result.bucket: result.halved_to for result in run.store.progress.results}

    def train_as_small(arm: Run, bucket: Bucket) -> None:
        if (sizes := halved[bucket.name]) and arm.store.progress.halved_to is None:
            arm.store.go_back(sizes)
            arm.progress(
                f"{bucket.name}: with {sizes.parallel_episodes} parallel episodes and batches of {sizes.batch_size} from the "
                "beginning, to which the taught one was halved when memory ran out"
            )
        train(arm, bucket)

    settings = with_settings(run.settings, {"SEQUENCE": names, "USE_CROSS_BUCKET_TRANSFER": False})
    store = _store(on_disk(run.store), settings)
    try:
        with ending_marked(store, run.machine):
            train_sequence(
                evolve(
                    run,
                    buckets=[bucket for bucket in run.buckets if bucket.name in names],
                    settings=settings,
                    store=store,
                    teachers=(),
                    progress=lambda line: run.progress(f"scratch arm: {line}"),
                    compared=episodes,
                ),
                train_as_small,
            )
    except Interrupted:
        raise Interrupted(run.store.directory) from None
    finally:
        store.close()


def sources_of(ledger: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The sources of each bucket that was taught: those of which it kept something before or while it trained, by the ledger."""
    sources: dict[str, dict[str, None]] = {}
    for line in ledger:
        if line["verdict"] == "kept" and line["phase"] in ("initial", "periodic"):
            sources.setdefault(line["target"], {})[line["source"]] = None
    return {bucket: tuple(each) for bucket, each in sources.items()}


def is_scratch_run(directory: Path) -> bool:
    """Whether the run in `directory` holds the scratch arms of the run around it."""
    return directory.absolute().name == SCRATCH and (directory.absolute().parent / STATE).is_file()


def _store(compared: RunStore, settings: Settings) -> RunStore:
    """The store of the scratch arms' own run, created or opened again."""
    directory = compared.directory / SCRATCH
    if (directory / STATE).is_file():
        return RunStore.open(directory, strict=compared.strict)
    shutil.rmtree(directory, ignore_errors=True)  # a kill came while it was made
    manifest = compared.documents.manifest
    manifest = {
        **manifest,
        **begun_here(manifest, manifest["started"]),
        "sequence": list(settings[SEQUENCE]),
        "teachers": [],
        "scratch_arms": False,
    }
    return RunStore.create(directory, settings, manifest)
