"""`config.json` and `manifest.json` of a run: what it was begun with and on, and what was asked for since."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from attrs import asdict, field, frozen

from progressive_app.config.app_settings import SEQUENCE, Device
from progressive_app.config.stages import BucketStages, flat
from progressive_app.machine.environment import Environment
from progressive_app.quoting import show
from progressive_app.store.atomic_files import write_json, writes
from progressive_app.store.containment import check_is_own_file
from progressive_app.store.documents import read_json
from progressive_app.store.progress import STATE, damaged, refuse_odd_names
from progressive_app.store.validated import InvalidValue, validated
from progressive_core.contract.errors import RunError
from progressive_core.contract.kinds import Refused
from progressive_core.contract.setting import as_settings

MANIFEST = "manifest.json"
Flag = Literal["scratch_arms", "isolate", "find_order"]
"""What may be asked for when a run is begun or resumed: the buckets that were taught trained again without transfer, each
bucket in a process of its own, and the order of the sequence still to be found."""


@frozen(kw_only=True)
class Teacher:
    """A finished model of another run that teaches in this one.

    `run` is that run's directory, or the file of a model that lies in none, and `bucket` whose model it is. `pupil`, `forced` and
    `seen_until` are those of `Knowledge`. `name` is what it is called here, like "eth/Medium".
    """

    run: str
    bucket: str
    pupil: str | None = None
    forced: bool = False
    name: str = ""
    seen_until: str = ""


@frozen(kw_only=True)
class _InputFile:
    file: str
    sha256: str = ""
    bytes: int | None = None
    moved_from: tuple[str, ...] = ()


@frozen(kw_only=True)
class _Change:
    """A setting that was changed when the run was resumed, and the bucket and episode it was at."""

    when: str
    key: str
    old: Any
    new: Any
    bucket: str | None = None
    episode: int = 0


@frozen(kw_only=True)
class _Parent:
    """The run that this one was forked from, and the bucket and episode it was at."""

    run: str
    bucket: str | None = None
    episode: int = 0


@frozen(kw_only=True)
class TrainedIn(Environment):
    """An environment that a run trained in: `since` which time, and from which bucket and episode on."""

    since: str
    bucket: str | None = None
    episode: int = 0


@frozen(kw_only=True)
class _Manifest:
    """What this program reads of a manifest, with types."""

    started: str
    order: str = ""
    sequence: tuple[Any, ...]
    device: str = "auto"
    rests_on: tuple[str, ...] = ()
    inputs: dict[str, _InputFile] = field(factory=dict)
    teachers: tuple[Teacher, ...] = ()
    scratch_arms: bool = False
    find_order: bool = False
    isolate: bool = False
    changes: tuple[_Change, ...] = ()
    changing: dict[str, Any] | None = None
    parent: _Parent | None = None
    plugins: dict[str, str] = field(factory=dict)
    hooks: dict[str, tuple[str, ...]] = field(factory=dict)
    versions: dict[str, str] = field(factory=dict)
    environments: tuple[TrainedIn, ...] = ()


def read_manifest(directory: Path) -> dict[str, Any]:
    """What the run in `directory` was begun on.

    :raise RunError: it is not what this program writes.
    """
    file = directory / MANIFEST
    manifest = read_json(file)
    if isinstance(teachers := manifest.get("teachers"), list):
        manifest = {**manifest, "teachers": [_as_record(each) for each in teachers]}
    try:
        known = validated(manifest, _Manifest)
    except InvalidValue as error:
        raise RunError(f"{file}: damaged ({error})") from None
    try:
        Device().check(known.device)
    except Refused:
        damaged(file, f"device is {show(known.device)}, expected {Device().allowed}")
    for position, teacher in enumerate(known.teachers):
        if not teacher.run or "\0" in teacher.run:
            damaged(file, f"teachers[{position}].run is {show(teacher.run)}, expected a run's directory")
    try:
        sequence = flat(BucketStages().check(known.sequence))
    except Refused:
        damaged(file, f"sequence is {show(known.sequence)}, expected {BucketStages().allowed}")
    named = [name for each in known.teachers for name in (each.bucket, each.pupil) if name is not None]
    refuse_odd_names([*sequence, *named], str(file))
    return {**asdict(known), **manifest, "teachers": [asdict(each) for each in known.teachers]}


def _as_record(teacher: Any) -> Any:
    """A manifest's teacher as a record; runs of earlier versions have pairs of a run's directory and a bucket."""
    if isinstance(teacher, list) and len(teacher) == 2:
        return {"run": teacher[0], "bucket": teacher[1], "name": teacher[1]}
    return teacher


def teachers_in(manifest: Mapping[str, Any]) -> tuple[Teacher, ...]:
    """The teachers of a manifest that `read_manifest` read."""
    return tuple(Teacher(**each) for each in manifest["teachers"])


def now_in_words() -> str:
    """The time as a manifest holds it; the order of the words is that of the times."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def place_in_order(manifest: Mapping[str, Any]) -> str:
    """What sorts runs by when they were begun: the time, or what a manifest has in its place (`in_order`)."""
    return str(manifest["order"] or manifest["started"])


def in_order(directory: Path, started: str) -> dict[str, str]:
    """What the manifest of a run in `directory` that begins now is to say of its place behind all beside it.

    Nothing, unless one of them is later by its clock: the clock was set back, and theirs and a microsecond more is the `order`.
    """
    latest = started
    for state in directory.parent.glob(f"*/{STATE}"):
        if state.parent == directory:
            continue
        with suppress(RunError, ValueError, OverflowError):  # a damaged one, or one with another time, has no say
            check_is_own_file(state.with_name(MANIFEST))
            place = place_in_order(read_manifest(state.parent))
            if place >= latest:
                latest = (datetime.fromisoformat(place) + timedelta(microseconds=1)).isoformat(timespec="microseconds")
    return {} if latest == started else {"order": latest}


@frozen
class RunDocuments:
    """The two documents of the run at `directory`. They are read anew each time: another process may have changed them."""

    directory: Path

    @property
    def config(self) -> dict[str, Any]:
        """The settings that the run was begun with, or given since."""
        return read_json(self.directory / "config.json")

    @property
    def manifest(self) -> dict[str, Any]:
        """What the run was begun on: data, versions, seed, device."""
        return read_manifest(self.directory)

    def is_asked(self, flag: Flag) -> bool:
        """Whether `flag` was asked for, and is still to be done."""
        return bool(self.manifest.get(flag))

    @writes
    def ask_for(self, flag: Flag) -> None:
        """Record that `flag` is wanted, of a run that was begun without it."""
        write_json(self.directory / MANIFEST, {**self.manifest, flag: True})

    @writes
    def settle_order(self, settings: Mapping[str, Any], found: Any) -> None:
        """Record the sequence of `settings` and the curriculum that was `found`.

        The manifest, which records that the order is settled, comes last: after a kill before it, the order is found again.
        """
        write_json(self.directory / "config.json", settings)
        settled = {"sequence": list(as_settings(settings)[SEQUENCE]), "find_order": False, "curriculum": found}
        write_json(self.directory / MANIFEST, {**self.manifest, **settled})

    @writes
    def change_settings(self, settings: Mapping[str, Any], recorded: Mapping[str, Any]) -> None:
        """Replace the settings, with what is `recorded` of that in the manifest.

        The manifest holds both until the settings are in their file: a kill leaves all of it, or nothing.
        """
        write_json(self.directory / MANIFEST, {**self.manifest, **recorded, "changing": settings})
        self.finish_change()

    @writes
    def finish_change(self) -> None:
        """Complete a change of settings that a kill cut short; nothing where there is none."""
        manifest = self.manifest
        if manifest["changing"] is not None:
            write_json(self.directory / "config.json", manifest["changing"])
            write_json(self.directory / MANIFEST, {**manifest, "changing": None})
