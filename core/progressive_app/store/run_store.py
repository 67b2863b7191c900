"""One run, one directory: the store that the program trains to.

`state.json` is the one point of commit. It names the newest checkpoint, the version of every model and the length of
every line file, and holds the digest of each; whatever was written after it is cut off when the run is resumed. Beside each
checkpoint is the commit that it was made with, so that an older one can take the place of a damaged one (`recovery`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from attrs import asdict, evolve

from progressive_app.locks.lock import RunLock, lock_run
from progressive_app.machine.logs import get_logger
from progressive_app.store.atomic_files import append_json_line, append_lines, sync_lines, writes
from progressive_app.store.checkpoints import CHECKPOINTS, Checkpoints, checkpoint_name
from progressive_app.store.containment import check_no_external_links
from progressive_app.store.creation import kept_at, remove_run, take_empty_directory, write_first_files
from progressive_app.store.documents import read_json_lines
from progressive_app.store.environments import Environments
from progressive_app.store.models import ModelVersions, read_knowledge, read_model, version_file
from progressive_app.store.progress import (
    BEGUN,
    LINE_FILES,
    STATE,
    Commit,
    model_path,
    read_commit,
    write_commit,
)
from progressive_app.store.recovery import describe_repair, newest_whole, restore_files
from progressive_app.store.run_documents import RunDocuments, teachers_in
from progressive_app.store.validated import validated
from progressive_core.contract.errors import RunError
from progressive_core.contract.records import BucketResult, EpisodeReport, Knowledge, LedgerEntry, Model, Sizes, State
from progressive_core.contract.store import EpisodeLine, Status, Store

METRICS, LEDGER = LINE_FILES

log = get_logger()


class RunStore:
    """The directory of one run, locked while it is open; `progressive_core.contract.store` describes its methods.

    `progress` is where the run stands in this process, ahead of what is committed; `documents` are its configuration and
    manifest; `repaired` names what was damaged when the run was opened and where it resumes instead, empty where nothing was;
    `moved` is a warning where it was trained in another environment before, and `strict` whether that is refused.
    """

    def __init__(self, directory: Path, lock: RunLock, progress: Commit, made: Sequence[Path] = ()) -> None:
        self.directory = directory
        self.documents = RunDocuments(directory)
        self.progress = self._committed = progress
        self.repaired = ""
        self.moved = ""
        self.strict = False
        self._checkpoints = Checkpoints(directory)
        self._models = ModelVersions(directory)
        self._lock = lock
        self._made = made

    @classmethod
    def create(
        cls,
        directory: Path,
        config: Mapping[str, Any],
        manifest: Mapping[str, Any],
        data: bytes | None = None,
        origin: tuple[Path, Commit] | None = None,
    ) -> Self:
        """Begin a run in a new or empty directory, or in one where a kill came before another one had begun.

        :param data: the content of its `DATA_FILE`, where it is to have one. :param origin: another run and a commit of
            it, whose finished buckets and teachers this one begins with.
        :raise RunError: the directory holds something, or cannot be written.
        """
        made = [path for path in (directory, *directory.parents) if not path.exists()]
        lock = take_empty_directory(directory)
        try:
            commit = write_first_files(directory, config, manifest, data, origin)
        except BaseException:
            remove_run(directory, lock, made)
            raise
        return cls(directory, lock, commit, made)

    @classmethod
    def open(cls, directory: Path, *, strict: bool = False) -> Self:
        """Resume a run, from its last commit.

        :raise RunError: there is no run, another process is on it, its files are damaged, or (`strict`) it was trained in another
            environment, where nothing is changed.
        """
        if not (directory / STATE).is_file():
            raise RunError(f"{directory}: no run here (state.json is missing); `progressive-training runs` lists them")
        check_no_external_links(directory)  # before the lock: it is a file that is opened to be written
        lock = lock_run(directory)
        try:
            commit, damage = newest_whole(directory)
            store = cls(directory, lock, commit)
            store.strict = strict
            if strict:
                Environments(directory).check(commit)
            if changes := Environments(directory).enter(commit):
                store.moved = f"another environment than this was trained in so far: {changes}; from here on it may not come out the same to the bit"
            store.mark("training")
            restore_files(directory, store._committed)
            if damage:
                store.repaired = describe_repair(damage, commit)
                log.warning(store.repaired)
        except BaseException as error:
            lock.release()
            if isinstance(error, OSError):
                where = error.filename2 or error.filename or directory
                raise RunError(f"{where}: this run cannot be resumed ({error.strerror})") from error
            raise
        return store

    @writes
    def go_back(self, halved_to: Sizes) -> None:
        """Undo what was written since the last commit; the bucket resumes there, no larger than `halved_to`."""
        self._lock.check()
        self.progress = self._committed = evolve(self._committed, halved_to=halved_to)
        self.mark("training")
        restore_files(self.directory, self._committed)

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
            self.progress = self._committed = read_commit(self.directory / STATE)

    def discard(self) -> None:
        """Remove a run that never got to its first checkpoint, and the directories that were made for it alone."""
        self._lock.check()
        remove_run(self.directory, self._lock, self._made)

    @writes
    def mark(self, status: Status) -> None:
        """Record how the run stands, and nothing else; not where another process has taken it."""
        if not self._lock.is_locked:
            return
        self.progress, self._committed = evolve(self.progress, status=status), evolve(self._committed, status=status)
        write_commit(self._committed, self.directory / STATE)

    @writes
    def record_episode(self, bucket: str, report: EpisodeReport) -> None:
        """Append an episode to `metrics.jsonl`."""
        self._lock.check()
        append_json_line(
            self.directory / METRICS, {"bucket": bucket, **asdict(evolve(report, bucket=bucket), recurse=False)}
        )

    def last_episode(self, bucket: str) -> EpisodeLine:
        """The episode that the checkpoint of `bucket` was made after, with NaN as its best score where its line is lost."""
        lines = [line for line in read_json_lines(self.directory / METRICS, EpisodeLine) if line["bucket"] == bucket]
        last = validated(lines[-1], EpisodeLine) if lines else EpisodeLine(bucket=bucket, best_score=math.nan)
        return evolve(last, episode=self.progress.episode)

    @writes
    def record_transfer(self, entry: LedgerEntry) -> None:
        """Append a transfer to `ledger.jsonl`."""
        self._lock.check()
        append_json_line(self.directory / LEDGER, entry)

    @writes
    def append_lines(self, origin: Path) -> None:
        """Append the episodes and transfers of the run at `origin`."""
        self._lock.check()
        for name in LINE_FILES:
            append_lines(self.directory / name, origin / name)

    def ledger(self) -> list[LedgerEntry]:
        """Every transfer so far."""
        lines = read_json_lines(self.directory / LEDGER, LedgerEntry)
        return [validated(line, LedgerEntry) for line in lines]

    @writes
    def save_checkpoint(
        self, bucket: str, episode: int, state: State, seconds: float, *, keep: int, best: int = 0
    ) -> None:
        """Commit the state of a bucket that has trained for `seconds`.

        The last `keep` checkpoints stay, and the first one at or after the `best` episode.
        """
        name, digests = checkpoint_name(bucket, episode), self._digests(CHECKPOINTS)

        def commit(digest: str) -> Commit:
            named = {**digests, f"{CHECKPOINTS}/{name}": digest}
            return self._next(bucket=bucket, episode=episode, checkpoint=name, seconds=seconds, digests=named)

        self._commit(self._checkpoints.write(name, state, commit))
        self._checkpoints.prune(bucket, keep, best)

    def checkpoint(self, bucket: str) -> State | None:
        """The committed state of `bucket`, or None where it has no checkpoint.

        :raise RunError: the file is damaged.
        """
        if self.progress.bucket != bucket or self.progress.checkpoint is None:
            return None
        return self._checkpoints.read_state(self.progress.checkpoint)

    @writes
    def save_model(self, bucket: str, model: Model, knowledge: Knowledge) -> Path:
        """Write a new version of a bucket's model beside the old ones; it is the bucket's model from here on."""
        self._lock.check()
        version = self.progress.versions.get(bucket, 0) + 1
        digest = self._models.write(bucket, version, model, knowledge)
        self.progress = evolve(
            self.progress,
            versions={**self.progress.versions, bucket: version},
            digests={**self._digests(f"models/{bucket}"), version_file(bucket, version): digest},
        )
        return self._models.publish(bucket, version)

    def model(self, bucket: str) -> Model:
        """The newest model of a bucket."""
        return read_model(self.directory, bucket)

    def knowledge(self, bucket: str) -> Knowledge:
        """What the newest model of a bucket can teach."""
        return read_knowledge(self.directory, bucket)

    def model_path(self, bucket: str) -> Path:
        """Where the newest model of a bucket is."""
        return model_path(self.directory, bucket)

    def teachers(self) -> list[Knowledge]:
        """What was learned in other runs and is used in this one, as it was when this one was begun."""
        teachers = teachers_in(self.documents.manifest)
        return [
            evolve(
                read_knowledge(kept_at(self.directory, teachers, position), teacher.bucket),
                origin=teacher.name or teacher.bucket,
                pupil=teacher.pupil,
                forced=teacher.forced,
                seen_until=teacher.seen_until,
            )
            for position, teacher in enumerate(teachers)
        ]

    def replace_result(self, result: BucketResult) -> None:
        """Replace the result of a finished bucket whose model has a new version."""
        results = tuple(result if old.bucket == result.bucket else old for old in self.progress.results)
        self.progress = evolve(self.progress, results=results)

    @writes
    def finish_bucket(self, result: BucketResult) -> None:
        """Commit a bucket's end, or a new result of a finished one; checkpoints are no longer needed."""
        if result.bucket in {each.bucket for each in self.progress.results}:
            self.replace_result(result)
            results = self.progress.results
        else:
            results = (*self.progress.results, result)
        none = {"bucket": None, "episode": 0, "checkpoint": None, "seconds": 0.0, "halved_to": None}
        commit = self._next(**none, results=results, digests=self._digests(CHECKPOINTS))
        self._commit(commit, BEGUN)
        self._checkpoints.remove_later_than(commit)

    def _digests(self, but: str) -> dict[str, str]:
        """The digests of all files but those below one directory of the run."""
        return {file: digest for file, digest in self.progress.digests.items() if not file.startswith(f"{but}/")}

    def _next(self, **changes: Any) -> Commit:
        """What is to be committed, with all lines that were written; they are on the disk before anything counts them."""
        synced = self._committed.lengths
        lengths = {name: sync_lines(self.directory / name, synced.get(name, 0)) for name in LINE_FILES}
        return evolve(self.progress, status="training", lengths=lengths, **changes)

    def _commit(self, commit: Commit, *copies: str) -> None:
        self._lock.check()
        self.progress = self._committed = commit
        write_commit(commit, *(self.directory / name for name in (STATE, *copies)))


def on_disk(store: Store) -> RunStore:
    """The same store, of a caller that needs the run's directory.

    :raise RunError: the run is kept elsewhere.
    """
    if not isinstance(store, RunStore):
        raise RunError(f"{store.directory}: this run is not kept in a directory, which this needs")
    return store
