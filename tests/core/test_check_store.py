"""`check_store`: our store passes it, and a store that loses something at a kill does not."""

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from progressive_app.store.atomic_files import append_json_line
from progressive_app.store.run_store import RunStore
from progressive_core.contract.records import EpisodeReport, Knowledge, LedgerEntry, Model, State
from progressive_training.testing import check_store

MANIFEST = {"started": "2026-01-01T00:00:00+00:00", "sequence": ["First", "Second"], "teachers": []}


def check(kind: type[RunStore]) -> None:
    check_store(lambda directory: kind.create(directory, {}, MANIFEST), kind.open)


def test_the_store_of_a_run_passes() -> None:
    check(RunStore)


class LinesAfterTheCommit(RunStore):
    """Holds transfers back until the commit that counts them has been made."""

    held: tuple[LedgerEntry, ...] = ()

    def record_transfer(self, entry: LedgerEntry) -> None:
        self.held = (*self.held, entry)

    def ledger(self) -> list[LedgerEntry]:
        return [*super().ledger(), *self.held]

    def save_checkpoint(self, *arguments: Any, **named: Any) -> None:
        super().save_checkpoint(*arguments, **named)
        for entry in self.held:
            append_json_line(self.directory / "ledger.jsonl", entry)
        self.held = ()


class OneVersion(RunStore):
    """Writes each model over the one before, which an earlier commit still names."""

    def save_model(self, bucket: str, model: Model, knowledge: Knowledge) -> Path:
        self.progress = evolve(self.progress, versions={})
        return super().save_model(bucket, model, knowledge)


class CommitsTooMuch(RunStore):
    """Commits with every episode."""

    def record_episode(self, bucket: str, report: EpisodeReport) -> None:
        super().record_episode(bucket, report)
        self._commit(evolve(self._next(), episode=report.episode))


class ForgetsTheState(RunStore):
    """Saves a checkpoint without what was learned."""

    def save_checkpoint(self, bucket: str, episode: int, state: State, *arguments: Any, **named: Any) -> None:
        super().save_checkpoint(bucket, episode, State(tensors={}, values={}), *arguments, **named)


class GrowsWhenOpened(RunStore):
    """Records something each time it is opened."""

    @classmethod
    def open(cls, directory: Path) -> "GrowsWhenOpened":
        store = super().open(directory)
        if entries := store.ledger():
            store.record_transfer(entries[-1])
            store._commit(store._next())
        return store


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (LinesAfterTheCommit, "killed after save_checkpoint 1: the ledger holds"),
        (OneVersion, "killed after save_model of version 2: the run cannot be opened"),
        (CommitsTooMuch, "after record_episode 1: progress.episode is 1, expected 0"),
        (ForgetsTheState, "after save_checkpoint 1: the checkpoint of First is not the state"),
        (GrowsWhenOpened, "killed after save_checkpoint 1: the ledger holds"),
    ],
)
def test_a_store_that_breaks_a_promise_is_named_with_the_call(kind: type[RunStore], message: str) -> None:
    with pytest.raises(AssertionError, match=f"^check_store: {message}"):
        check(kind)
