"""Where a run resumes: from its newest commit all of whose files are as they were written (rollback to a commit).

A commit is in `state.json`, beside every checkpoint (its own), and in `begun.json` (that of the end of the bucket before).
Training is exact: from whichever of them a run resumes, it ends with the same bytes. If memory ran out
after that commit, sizes stay halved, so that it does not run out once more.
"""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from progressive_app.machine.durable_files import make_directory
from progressive_app.machine.logs import get_logger
from progressive_app.store.atomic_files import size_of, truncate
from progressive_app.store.checkpoints import CHECKPOINTS, Checkpoints
from progressive_app.store.models import ModelVersions, version_file
from progressive_app.store.progress import (
    BEGUN,
    LINE_FILES,
    STATE,
    Commit,
    OtherVersion,
    read_commit,
    write_commit,
)
from progressive_app.store.tensors import check_digest
from progressive_core.contract.errors import ModelError, RunError
from progressive_core.contract.store import Progress

log = get_logger()


def newest_whole(directory: Path) -> tuple[Commit, list[str]]:
    """The newest commit of the run all of whose files are whole, and what was found damaged before it, newest first.

    :raise RunError: there is none; its text names what is damaged.
    """
    damage: list[str] = []
    newest: Commit | None = None
    try:
        newest = read_commit(directory / STATE)
        _check_files(directory, newest)
    except OtherVersion:
        raise
    except RunError as error:
        damage.append(str(error))
    else:
        return newest, damage
    older: list[Commit] = []
    for read in Checkpoints(directory).commits():
        try:
            older.append(read())
        except RunError as error:
            damage.append(str(error))
    try:
        older.append(read_commit(directory / BEGUN))
    except RunError as error:
        damage.append(str(error))
    for commit in sorted(older, key=lambda each: (len(each.results), each.episode), reverse=True):
        try:
            _check_files(directory, commit)
        except RunError as error:
            damage.append(str(error))
            continue
        if newest is not None and len(newest.results) == len(commit.results):  # the same bucket is in training
            return evolve(commit, halved_to=newest.halved_to), list(dict.fromkeys(damage))
        return commit, list(dict.fromkeys(damage))
    raise RunError(f"{damage[0]}; no older commit is whole either: put a copy of the file back, or start a new run")


def restore_files(directory: Path, commit: Commit) -> None:
    """Make the files of the run what they were at `commit`.

    `state.json` must hold it already: whenever this is killed, it can be done again.
    """
    make_directory(directory / CHECKPOINTS)
    for partial in directory.rglob(".*.partial"):
        if partial.is_file():
            partial.unlink()
    Checkpoints(directory).remove_later_than(commit)
    if commit.checkpoint is None:
        write_commit(commit, directory / BEGUN)  # a kill may have come between the end of a bucket and this
    for name in LINE_FILES:
        kept, file = commit.lengths.get(name, 0), directory / name
        if file.is_dir():
            raise RunError(f"{file}: a directory, expected the lines of this run")
        truncate(file, kept)
        if size_of(file) < kept:
            log.warning("lines of this run are lost; it resumes without them", file=str(file))
    models = ModelVersions(directory)
    models.remove_later_than(commit.versions)
    for bucket, version in commit.versions.items():
        models.publish(bucket, version)


def describe_repair(damage: list[str], commit: Progress) -> str:
    """What was damaged, and from where the run resumes instead, in one line."""
    if commit.bucket is not None:
        place = f"episode {commit.episode} of {commit.bucket}"
    else:
        place = f"the end of {commit.results[-1].bucket}" if commit.results else "the beginning"
    outcome = "to the same result"
    if sizes := commit.halved_to:
        outcome = (
            f"with {sizes.parallel_episodes} parallel episodes and batches of {sizes.batch_size}, since memory ran out"
        )
    return f"{'; '.join(damage)}; resuming from {place}, {outcome}"


def _check_files(directory: Path, commit: Commit) -> None:
    """Check that every file that a commit rests on is whole.

    :raise RunError: one is damaged.
    """
    files = {version_file(bucket, version): "" for bucket, version in commit.versions.items()}
    if commit.checkpoint is not None:
        files[f"{CHECKPOINTS}/{commit.checkpoint}"] = "checkpoint "
    for file in {**dict.fromkeys(commit.digests, ""), **files}:
        try:
            check_digest(directory / file, commit.digests.get(file))
        except ModelError as error:
            raise RunError(f"{files.get(file, '')}{error}") from error
