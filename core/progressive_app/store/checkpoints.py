"""The checkpoints of a run: the learner's state, with the commit that it was made with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from progressive_app.store.progress import Commit, commit_of
from progressive_app.store.tensors import read_own_card, read_tensors, write_tensors
from progressive_core.contract.errors import ModelError, RunError
from progressive_core.contract.records import State

CHECKPOINTS = "checkpoints"


def checkpoint_name(bucket: str, episode: int) -> str:
    """The name of a checkpoint's file."""
    return f"{bucket}-{episode:06d}.safetensors"


@frozen
class Checkpoints:
    """The checkpoints of the run at `run`, which has those of one bucket at a time."""

    run: Path

    @property
    def directory(self) -> Path:
        """Where they are."""
        return self.run / CHECKPOINTS

    def write(self, commit: Commit, state: State) -> None:
        """Write the checkpoint that `commit` names."""
        assert commit.checkpoint is not None
        write_tensors(self.directory / commit.checkpoint, state.tensors, {"state": state.values, "commit": commit})

    def read(self, name: str) -> State:
        """The learner's state in a checkpoint.

        :raise RunError: the file is damaged, or none of this program's.
        """
        self.commit_in(name)
        try:
            tensors, card = read_tensors(self.directory / name)
        except ModelError as error:
            raise RunError(f"checkpoint {error}") from error
        return State(tensors=tensors, values=card["state"])

    def commit_in(self, name: str) -> Commit:
        """What was committed with a checkpoint, once all its bytes are proved.

        :raise RunError: the file is damaged, or none of this program's.
        """
        path = self.directory / name
        try:
            card = read_own_card(path)
        except ModelError as error:
            raise RunError(f"checkpoint {error}") from error
        state, commit = card.get("state"), card.get("commit")
        if not isinstance(state, dict) or not isinstance(commit, dict):
            raise RunError(f"checkpoint {path}: damaged (state or commit is missing)")
        found = commit_of(commit, path, self.run)
        if found.checkpoint != name:
            raise RunError(f"checkpoint {path}: damaged (it was written as {found.checkpoint})")
        return found

    def names(self) -> list[str]:
        """The checkpoints that are there, the oldest first."""
        return [path.name for _, _, path in sorted(self._listed())]

    def prune(self, bucket: str, keep: int, best: int) -> None:
        """Remove all but the last `keep` of `bucket`, and the first one at or after the `best` episode."""
        of_bucket = [(episode, path) for name, episode, path in sorted(self._listed()) if name == bucket]
        holding_best = next((path for episode, path in of_bucket if episode >= best), None)
        for _, path in of_bucket[:-keep]:
            if path != holding_best:
                path.unlink()

    def remove_later_than(self, commit: Commit) -> None:
        """Remove those of other buckets than the one in training, and of later episodes."""
        for bucket, episode, path in self._listed():
            if bucket != commit.bucket or episode > commit.episode:
                path.unlink()

    def _listed(self) -> Iterator[tuple[str, int, Path]]:
        """Bucket, episode and path of each."""
        for path in self.directory.glob("*.safetensors"):
            bucket, _, episode = path.stem.rpartition("-")
            if episode.isdecimal():
                yield bucket, int(episode), path
