"""The checkpoints of a run: the learner's state in `NAME.safetensors`, and the commit made with it in `NAME.json`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from attrs import frozen

from progressive_app.machine.durable_files import sync_directory
from progressive_app.store.atomic_files import atomic_writes
from progressive_app.store.documents import line_with_checksum
from progressive_app.store.progress import Commit, read_commit
from progressive_app.store.tensors import read_tensors, tensor_bytes
from progressive_core.contract.errors import ModelError, RunError
from progressive_core.contract.records import State

CHECKPOINTS, COMMIT = "checkpoints", ".json"


def checkpoint_name(bucket: str, episode: int) -> str:
    """The name of a checkpoint's file of tensors."""
    return f"{bucket}-{episode:06d}.safetensors"


@frozen
class Checkpoints:
    """The checkpoints of the run at `run`, which has those of one bucket at a time."""

    run: Path

    @property
    def directory(self) -> Path:
        """Where they are."""
        return self.run / CHECKPOINTS

    def write(self, name: str, state: State, commit: Callable[[str], Commit]) -> Commit:
        """Write a learner's state, and the commit that is made with it; returns that.

        :param commit: makes it, from the SHA-256 of the state's file.
        """
        content = tensor_bytes(state.tensors, {"state": state.values})
        made = commit(hashlib.sha256(content).hexdigest())
        atomic_writes({self.directory / name: content, self._commit_file(name): line_with_checksum(made)})
        return made

    def read_state(self, name: str) -> State:
        """The learner's state in a checkpoint.

        :raise RunError: the file is damaged, or none of this program's.
        """
        path = self.directory / name
        try:
            tensors, card = read_tensors(path)
        except ModelError as error:
            raise RunError(f"checkpoint {error}") from error
        if not isinstance(state := card.get("state"), dict):
            raise RunError(f"checkpoint {path}: damaged (its state is missing)")
        return State(tensors=tensors, values=state)

    def commits(self) -> Iterator[Callable[[], Commit]]:
        """Reads each commit that was made with a checkpoint, the newest first; it raises RunError where that is damaged."""
        for _, _, path in reversed(self._files()):
            if path.suffix == COMMIT:
                yield partial(self._read_commit, path)

    def prune(self, bucket: str, keep: int, best: int) -> None:
        """Remove all but the last `keep` of `bucket`, and the first one at or after the `best` episode."""
        episodes = sorted({episode for name, episode, _ in self._files() if name == bucket})
        kept = {*episodes[-keep:], next((episode for episode in episodes if episode >= best), None)}
        for name, episode, path in self._files():
            if name == bucket and episode not in kept:
                path.unlink()

    def remove_later_than(self, commit: Commit) -> None:
        """Remove those of other buckets than the one in training, and of later episodes."""
        for bucket, episode, path in self._files():
            if bucket != commit.bucket or episode > commit.episode:
                path.unlink()
        sync_directory(self.directory)  # a finished run has none, and nobody opens it again to remove them

    def _read_commit(self, path: Path) -> Commit:
        commit = read_commit(path, self.run)
        if commit.checkpoint is None or self._commit_file(commit.checkpoint) != path:
            raise RunError(f"{path}: damaged (it was written for {commit.checkpoint})")
        return commit

    def _commit_file(self, name: str) -> Path:
        return self.directory / Path(name).with_suffix(COMMIT)

    def _files(self) -> list[tuple[str, int, Path]]:
        """Bucket, episode and path of all files, by these: the oldest first, and a commit before its tensors."""
        found = []
        for path in self.directory.glob("*.*"):
            bucket, _, episode = path.stem.rpartition("-")
            if path.suffix in {COMMIT, ".safetensors"} and episode.isdecimal():
                found.append((bucket, int(episode), path))
        return sorted(found)
