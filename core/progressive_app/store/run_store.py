"""One run, one directory: configuration, manifest, logs, checkpoints and models.

`state.json` is the one point of commit. It names the newest checkpoint, the version of every model and the length of
every line file; whatever was written after it is cut off when the run is resumed. A checkpoint holds the commit that it
was made with, so that an older one can take the place of one that is damaged (`recovery`).
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import structlog
from attrs import asdict, evolve
from filelock import FileLock

from progressive_app.store.atomic_files import append_json_line, atomic_write, publish, truncate, write_json
from progressive_app.store.checksum import line_with_checksum
from progressive_app.store.containment import refuse_ways_out
from progressive_app.store.lock import LOCK, lock_run
from progressive_app.store.progress import (
    Commit,
    model_path,
    read_commit,
    read_json,
    read_json_lines,
    read_manifest,
)
from progressive_app.store.recovery import BEGUN, CHECKPOINTS, checkpoint_of, checkpoints_in, newest_whole
from progressive_app.store.saved import read_knowledge, read_model, version_path
from progressive_app.store.tensors import write_tensors
from progressive_app.store.validated import validated
from progressive_core.contract.errors import RunError, WriteError
from progressive_core.contract.records import BucketResult, EpisodeReport, Knowledge, LedgerEntry, Model, Sizes, State
from progressive_core.contract.store import EpisodeLine, Status, Store

TEACHERS = "teachers"
"""The directory of the models from other runs, in that of the run they teach in."""
BEGINNING = ".run.partial"
"""Stands in a run's directory until all is there that a run begins with; where a kill came first, a run can be begun still."""
MODEL_FILES = ("card.json", "model.safetensors")
LINE_FILES = ("metrics.jsonl", "ledger.jsonl")
_BEGUN_WITH = frozenset({LOCK, CHECKPOINTS, "models", "config.json", "manifest.json", TEACHERS, BEGUN})
_P = ParamSpec("_P")
_R = TypeVar("_R")

log = structlog.get_logger("progressive_training")


def _writes(method: Callable[Concatenate[RunStore, _P], _R]) -> Callable[Concatenate[RunStore, _P], _R]:
    """Of a method that writes: what the disk refuses is told in one line."""

    @wraps(method)
    def told(store: RunStore, /, *arguments: _P.args, **named: _P.kwargs) -> _R:
        try:
            return method(store, *arguments, **named)
        except OSError as error:
            where = error.filename2 or error.filename or store.directory
            raise WriteError(
                f"{where}: cannot be written ({error.strerror}); the run stands at its last commit: "
                f"mend that, then go on with --resume --run-dir {store.directory}"
            ) from error

    return told


class RunStore:
    """The directory of one run, locked while it is open.

    `progress` is where the run stands in this process, ahead of what is committed; `repaired` says what was damaged when
    the run was opened and where it goes on instead, empty when nothing was.
    """

    def __init__(self, directory: Path, lock: FileLock, progress: Commit, made: Sequence[Path] = ()) -> None:
        self.directory = directory
        self.progress = self._committed = progress
        self.repaired = ""
        self._lock = lock
        self._made = made

    @classmethod
    def create(cls, directory: Path, config: Mapping[str, Any], manifest: Mapping[str, Any]) -> Self:
        """Begin a run in a new or empty directory, or in one where a kill came before another one had begun.

        :raise RunError: the directory holds something, or cannot be written.
        """
        made = [path for path in (directory, *directory.parents) if not path.exists()]
        try:
            directory.mkdir(parents=True, exist_ok=True)
            _refuse_unless_empty(directory)
            refuse_ways_out(directory)
            lock = lock_run(directory)
            try:
                _refuse_unless_empty(directory)  # another one may have been here since
            except BaseException:
                lock.release()
                raise
        except OSError as error:
            raise RunError(f"{directory}: cannot create a run here ({error.strerror})") from error
        store = cls(directory, lock, Commit(), made)
        try:
            (directory / BEGINNING).touch()
            (directory / CHECKPOINTS).mkdir(exist_ok=True)
            (directory / "models").mkdir(exist_ok=True)
            write_json(directory / "config.json", config)
            write_json(directory / "manifest.json", manifest)
            store._keep_teachers()
            store._write(BEGUN)
            store._write("state.json")
            (directory / BEGINNING).unlink()
        except (RunError, OSError) as error:
            store.discard()
            if isinstance(error, OSError):
                raise RunError(f"{directory}: cannot create a run here ({error.strerror})") from error
            raise
        return store

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Go on with a run, from its last commit.

        :raise RunError: there is no run, another process is on it, or its files are damaged.
        """
        if not (directory / "state.json").is_file():
            raise RunError(f"{directory}: no run here (state.json is missing); `progressive-training runs` lists them")
        refuse_ways_out(directory)  # before the lock: it is a file that is opened to be written
        lock = lock_run(directory)
        try:
            progress, damage = newest_whole(directory)
            store = cls(directory, lock, progress)
            store._return_to_the_commit()
            if damage:
                store.repaired = f"{'; '.join(damage)}; going on from {_place(progress)}, {_outcome(progress)}"
                log.warning(store.repaired)
        except BaseException as error:
            lock.release()
            if isinstance(error, OSError):
                where = error.filename2 or error.filename or directory
                raise RunError(f"{where}: this run cannot be gone on with ({error.strerror})") from error
            raise
        return store

    def _return_to_the_commit(self) -> None:
        """Make the files what they were at the commit.

        It is in `state.json` before what came after it goes: whenever this is killed, it can be done again.
        """
        self.mark("training")
        (self.directory / CHECKPOINTS).mkdir(exist_ok=True)
        for partial in self.directory.rglob(".*.partial"):
            if partial.is_file():
                partial.unlink()
        for bucket, episode, path in checkpoints_in(self.directory):
            if bucket != self.progress.bucket or episode > self.progress.episode:
                path.unlink()
        if self.progress.checkpoint is None:
            self._write(BEGUN)  # a kill may have come between the end of a bucket and this
        for name in LINE_FILES:
            kept, file = self.progress.lengths.get(name, 0), self.directory / name
            if file.is_dir():
                raise RunError(f"{file}: a directory, expected the lines of this run")
            truncate(file, kept)
            if _size(file) < kept:
                log.warning("lines of this run are lost, and it goes on without them", file=str(file))
        self._remove_models_after_the_commit()
        for bucket, version in self.progress.versions.items():
            self._publish(bucket, version)

    def _remove_models_after_the_commit(self) -> None:
        for models in (self.directory / "models").iterdir():
            committed = self.progress.versions.get(models.name, 0)
            for version in (models / "versions").glob("[0-9]*"):
                if version.name.isdecimal() and int(version.name) > committed:
                    shutil.rmtree(version)
            if not committed:
                for name in MODEL_FILES:
                    (models / name).unlink(missing_ok=True)

    @_writes
    def go_back(self, halved_to: Sizes) -> None:
        """Undo what was written since the last commit; the bucket goes on from there, no larger than `halved_to`."""
        self.progress = self._committed = evolve(self._committed, halved_to=halved_to)
        self._return_to_the_commit()

    def close(self) -> None:
        """Let another process have the run."""
        self._lock.release()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Within it, another process may take the run; then it is taken back as that one left it.

        :raise RunError: one that was not meant to has taken it meanwhile.
        """
        self.close()
        try:
            yield
        finally:
            self._lock = lock_run(self.directory)
            self.progress = self._committed = read_commit(self.directory / "state.json")

    def discard(self) -> None:
        """Remove a run that never got to its first checkpoint, and the directories that were made for it alone."""
        with suppress(OSError):  # what cannot be removed stays
            for path in self.directory.iterdir():
                if path.name != LOCK:  # to the last, so that nobody moves in meanwhile
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.close()
        with suppress(OSError):
            (self.directory / LOCK).unlink()
        for path in self._made:
            with suppress(OSError):  # another run has moved in meanwhile
                path.rmdir()

    @property
    def config(self) -> dict[str, Any]:
        """The settings the run was begun with."""
        return read_json(self.directory / "config.json")

    @property
    def manifest(self) -> dict[str, Any]:
        """What the run was begun on: data, versions, seed, device."""
        return read_manifest(self.directory)

    @property
    def scratch_arms_asked(self) -> bool:
        """Whether the buckets that were taught are to be trained again without transfer."""
        return bool(self.manifest.get("scratch_arms"))

    @_writes
    def ask_for_scratch_arms(self) -> None:
        """Remember that scratch arms are wanted, of a run that was begun without them."""
        write_json(self.directory / "manifest.json", {**self.manifest, "scratch_arms": True})

    @property
    def isolation_asked(self) -> bool:
        """Whether each bucket is to have a process of its own."""
        return bool(self.manifest.get("isolate"))

    @_writes
    def ask_for_isolation(self) -> None:
        """Remember that isolation is wanted, of a run that was begun without it."""
        write_json(self.directory / "manifest.json", {**self.manifest, "isolate": True})

    @property
    def order_asked(self) -> bool:
        """Whether the order of the sequence is still to be found."""
        return bool(self.manifest.get("find_order"))

    @_writes
    def settle_order(self, settings: Mapping[str, Any], found: Any) -> None:
        """Go on with the sequence of `settings`, and keep what was `found` on the way to it.

        The manifest, which says that the order is settled, comes last: after a kill before it, it is found again.
        """
        write_json(self.directory / "config.json", settings)
        settled = {"sequence": list(settings["SEQUENCE"]), "find_order": False, "curriculum": found}
        write_json(self.directory / "manifest.json", {**self.manifest, **settled})

    @_writes
    def change_settings(self, settings: Mapping[str, Any], recorded: Mapping[str, Any]) -> None:
        """Go on with other settings, and keep in the manifest what is `recorded` of that.

        The manifest holds both until the settings are in their file: a kill leaves all of it, or nothing.
        """
        write_json(self.directory / "manifest.json", {**self.manifest, **recorded, "changing": settings})
        self.finish_change()

    @_writes
    def finish_change(self) -> None:
        """Do what is left of a change of settings that a kill may have cut short."""
        manifest = self.manifest
        if manifest["changing"] is not None:
            write_json(self.directory / "config.json", manifest["changing"])
            write_json(self.directory / "manifest.json", {**manifest, "changing": None})

    @_writes
    def record_episode(self, bucket: str, report: EpisodeReport) -> None:
        """Append an episode to `metrics.jsonl`."""
        append_json_line(self.directory / "metrics.jsonl", {"bucket": bucket, **asdict(report, recurse=False)})

    def last_episode(self, bucket: str) -> EpisodeLine:
        """Where `bucket` stands at its checkpoint, and what its metrics say of its best so far; none where they are lost."""
        lines = [
            line for line in read_json_lines(self.directory / "metrics.jsonl", EpisodeLine) if line["bucket"] == bucket
        ]
        last = validated(lines[-1], EpisodeLine) if lines else EpisodeLine(bucket=bucket, best_score=math.nan)
        return evolve(last, episode=self.progress.episode)

    def ledger(self) -> list[LedgerEntry]:
        """The lines of `ledger.jsonl`: every transfer so far."""
        lines = read_json_lines(self.directory / "ledger.jsonl", LedgerEntry)
        return [validated(line, LedgerEntry) for line in lines]

    @_writes
    def record_transfer(self, entry: LedgerEntry) -> None:
        """Append a transfer to `ledger.jsonl`."""
        append_json_line(self.directory / "ledger.jsonl", entry)

    @_writes
    def save_checkpoint(
        self, bucket: str, episode: int, state: State, seconds: float, *, keep: int, best: int = 0
    ) -> None:
        """Commit the state of a bucket that has trained for `seconds`.

        The last `keep` checkpoints stay, and the first one that holds the `best` episode.
        """
        name = f"{bucket}-{episode:06d}.safetensors"
        commit = self._next(bucket=bucket, episode=episode, checkpoint=name, seconds=seconds)
        write_tensors(self.directory / CHECKPOINTS / name, state.tensors, {"state": state.values, "commit": commit})
        self._commit(commit)
        older = [(made, path) for of, made, path in checkpoints_in(self.directory) if of == bucket]
        holding_best = next((path for made, path in older if made >= best), None)
        for _, path in older[:-keep]:
            if path != holding_best:
                path.unlink()

    def checkpoint(self, bucket: str) -> State | None:
        """The committed state of `bucket`, or None when it has not got that far.

        :raise RunError: the file is damaged.
        """
        if self.progress.bucket != bucket or self.progress.checkpoint is None:
            return None
        return checkpoint_of(self.directory / CHECKPOINTS / self.progress.checkpoint)

    @_writes
    def save_model(self, bucket: str, model: Model, knowledge: Knowledge) -> Path:
        """Write a new version of a bucket's model, with what it can teach, beside the old ones; it is the model now."""
        version = self.progress.versions.get(bucket, 0) + 1
        directory = self._version(bucket, version)
        directory.mkdir(parents=True, exist_ok=True)
        taught = {
            "distrust": knowledge.distrust,
            "weights": list(knowledge.weights),
            "feature_importance": knowledge.feature_importance,
            "horizons": knowledge.horizons,
        }
        card = {**model.card, "bucket": bucket, "version": version, "knowledge": taught}
        write_tensors(directory / "model.safetensors", {**knowledge.weights, **model.tensors}, card)
        write_json(directory / "card.json", card)
        self.progress = evolve(self.progress, versions={**self.progress.versions, bucket: version})
        return self._publish(bucket, version)

    @_writes
    def finish_bucket(self, result: BucketResult) -> None:
        """Commit a bucket's end; its checkpoints are no longer needed."""
        results = (*self.progress.results, result)
        self._commit(self._next(bucket=None, episode=0, checkpoint=None, seconds=0.0, results=results, halved_to=None))
        self._write(BEGUN)
        for _, _, path in checkpoints_in(self.directory):
            path.unlink()

    def replace_result(self, result: BucketResult) -> None:
        """Put the result of a new version of a finished bucket's model in the place of the old one's."""
        results = tuple(result if old.bucket == result.bucket else old for old in self.progress.results)
        self.progress = evolve(self.progress, results=results)

    @_writes
    def mark(self, status: Status) -> None:
        """Say how the run stands, without a commit of what was written since the last one; not where it is another's now."""
        if not self._lock.is_locked:
            return
        self.progress, self._committed = evolve(self.progress, status=status), evolve(self._committed, status=status)
        self._write("state.json")

    def model_path(self, bucket: str) -> Path:
        """Where the newest model of a finished bucket is."""
        return model_path(self.directory, bucket)

    def model(self, bucket: str) -> Model:
        """The newest model of a finished bucket."""
        return read_model(self.directory, bucket)

    def knowledge(self, bucket: str) -> Knowledge:
        """What the newest model of a finished bucket can teach."""
        return read_knowledge(self.directory, bucket)

    def teachers(self) -> list[Knowledge]:
        """What was learned in other runs and is used in this one, as it was when this one was begun."""
        return [read_knowledge(self.directory / TEACHERS, bucket) for _, bucket in self.manifest["teachers"]]

    def _keep_teachers(self) -> None:
        """Have models of other runs here: a resumed run then finds them as they were, and reads no file but its own."""
        for run, bucket in self.manifest["teachers"]:
            original, kept = model_path(Path(run), bucket), model_path(self.directory / TEACHERS, bucket)
            try:
                kept.parent.mkdir(parents=True, exist_ok=True)
                publish(original, kept)
            except OSError as error:
                raise RunError(f"{original}: the model that is to teach cannot be had ({error.strerror})") from error

    def _version(self, bucket: str, version: int) -> Path:
        return version_path(self.directory / "models" / bucket, version)

    def _publish(self, bucket: str, version: int) -> Path:
        """Make `version` the bucket's model: the files in `models/<Bucket>/` are those of the version."""
        for name in MODEL_FILES:
            publish(self._version(bucket, version) / name, self.directory / "models" / bucket / name)
        return self.model_path(bucket)

    def _next(self, **changes: Any) -> Commit:
        """What is to be committed, with all lines that were written."""
        lengths = {name: _size(self.directory / name) for name in LINE_FILES}
        return evolve(self.progress, status="training", lengths=lengths, **changes)

    def _commit(self, progress: Commit) -> None:
        self.progress = self._committed = progress
        self._write("state.json")

    def _write(self, name: str) -> None:
        atomic_write(self.directory / name, line_with_checksum(self._committed))


def on_disk(store: Store) -> RunStore:
    """The same store, of a caller that needs the run's directory.

    :raise RunError: the run is kept elsewhere.
    """
    if not isinstance(store, RunStore):
        raise RunError(f"{store.directory}: this run is not kept in a directory, which this needs")
    return store


def _refuse_unless_empty(directory: Path) -> None:
    found = {path.name for path in directory.iterdir()}
    if BEGINNING in found:  # what a run begins with was to be put here, and nothing else was here
        found = {name for name in found if name not in _BEGUN_WITH and not name.endswith(".partial")}
    if found - {LOCK}:
        raise RunError(f"{directory}: not an empty directory; name a new one, or go on with --resume")


def _place(progress: Commit) -> str:
    """Where in the sequence a commit was made."""
    if progress.bucket is not None:
        return f"episode {progress.episode} of {progress.bucket}"
    return f"the end of {progress.results[-1].bucket}" if progress.results else "the beginning"


def _outcome(progress: Commit) -> str:
    """What comes of a run that goes on from an older commit."""
    if (sizes := progress.halved_to) is None:
        return "to the same result"
    return f"with {sizes.parallel_episodes} parallel episodes and batches of {sizes.batch_size}, since memory ran out"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
