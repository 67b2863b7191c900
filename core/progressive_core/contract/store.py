"""The store that a run is committed to, as the engine uses it: any class with these methods will do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

from attrs import frozen

from progressive_core.contract.records import BucketResult, EpisodeReport, Knowledge, LedgerEntry, Model, Sizes, State

Status = Literal["training", "interrupted", "finished", "damaged"]


@frozen(kw_only=True)
class Progress:
    """Where a run stands. `bucket` is the one whose checkpoint was committed last, None between two buckets; `episode` and
    `seconds` are those of that checkpoint; `halved_to` are the sizes that the bucket in training, or else the next one, is
    limited to since memory ran out."""

    status: Status = "training"
    bucket: str | None = None
    episode: int = 0
    seconds: float = 0.0
    results: tuple[BucketResult, ...] = ()
    halved_to: Sizes | None = None

    @property
    def is_untouched(self) -> bool:
        """Nothing was committed yet: neither a checkpoint nor a finished bucket."""
        return self.bucket is None and not self.results


@frozen(kw_only=True)
class EpisodeLine:
    """What is read back of a recorded episode."""

    bucket: str
    best_score: float
    episode: int = 0
    best_episode: int = 0
    start_score: float | None = None


class Store(Protocol):
    """One run, open in one process.

    `save_checkpoint` and `finish_bucket` commit: each makes all that was written before it durable, in one step. What was
    written since the last commit is gone when the run is opened again after a kill, and so the engine always finds lines,
    models and checkpoint of one moment. `progress` is where the run stands in this process, ahead of the last commit.

    Methods that write raise `WriteError` where the storage refuses; the run then stands at its last commit. Methods that
    read raise `RunError`, or `ModelError` for a model.
    """

    @property
    def directory(self) -> Path:
        """The run's own directory: plugins may keep files there, and messages name it."""

    @property
    def progress(self) -> Progress:
        """Where the run stands."""

    @property
    def repaired(self) -> str:
        """What was damaged when the run was opened and from where it goes on; empty where nothing was."""

    def mark(self, status: Status) -> None:
        """Record how the run ended, durably and without committing anything else."""

    def record_episode(self, bucket: str, report: EpisodeReport) -> None:
        """Append an episode to the metrics; durable with the next commit."""

    def last_episode(self, bucket: str) -> EpisodeLine:
        """The episode that the checkpoint of `bucket` was made after; its `best_score` is NaN where its line was lost."""

    def record_transfer(self, entry: LedgerEntry) -> None:
        """Append a transfer to the ledger; durable with the next commit."""

    def ledger(self) -> Sequence[LedgerEntry]:
        """Every transfer recorded so far, oldest first."""

    def save_checkpoint(
        self, bucket: str, episode: int, state: State, seconds: float, *, keep: int, best: int = 0
    ) -> None:
        """Commit the state of a bucket that has trained for `seconds`.

        The last `keep` checkpoints are kept, and the first one at or after the `best` episode.
        """

    def checkpoint(self, bucket: str) -> State | None:
        """The committed state of `bucket`; None where it has no checkpoint."""

    def save_model(self, bucket: str, model: Model, knowledge: Knowledge) -> Path:
        """Write a new version of a bucket's model and what it can teach; returns its path. Durable with the next commit."""

    def model(self, bucket: str) -> Model:
        """The newest model of a bucket."""

    def knowledge(self, bucket: str) -> Knowledge:
        """What the newest model of a bucket can teach."""

    def model_path(self, bucket: str) -> Path:
        """Where the newest model of a bucket is."""

    def replace_result(self, result: BucketResult) -> None:
        """Replace the result of a finished bucket whose model has a new version; durable with the next commit."""

    def finish_bucket(self, result: BucketResult) -> None:
        """Commit a bucket's end. Its checkpoints are no longer needed, and sizes are no longer halved.

        Of a bucket that is finished already, commit its new result in the place of the old one: the verdict on it was made.
        """

    def go_back(self, halved_to: Sizes) -> None:
        """Undo what was written since the last commit, and limit the bucket's sizes from there on. Durable."""

    def close(self) -> None:
        """Let another process open the run; the store is not used afterwards."""
