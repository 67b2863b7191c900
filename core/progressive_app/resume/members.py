"""The members of a stage: each trains in a store of its own in the run's directory, begun from the run's commit."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from attrs import evolve

from progressive_app.store.environments import begun_here
from progressive_app.store.progress import STAGES, STATE
from progressive_app.store.run_documents import now_in_words
from progressive_app.store.run_store import RunStore
from progressive_core.contract.errors import RunError
from progressive_core.contract.setting import Settings


def is_untouched(run: RunStore) -> bool:
    """Whether nothing was committed to a run yet, and none of its members of a first stage has begun."""
    return run.progress.is_untouched and not (run.directory / STAGES).is_dir()


def member_directory(run: Path, bucket: str) -> Path:
    """Where a member of a stage trains."""
    return run / STAGES / bucket


def begin_members(run: RunStore, buckets: Collection[str], settings: Settings) -> None:
    """Make the store of each member of a stage that has none yet, with the models that the run had finished before the stage.

    To be called when the data of all buckets are checked.

    :param buckets: all members of the stage.
    :raise RunError: the store of one is gone, and others are part of the run already.
    """
    merged = [result.bucket for result in run.progress.results if result.bucket in buckets]
    for bucket in buckets:
        directory = member_directory(run.directory, bucket)
        if bucket in merged or (directory / STATE).is_file():
            continue
        if merged:
            raise RunError(
                f"{directory}: gone, and {', '.join(merged)} of its stage is part of the run already: put it back, or begin "
                "a new run"
            )
        shutil.rmtree(directory, ignore_errors=True)  # a kill came while it was made
        manifest = {**run.documents.manifest, "scratch_arms": False}
        manifest.update(begun_here(manifest, now_in_words()))
        commit = evolve(run.progress, bucket=bucket)  # it has begun: the data of all buckets are checked
        RunStore.create(directory, settings, manifest, origin=(run.directory, commit)).close()
