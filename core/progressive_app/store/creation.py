"""Begin a run in a directory of its own, and remove one that came to nothing."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from progressive_app.locks.lease import LEASE
from progressive_app.locks.lock import LOCK, RunLock, lock_run
from progressive_app.machine.durable_files import make_directory, sync, sync_directory
from progressive_app.store.atomic_files import atomic_write, publish, write_json
from progressive_app.store.checkpoints import CHECKPOINTS
from progressive_app.store.containment import check_no_external_links
from progressive_app.store.models import committed_model
from progressive_app.store.progress import BEGUN, LINE_FILES, STATE, Commit, model_path, write_commit
from progressive_app.store.run_documents import Teacher, in_order, read_manifest, teachers_in
from progressive_app.store.tensors import check_digest
from progressive_core.contract.errors import ModelError, RunError

TEACHERS = "teachers"
"""The directory of the models from other runs, in that of the run they teach in."""
DATA_FILE = "data.parquet"
"""The bars of a run whose caller held them in memory."""
BEGINNING = ".run.partial"
"""Marks a run that is being created; if found later, the directory may be reused."""
_OF_A_RUN = frozenset(
    {
        CHECKPOINTS,
        "models",
        "config.json",
        "manifest.json",
        TEACHERS,
        DATA_FILE,
        BEGUN,
        "log.jsonl",
        "cache",
        *LINE_FILES,
    }
)
"""What a run may hold that is being created, or removed."""


def take_empty_directory(directory: Path) -> RunLock:
    """Make and lock the directory of a run that is to be created.

    :raise RunError: it holds something, or cannot be made.
    """
    try:
        str(directory).encode()
    except UnicodeEncodeError:  # only once a bucket is trained would the library of the models refuse it
        raise RunError(f"{directory}: cannot create a run here (its name is not UTF-8); choose another") from None
    try:
        make_directory(directory)
        sync_directory(directory.parent)  # where another process has just made it
        _refuse_unless_empty(directory)
        check_no_external_links(directory)
        lock = lock_run(directory)
        try:
            for name in _refuse_unless_empty(directory):  # another one may have been here since
                _remove(directory / name)
        except BaseException:
            lock.release()
            raise
    except OSError as error:
        raise RunError(f"{directory}: cannot create a run here ({error.strerror})") from error
    return lock


def write_first_files(
    directory: Path,
    config: Mapping[str, Any],
    manifest: Mapping[str, Any],
    data: bytes | None = None,
    origin: tuple[Path, Commit] | None = None,
) -> Commit:
    """Write all that a run begins with; `state.json`, which makes it one, comes last. Returns what it holds.

    :param data: the content of its `DATA_FILE`, where it is to have one. :param origin: another run and a commit of it, whose
        finished buckets and teachers this one begins with.
    :raise RunError: a model that is to teach, or the directory, cannot be used.
    """
    try:
        (directory / BEGINNING).touch()
        sync_directory(directory)  # before all that it makes room for
        (directory / CHECKPOINTS).mkdir(exist_ok=True)
        (directory / "models").mkdir(exist_ok=True)
        if data is not None:
            atomic_write(directory / DATA_FILE, data)
        write_json(directory / "config.json", config)
        if origin is None:
            write_json(directory / "manifest.json", {**manifest, **in_order(directory, str(manifest["started"]))})
            commit = Commit(digests=_copy_teachers(directory, teachers_in(read_manifest(directory))))
        else:
            write_json(directory / "manifest.json", manifest)
            commit = _copy_finished(directory, *origin)
        write_commit(commit, directory / BEGUN, directory / STATE)
        (directory / BEGINNING).unlink()
    except OSError as error:
        raise RunError(f"{directory}: cannot create a run here ({error.strerror})") from error
    return commit


def remove_run(directory: Path, lock: RunLock, made: Sequence[Path]) -> None:
    """Remove a run, and the directories `made` for it alone, where nothing else has moved in meanwhile.

    Wherever that is cut short, the directory holds the whole run, or may be reused.
    """
    with suppress(OSError):  # what cannot be removed stays
        (directory / BEGINNING).touch()
        (directory / STATE).unlink(missing_ok=True)
        sync_directory(directory)
        for path in directory.iterdir():
            if path.name not in {LOCK, LEASE, BEGINNING}:  # to the last, so that nobody moves in meanwhile
                _remove(path)
        (directory / BEGINNING).unlink()
    lock.release()
    with suppress(OSError):
        (directory / LOCK).unlink()
    for path in made:
        with suppress(OSError):  # another run has moved in meanwhile
            path.rmdir()


def kept_at(directory: Path, teachers: Sequence[Teacher], position: int) -> Path:
    """Where the run at `directory` keeps the model of one of its teachers, as a run does: those of equal buckets apart."""
    before = [each.bucket for each in teachers[:position]].count(teachers[position].bucket)
    return directory / TEACHERS / f"{before + 1}" if before else directory / TEACHERS


def _copy_teachers(directory: Path, teachers: Sequence[Teacher]) -> dict[str, str]:
    """Copy models of other runs here: a resumed run then finds them as they were, and reads no file but its own.

    :return: the SHA-256 of each copy, by its path in the run.
    """
    digests: dict[str, str] = {}
    for position, teacher in enumerate(teachers):
        original, expected = committed_model(Path(teacher.run), teacher.bucket)
        kept = model_path(kept_at(directory, teachers, position), teacher.bucket)
        try:
            check_digest(original, expected)
            make_directory(kept.parent)
            sync(original)
            publish(original, kept)
            sync_directory(kept.parent)
            with kept.open("rb") as file:
                digests[kept.relative_to(directory).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ModelError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise RunError(f"{original}: the model that is to teach cannot be had ({why})") from error
    return digests


def _copy_finished(directory: Path, run: Path, commit: Commit) -> Commit:
    """Put the models that the `commit` of another run rests on here, those of its teachers too; returns what this run begins with."""
    files = [Path(file) for file in commit.digests]
    cards = [file.with_name("card.json") for file in files if file.parts[0] == "models"]
    for file in (*files, *cards):
        make_directory((directory / file).parent)
        sync(run / file)
        publish(run / file, directory / file)
        sync_directory((directory / file).parent)
    return Commit(bucket=commit.bucket, results=commit.results, versions=commit.versions, digests=commit.digests)


def _refuse_unless_empty(directory: Path) -> set[str]:
    """Return what is left in the directory of a run that was being created or removed."""
    found = {path.name for path in directory.iterdir()} - {LOCK, LEASE}
    left = {name for name in found if name in _OF_A_RUN or name.endswith(".partial")} if BEGINNING in found else set()
    if found - left:
        raise RunError(
            f"{directory}: not an empty directory; name a new one, or go on with --resume (from Python: resume())"
        )
    return left - {BEGINNING}


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
