"""The check for stores: what a run finds again after a kill between any two calls."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve, field, frozen

from progressive_app.testing.scene import bucket_result, episode_report, require, same_tensors
from progressive_core.contract.errors import ProgressiveTrainingError
from progressive_core.contract.records import BucketResult, Knowledge, LedgerEntry, Model, Sizes, State
from progressive_core.contract.store import Progress, Store

EARLIER, LATER = "First", "Second"
HALVED = Sizes(parallel_episodes=2, batch_size=16)

Open = Callable[[Path], Store]


@frozen(kw_only=True)
class _Contents:
    """What a store holds: where the run stands, its lines, the value that fills each model, and the checkpoint's."""

    progress: Progress = field(factory=Progress)
    episodes: tuple[int, ...] = ()
    ledger: tuple[LedgerEntry, ...] = ()
    models: Mapping[str, float] = field(factory=dict)
    checkpoint: float | None = None


Step = tuple[str, Callable[[Store], object], _Contents, bool]
"""What is called, the call, what the store holds after it, and whether that is committed."""


def check_store(create: Open, reopen: Open) -> None:
    """Commit a small run of two buckets, with a transfer back and halved sizes, and kill it after every call.

    A kill is a copy of the run's directory, opened elsewhere: it must hold the lines, models and checkpoint of the last
    commit, all of them and nothing later, and the same when it is opened once more. All that a store keeps must be below
    its directory.

    :param create: begins a run of the buckets First and Second in a directory that does not exist yet. :param reopen: opens
        the run in a directory.
    :raise AssertionError: naming the call that the kill came after, and what was not there or was too much.
    """
    with TemporaryDirectory() as scratch:
        directory = Path(scratch) / "run"
        store = create(directory)
        try:
            committed = _Contents()
            for number, (name, call, pending, is_commit) in enumerate(_steps(directory)):
                call(store)
                committed = pending if is_commit else evolve(committed, progress=_marked(committed, pending))
                _check(store, pending, f"check_store: after {name}")
                copy = Path(scratch) / f"killed-{number}"
                shutil.copytree(directory, copy)
                for again in ("", " and opened once more"):
                    _check_opened(reopen, copy, committed, f"check_store: killed after {name}{again}")
                shutil.rmtree(copy)
        finally:
            store.close()


def _check_opened(reopen: Open, directory: Path, committed: _Contents, where: str) -> None:
    try:
        store = reopen(directory)
    except ProgressiveTrainingError as error:
        raise AssertionError(f"{where}: the run cannot be opened ({error})") from error
    try:
        require(not store.repaired, f"{where}: nothing is damaged, and yet it reports {store.repaired!r}")
        _check(store, committed, where, is_opened=True)
    finally:
        store.close()


def _check(store: Store, expected: _Contents, where: str, *, is_opened: bool = False) -> None:
    """Hold all that a store gives against what it should hold."""
    progress, wanted = store.progress, expected.progress
    for key in ("bucket", "episode", "seconds", "halved_to", *(() if is_opened else ("status",))):
        found, value = getattr(progress, key), getattr(wanted, key)
        require(found == value, f"{where}: progress.{key} is {found!r}, expected {value!r}")
    results = [(result.bucket, result.best_score) for result in progress.results]
    finished = [(result.bucket, result.best_score) for result in wanted.results]
    require(results == finished, f"{where}: the results are {results}, expected {finished}")
    ledger = [entry.reason for entry in store.ledger()]
    entries = [entry.reason for entry in expected.ledger]
    require(ledger == entries, f"{where}: the ledger holds {ledger}, expected {entries}")
    for bucket, value in expected.models.items():
        _check_model(store, bucket, value, where)
    for bucket in (EARLIER, LATER):
        state = store.checkpoint(bucket)
        value = expected.checkpoint if wanted.bucket == bucket else None
        require((state is None) == (value is None), f"{where}: the checkpoint of {bucket} is {state!r}")
        if state is not None and value is not None:
            whole = same_tensors(state.tensors, _tensors(value)) and state.values == {"value": value}
            require(whole, f"{where}: the checkpoint of {bucket} is not the state that was saved")
            last, line = store.last_episode(bucket), episode_report(expected.episodes[-1])
            found, wanted_line = (last.episode, last.best_score), (wanted.episode, line.best_score)
            require(found == wanted_line, f"{where}: the last episode of {bucket} is {found}, expected {wanted_line}")


def _check_model(store: Store, bucket: str, value: float, where: str) -> None:
    try:
        model, knowledge = store.model(bucket), store.knowledge(bucket)
    except ProgressiveTrainingError as error:
        raise AssertionError(f"{where}: the model of {bucket} cannot be read ({error})") from error
    require(
        same_tensors(model.tensors, _tensors(value)) and model.card.get("value") == value,
        f"{where}: the model of {bucket} is not the one that was saved",
    )
    known = _knowledge(bucket, value)
    same = same_tensors(knowledge.weights, known.weights) and dict(knowledge.horizons) == dict(known.horizons)
    require(
        same and (knowledge.origin, knowledge.t) == (bucket, known.t),
        f"{where}: the knowledge of {bucket} is not what was saved",
    )
    require(store.model_path(bucket).is_file(), f"{where}: there is no file at model_path({bucket!r})")


def _steps(directory: Path) -> Iterator[Step]:
    """The calls of a run, in the engine's order."""
    here = _Contents()
    first = evolve(bucket_result(EARLIER, directory), best_score=1.0)
    yield "create", _nothing, here, True

    here = evolve(here, ledger=(_entry("offered to First"),))
    yield "record_transfer", _recording(here.ledger[-1]), here, False
    for episode in (1, 2):
        here = evolve(here, episodes=(*here.episodes, episode))
        yield f"record_episode {episode}", _training(EARLIER, episode), here, False
        here = _at_checkpoint(here, EARLIER, episode)
        yield f"save_checkpoint {episode}", _saving(EARLIER, episode), here, True

    lost = evolve(here, episodes=(1, 2, 3), ledger=(*here.ledger, _entry("lost")))
    yield "record_episode 3", _training(EARLIER, 3), evolve(lost, ledger=here.ledger), False
    yield "record_transfer of what is undone", _recording(lost.ledger[-1]), lost, False
    here = evolve(here, progress=evolve(here.progress, halved_to=HALVED))
    yield "go_back", lambda store: store.go_back(HALVED), here, True

    here = evolve(here, episodes=(1, 2, 3))
    yield "record_episode 3 again", _training(EARLIER, 3), here, False
    here = evolve(here, models={EARLIER: 1.0})
    yield "save_model", _modelling(EARLIER, 1.0), here, False
    here = evolve(here, progress=Progress(results=(first,)), checkpoint=None)
    yield "finish_bucket", lambda store: store.finish_bucket(first), here, True

    here = evolve(here, episodes=(1,))
    yield "record_episode of the next bucket", _training(LATER, 1), here, False
    for version, episode in ((2.0, 1), (3.0, 2)):
        better = evolve(first, best_score=version)
        here = evolve(here, models={EARLIER: version})
        yield f"save_model of version {version:g}", _modelling(EARLIER, version), here, False
        here = evolve(here, progress=evolve(here.progress, results=(better,)))
        yield "replace_result", partial(_replacing, better), here, False
        here = evolve(here, ledger=(*here.ledger, _entry(f"kept by First, {version:g}")))
        yield "record_transfer of it", _recording(here.ledger[-1]), here, False
        here = evolve(_at_checkpoint(here, LATER, episode), episodes=(1,))
        yield f"save_checkpoint {episode} of the next bucket", _saving(LATER, episode), here, True

    here = evolve(here, models={**here.models, LATER: 9.0})
    yield "save_model of the next bucket", _modelling(LATER, 9.0), here, False
    here = evolve(here, progress=evolve(here.progress, status="interrupted"))
    yield "mark", lambda store: store.mark("interrupted"), here, False
    second = bucket_result(LATER, directory)
    here = evolve(here, progress=Progress(results=(*here.progress.results, second)), checkpoint=None)
    yield "finish_bucket of the last bucket", lambda store: store.finish_bucket(second), here, True
    here = evolve(here, models={**here.models, EARLIER: 4.0})
    yield "save_model of a verdict", _modelling(EARLIER, 4.0), here, False
    judged = evolve(first, best_score=4.0)
    here = evolve(here, progress=evolve(here.progress, results=(judged, second)))
    yield "finish_bucket of a finished bucket", lambda store: store.finish_bucket(judged), here, True
    here = evolve(here, progress=evolve(here.progress, status="finished"))
    yield "mark at the end", lambda store: store.mark("finished"), here, True


def _marked(committed: _Contents, pending: _Contents) -> Progress:
    return evolve(committed.progress, status=pending.progress.status)


def _at_checkpoint(contents: _Contents, bucket: str, episode: int) -> _Contents:
    progress = evolve(contents.progress, bucket=bucket, episode=episode, seconds=float(episode))
    return evolve(contents, progress=progress, checkpoint=float(episode))


def _nothing(store: Store) -> None:
    """A kill right after the run was created."""


def _replacing(result: BucketResult, store: Store) -> None:
    store.replace_result(result)


def _recording(entry: LedgerEntry) -> Callable[[Store], object]:
    return lambda store: store.record_transfer(entry)


def _training(bucket: str, episode: int) -> Callable[[Store], object]:
    return lambda store: store.record_episode(bucket, episode_report(episode))


def _saving(bucket: str, episode: int) -> Callable[[Store], object]:
    state = State(tensors=_tensors(float(episode)), values={"value": float(episode)})
    return lambda store: store.save_checkpoint(bucket, episode, state, float(episode), keep=2, best=1)


def _modelling(bucket: str, value: float) -> Callable[[Store], object]:
    model = Model(tensors=_tensors(value), card={"value": value})
    return lambda store: store.save_model(bucket, model, _knowledge(bucket, value))


def _knowledge(bucket: str, value: float) -> Knowledge:
    return Knowledge(
        origin=bucket, weights=_tensors(value), feature_importance={"volume": 1.0}, horizons={6: value / 10}, t=value
    )


def _entry(reason: str) -> LedgerEntry:
    return LedgerEntry(
        strategy="weights", source=LATER, target=EARLIER, phase="reverse", episode=1, verdict="kept", reason=reason
    )


def _tensors(value: float) -> dict[str, Any]:
    import torch

    return {"weight": torch.full((3,), value)}
