"""Where a run stands: the commits that `state.json`, `begun.json` and every checkpoint hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import attrs
from attrs import evolve, field, frozen

from progressive_app.quoting import show
from progressive_app.store.atomic_files import atomic_writes
from progressive_app.store.containment import check_no_external_links
from progressive_app.store.documents import is_whole, line_with_checksum, read_json
from progressive_app.store.validated import InvalidValue, validated
from progressive_core.contract.errors import RunError
from progressive_core.contract.names import NAME_RULE, is_name
from progressive_core.contract.records import BucketResult
from progressive_core.contract.store import Progress, Status

STATE = "state.json"
"""Holds the newest commit."""
BEGUN = "begun.json"
"""Holds what was committed when the bucket in training was begun."""
STAGES = "stages"
"""The directory of the stores of a stage's members, in that of their run: RUN/stages/BUCKET."""
LINE_FILES = ("metrics.jsonl", "ledger.jsonl")
MOST_EPISODES = 1_000_000
"""As many as EPISODES may ask for."""
FORMAT = 2
"""Of commits. Those of format 1 have none: their verdicts were made while models could still change, by other rules."""
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*", re.ASCII)
_CHECKPOINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.safetensors", re.ASCII)


class OtherVersion(RunError):
    """A run of another version of this program: nothing of it is damaged."""


@frozen(kw_only=True)
class Commit(Progress):
    """What one commit holds: where the run stands, and on which files that rests.

    `checkpoint` is the name of its file, `versions` are those of each bucket's model, `lengths` are bytes of the files of
    lines, `digests` the SHA-256 of the checkpoint and of each model, by its path in the run.
    """

    format: int = FORMAT

    checkpoint: str | None = None
    versions: dict[str, int] = field(factory=dict)
    lengths: dict[str, int] = field(factory=dict)
    digests: dict[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Standing:
    """How far a run is: its `finished` buckets in order, those too that wait for the end of their stage, and the episode that each
    bucket in `training` stands at."""

    finished: tuple[str, ...] = ()
    training: Mapping[str, int] = {}


def standing_of(directory: Path, progress: Progress) -> Standing:
    """How far the run at `directory` is, which stands at `progress`.

    :raise RunError: the store of a member is damaged.
    """
    finished = [result.bucket for result in progress.results]
    training = {progress.bucket: progress.episode} if progress.bucket else {}
    for state in sorted((directory / STAGES).glob(f"*/{STATE}")):
        bucket, commit = state.parent.name, read_commit(state)
        if bucket in finished:
            continue
        if bucket in {result.bucket for result in commit.results}:
            finished.append(bucket)
        else:
            training[bucket] = commit.episode
    return Standing(finished=tuple(finished), training=training)


def read_progress(directory: Path) -> Commit:
    """The newest commit of the run in `directory`, whose files may be a stranger's: links out of it are refused.

    :raise RunError: `state.json` is not what this program writes or wrote, or the directory holds what no run does.
    """
    check_no_external_links(directory)
    return read_commit(directory / STATE)


def status_of(directory: Path) -> Status:
    """How the run in `directory` ended: finished, or else interrupted, also where it is damaged and may be resumed."""
    try:
        status = read_progress(directory).status
    except RunError:
        return "interrupted"
    return "finished" if status == "finished" else "interrupted"


def read_commit(file: Path, directory: Path | None = None) -> Commit:
    """The commit in a file of its own.

    :param directory: the run's, where that is not the file's.
    :raise RunError: the file is not what this program writes, or not what it wrote.
    """
    document = read_json(file)
    progress = commit_of(document, file, directory or file.parent)
    if not is_whole(document):
        damaged(file, "its contents are not those that its checksum was made of")
    return progress


def write_commit(commit: Commit, *files: Path) -> None:
    """Write a commit with its checksum to each of `files`, in one step each."""
    atomic_writes(dict.fromkeys(files, line_with_checksum(commit)))


def commit_of(document: Mapping[str, Any], file: Path, directory: Path) -> Commit:
    """The commit in a `document` that was read from `file`, with the paths of models as they are in `directory`.

    :raise RunError: something is missing, of another type or out of range. :raise OtherVersion: its format is another.
    """
    missing = [name for name in attrs.fields_dict(Commit) if name not in document]
    if missing == ["format"] or document.get("format", FORMAT) != FORMAT:
        raise OtherVersion(
            f"{file}: a run of another version of this program (its format is {show(document.get('format', 1))}, this one reads "
            f"{FORMAT}); go on with that version, or begin a new run"
        )
    if missing:
        damaged(file, f"{', '.join(missing)} missing")
    try:
        progress = validated(dict(document), Commit)
    except InvalidValue as error:
        damaged(file, str(error))
    _check(progress, file)
    found = tuple(evolve(result, model_path=model_path(directory, result.bucket)) for result in progress.results)
    return evolve(progress, results=found)


def _check(progress: Commit, file: Path) -> None:
    """Check the names that become paths, and the ranges of counts.

    :raise RunError: one is out of range, or no name.
    """
    named = [*progress.versions, *(result.bucket for result in progress.results)]
    refuse_odd_names([*named, progress.bucket] if progress.bucket is not None else named, str(file))
    if progress.checkpoint is not None and not _CHECKPOINT.fullmatch(progress.checkpoint):
        damaged(file, f"checkpoint is {show(progress.checkpoint)}, expected a name like Swing-000012.safetensors")
    if odd := [path for path in progress.digests if not _FILE.fullmatch(path)]:
        damaged(file, f"digests names {show(odd[0])}, expected a file of the run")
    for bucket, version in progress.versions.items():
        if version < 1:
            damaged(file, f"versions[{show(bucket)}] is {version}, expected 1 or more")
    for name, length in progress.lengths.items():
        if length < 0:
            damaged(file, f"lengths[{show(name)}] is {length}, expected 0 or more")
    sizes = [progress.halved_to, *(result.halved_to for result in progress.results)]
    if any(each is not None and min(each.parallel_episodes, each.batch_size) < 1 for each in sizes):
        damaged(file, f"halved_to is {show(sizes)}, expected sizes of 1 or more")
    for count in (progress.episode, *(result.episodes for result in progress.results)):
        if not 0 <= count <= MOST_EPISODES:
            damaged(file, f"{count} episodes, expected 0 to {MOST_EPISODES}")


def damaged(file: Path, why: str) -> NoReturn:
    """Raise the RunError of a damaged file."""
    raise RunError(f"{file}: damaged ({why})")


def refuse_odd_names(names: Iterable[str], where: str) -> None:
    """Check names of buckets, which become directories.

    :raise RunError: one is no name of a bucket.
    """
    for name in names:
        if not is_name(name):
            raise RunError(f"{where}: {show(name)} is no name of a bucket, expected {NAME_RULE}")


def model_path(directory: Path, bucket: str) -> Path:
    """Where the newest model of a finished bucket is, wherever the run was moved to."""
    return directory / "models" / bucket / "model.safetensors"


def finished_results(directory: Path) -> tuple[BucketResult, ...]:
    """The results of the run at `directory`.

    :raise RunError: no bucket of it is finished.
    """
    results = read_progress(directory).results
    if not results:
        raise RunError(f"{directory}: no bucket of this run is finished yet; go on with --resume --run-dir {directory}")
    return results
