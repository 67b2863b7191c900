"""Where a run stands, as `state.json`, `begun.json` and every checkpoint hold it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import attrs
from attrs import asdict, evolve, field, frozen

from progressive_app.store.checksum import is_whole
from progressive_app.store.containment import refuse_ways_out
from progressive_app.store.validated import InvalidValue, validated
from progressive_core.contract.errors import RunError
from progressive_core.contract.kinds import Device, Refused
from progressive_core.contract.names import NAME_RULE, is_name
from progressive_core.contract.quoting import show
from progressive_core.contract.records import BucketResult
from progressive_core.contract.store import Progress, Status

MOST_BYTES = 16 << 20
"""Of a JSON document of a run: a thousand times what one has."""
MOST_EPISODES = 1_000_000
"""As many as EPISODES may ask for."""
_NEWER = frozenset({"halved_to"})
"""What runs of an older version do not say of where they stand."""
_CHECKPOINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.safetensors", re.ASCII)


@frozen(kw_only=True)
class Commit(Progress):
    """What one commit holds: where the run stands, and on which files that rests.

    `checkpoint` is the name of its file, `versions` are those of each bucket's model, `lengths` are bytes of the files of
    lines.
    """

    checkpoint: str | None = None
    versions: dict[str, int] = field(factory=dict)
    lengths: dict[str, int] = field(factory=dict)


def read_progress(directory: Path) -> Commit:
    """Where the run in `directory` stands. The run may be a stranger's: nothing in it leads out of it.

    :raise RunError: `state.json` is not what this program writes or wrote, or the directory holds what no run does.
    """
    refuse_ways_out(directory)
    return read_commit(directory / "state.json")


def status_of(directory: Path) -> Status:
    """How the run in `directory` ended, as far as it says so: what is damaged may be gone on with."""
    try:
        status = read_progress(directory).status
    except RunError:
        return "interrupted"
    return "finished" if status == "finished" else "interrupted"


def read_commit(file: Path) -> Commit:
    """What was committed, as a document of its own.

    :raise RunError: the file is not what this program writes, or not what it wrote.
    """
    document = read_json(file)
    progress = progress_of(document, file, file.parent)
    if not is_whole(document):
        _damaged(file, "its contents are not those that its checksum was made of")
    return progress


def progress_of(document: Mapping[str, Any], file: Path, directory: Path) -> Commit:
    """A commit of the run in `directory` that `file` holds, with the paths that it has here.

    :raise RunError: it is none.
    """
    missing = [name for name in attrs.fields_dict(Commit) if name not in document and name not in _NEWER]
    if missing:
        _damaged(file, f"{', '.join(missing)} missing")
    try:
        progress = validated(dict(document), Commit)
    except InvalidValue as error:
        _damaged(file, str(error))
    _check(progress, file)
    found = tuple(evolve(result, model_path=model_path(directory, result.bucket)) for result in progress.results)
    return evolve(progress, results=found)


def _check(progress: Commit, file: Path) -> None:
    """What becomes a path or a count is one.

    :raise RunError: it is not.
    """
    named = [*progress.versions, *(result.bucket for result in progress.results)]
    refuse_odd_names([*named, progress.bucket] if progress.bucket is not None else named, str(file))
    if progress.checkpoint is not None and not _CHECKPOINT.fullmatch(progress.checkpoint):
        _damaged(file, f"checkpoint is {show(progress.checkpoint)}, expected a name like Swing-000012.safetensors")
    for bucket, version in progress.versions.items():
        if version < 1:
            _damaged(file, f"versions[{show(bucket)}] is {version}, expected 1 or more")
    for name, length in progress.lengths.items():
        if length < 0:
            _damaged(file, f"lengths[{show(name)}] is {length}, expected 0 or more")
    sizes = [progress.halved_to, *(result.halved_to for result in progress.results)]
    if any(each is not None and min(each.parallel_episodes, each.batch_size) < 1 for each in sizes):
        _damaged(file, f"halved_to is {show(sizes)}, expected sizes of 1 or more")
    for count in (progress.episode, *(result.episodes for result in progress.results)):
        if not 0 <= count <= MOST_EPISODES:
            _damaged(file, f"{count} episodes, expected 0 to {MOST_EPISODES}")


def _damaged(file: Path, why: str) -> NoReturn:
    raise RunError(f"{file}: damaged ({why})")


def refuse_odd_names(names: Iterable[str], where: str) -> None:
    """Names become directories: hold them against the rule.

    :raise RunError: one is no name of a bucket.
    """
    for name in names:
        if not is_name(name):
            raise RunError(f"{where}: {show(name)} is no name of a bucket, expected {NAME_RULE}")


def model_path(directory: Path, bucket: str) -> Path:
    """Where the newest model of a finished bucket is, wherever the run was moved to."""
    return directory / "models" / bucket / "model.safetensors"


@frozen(kw_only=True)
class _Data:
    file: str | None
    sha256: str = ""


@frozen(kw_only=True)
class _Change:
    """A setting that was changed when the run was gone on with, and where it stood then."""

    when: str
    key: str
    old: Any
    new: Any
    bucket: str | None = None
    episode: int = 0


@frozen(kw_only=True)
class _Parent:
    """The run that this one was forked from, and where that one stood then."""

    run: str
    bucket: str | None = None
    episode: int = 0


@frozen(kw_only=True)
class _Manifest:
    """What this program reads of a manifest, and of what type it is."""

    started: str
    sequence: tuple[str, ...]
    device: str = "auto"
    data: _Data = _Data(file=None)
    teachers: tuple[tuple[str, ...], ...] = ()
    scratch_arms: bool = False
    find_order: bool = False
    isolate: bool = False
    changes: tuple[_Change, ...] = ()
    changing: dict[str, Any] | None = None
    parent: _Parent | None = None
    hooks: dict[str, tuple[str, ...]] = field(factory=dict)


def read_manifest(directory: Path) -> dict[str, Any]:
    """What the run in `directory` was begun on.

    :raise RunError: it is not what this program writes.
    """
    file = directory / "manifest.json"
    manifest = read_json(file)
    try:
        known = validated(manifest, _Manifest)
    except InvalidValue as error:
        raise RunError(f"{file}: damaged ({error})") from None
    try:
        Device().check(known.device)
    except Refused:
        _damaged(file, f"device is {show(known.device)}, expected {Device().allowed}")
    for position, teacher in enumerate(known.teachers):
        if len(teacher) != 2 or "\0" in teacher[0]:
            _damaged(file, f"teachers[{position}] is {show(teacher)}, expected a run's directory and a bucket")
    refuse_odd_names([*known.sequence, *(bucket for _, bucket in known.teachers)], str(file))
    return {**asdict(known), **manifest}


def read_json(path: Path) -> dict[str, Any]:
    """A file that holds one JSON object.

    :raise RunError: it is missing, or holds something else.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RunError(f"{path}: {path.stat().st_size:,} bytes, and a run's document has {MOST_BYTES:,} at most")
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{path}: missing; this run cannot be read") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(value, dict):
        raise RunError(f"{path}: not a JSON object")
    return value


def finished_results(directory: Path) -> tuple[BucketResult, ...]:
    """The results of the run at `directory`.

    :raise RunError: no bucket of it is finished.
    """
    results = read_progress(directory).results
    if not results:
        raise RunError(f"{directory}: no bucket of this run is finished yet; go on with --resume --run-dir {directory}")
    return results


def read_json_lines(path: Path, kind: type) -> list[dict[str, Any]]:
    """The lines of a run's metrics or ledger; none where nothing was written. A torn last line is left out.

    :param kind: the record whose fields every line must hold.
    :raise RunError: one does not.
    """
    try:
        lines = path.read_bytes().split(b"\n")  # nothing else parts lines: a text may hold what `splitlines` splits at
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error
    if not lines[-1]:
        del lines[-1]
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            if number < len(lines):
                raise RunError(f"{path}, line {number}: not valid JSON ({error})") from error
            break
        try:
            validated(found[-1], kind)
        except InvalidValue as error:
            raise RunError(f"{path}, line {number}: damaged ({error})") from None
    return found
