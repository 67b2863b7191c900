"""Where a run goes on: from its newest commit all of whose files are as they were written.

A commit is in `state.json`, in every checkpoint (its own), and in `begun.json` (that of the end of the bucket before).
Training is exact: from whichever of them a run goes on, it ends with the same bytes. Only where memory ran out since are its
sizes halved from there on, so that memory does not run out once more.
"""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from progressive_app.store.progress import Commit, progress_of, read_commit
from progressive_app.store.saved import version_path
from progressive_app.store.tensors import read_own_card, read_tensors
from progressive_core.contract.errors import ModelError, RunError
from progressive_core.contract.records import State

CHECKPOINTS = "checkpoints"
BEGUN = "begun.json"
"""What was committed when the bucket in training was begun."""


def newest_whole(directory: Path) -> tuple[Commit, list[str]]:
    """The newest commit of the run that can be gone on from, and what was found damaged before it, newest first.

    :raise RunError: there is none; its text says what is damaged.
    """
    damage: list[str] = []
    newest: Commit | None = None
    try:
        newest = read_commit(directory / "state.json")
        return _resting_on_whole_files(directory, newest), damage
    except (RunError, ModelError) as error:
        damage.append(str(error))
    others: list[Commit] = []
    for path in (path for _, _, path in reversed(checkpoints_in(directory))):
        try:
            others.append(_commit_of(path))
        except RunError as error:
            damage.append(str(error))
    try:
        others.append(read_commit(directory / BEGUN))
    except RunError as error:
        damage.append(str(error))
    for progress in sorted(others, key=lambda each: (len(each.results), each.episode), reverse=True):
        try:
            whole = _resting_on_whole_files(directory, progress)
        except (RunError, ModelError) as error:
            damage.append(str(error))
            continue
        if newest is not None and len(newest.results) == len(whole.results):  # the same bucket is in training
            whole = evolve(whole, halved_to=newest.halved_to)
        return whole, list(dict.fromkeys(damage))
    raise RunError(f"{damage[0]}; nothing older is left to go on from: put a copy of the file back, or start a new run")


def checkpoints_in(directory: Path) -> list[tuple[str, int, Path]]:
    """The bucket, the episode and the path of every checkpoint that is there, by bucket and then by episode."""
    found = []
    for path in (directory / CHECKPOINTS).glob("*.safetensors"):
        bucket, _, episode = path.stem.rpartition("-")
        if episode.isdecimal():
            found.append((bucket, int(episode), path))
    return sorted(found)


def checkpoint_of(path: Path) -> State:
    """The state of the learner in a checkpoint.

    :raise RunError: the file is damaged, or none of this program's.
    """
    _commit_of(path)
    try:
        tensors, card = read_tensors(path)
    except ModelError as error:
        raise RunError(f"checkpoint {error}") from error
    return State(tensors=tensors, values=card["state"])


def _commit_of(path: Path) -> Commit:
    """What was committed with a checkpoint, once all its bytes are proved.

    :raise RunError: the file is damaged, or none of this program's.
    """
    try:
        card = read_own_card(path)
    except ModelError as error:
        raise RunError(f"checkpoint {error}") from error
    state, commit = card.get("state"), card.get("commit")
    if not isinstance(state, dict) or not isinstance(commit, dict):
        raise RunError(f"checkpoint {path}: damaged (state or commit is missing)")
    progress = progress_of(commit, path, path.parents[1])
    if progress.checkpoint != path.name:
        raise RunError(f"checkpoint {path}: damaged (it was written as {progress.checkpoint})")
    return progress


def _resting_on_whole_files(directory: Path, progress: Commit) -> Commit:
    """The same, when every file that it rests on can be read.

    :raise RunError: the checkpoint is damaged. :raise ModelError: a model is.
    """
    if progress.checkpoint is not None:
        _commit_of(directory / CHECKPOINTS / progress.checkpoint)
    for bucket, version in progress.versions.items():
        read_own_card(version_path(directory / "models" / bucket, version) / "model.safetensors")
    return progress
