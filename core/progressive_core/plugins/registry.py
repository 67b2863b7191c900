"""Finds the installed buckets, transfer strategies and plugins, checks them, and puts them in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.metadata import EntryPoint, version
from sys import modules
from typing import TypeVar

import pluggy
import structlog
from attrs import evolve

from progressive_core import PROGRAM
from progressive_core.contract.errors import PluginError
from progressive_core.contract.protocols import Bucket
from progressive_core.contract.suggest import did_you_mean
from progressive_core.plugins.blame import Policy, blamed, told, without
from progressive_core.plugins.discovery import GROUPS, Kind, PluginRecord, clash, discover
from progressive_core.plugins.validation import (
    check_api,
    check_bucket_object,
    check_observer_object,
    check_transfer_object,
    new_manager,
)
from progressive_core.plugins.watchdog import watched

T = TypeVar("T")
log = structlog.get_logger("progressive_training")

_CHECKS: dict[Kind, Callable[[object, str], tuple[str, ...]]] = {
    "transfer": check_transfer_object,
    "plugin": check_observer_object,
}


class Registry:
    """The enabled plugins of one trainer, in the configured order.

    :param choices: "NAME" or "no:NAME", a later one winning. "no:NAME" keeps a plugin from being imported. "NAME" asks
        for one that is off unless named (`opt_in = True` on it).
    :param transfer_order: strategies in the order they are asked; those left out follow by name.
    :param policy: what becomes of a strategy or plugin that cannot be used, or whose name is ambiguous: an error (stop), or
        a line in the log, and the rest goes on without it (disable, warn).
    :raise PluginError: a name in `choices` or `transfer_order` is unknown, or the policy is to stop.

    Plugins are called by name, those named in `choices` after them in the order they are named there, so that what
    a user asks for has the last word. Strategies come before plugins.
    """

    def __init__(
        self, choices: Sequence[str] = (), transfer_order: Sequence[str] | None = None, policy: Policy = "stop"
    ) -> None:
        found, unreadable = discover()
        self._policy = policy
        self.left_out: list[str] = []
        """Why each plugin is missing that cannot be used; `Hooks` tells it, where the run's log hears it too."""
        for reason in unreadable:
            self._outlast(PluginError(reason))
        self._entries = {record.name: (record, entry) for record, entry in found}
        wanted = _parse(choices, self._entries)
        order = tuple(transfer_order or ())
        for name in order:
            if name not in self._names("transfer"):
                raise PluginError(_unknown("transfer", name, self._names("transfer"), "TRANSFERS"))
        self._objects: dict[str, object] = {}
        self._records: dict[str, PluginRecord] = {}
        self._unusable: dict[str, str] = {}
        self.manager: pluggy.PluginManager = new_manager()
        for name in _call_order(found, order, wanted):
            record, entry = self._entries[name]
            try:
                if wanted.get(name) is not False and (reason := clash(name, found)):
                    raise PluginError(reason)
                self._records[name], plugin = _admit(record, entry, wanted)
                if self._records[name].enabled and plugin is not None:
                    self._refuse_twin(record, plugin)
                    self._objects[name] = plugin
            except PluginError as error:
                self._leave_out(record, error)
        # pluggy calls what was registered last first.
        for name in reversed(list(self._objects)):
            record, plugin = self._records[name], self._objects[name]
            try:
                blamed(record.owner, "cannot be registered", partial(self.manager.register, plugin, name=name))
            except PluginError as error:
                del self._objects[name]
                self._leave_out(record, error)

    @property
    def records(self) -> tuple[PluginRecord, ...]:
        """Everything installed: buckets, strategies, plugins, each in the order they are called."""
        return tuple(sorted(self._records.values(), key=lambda record: list(GROUPS).index(record.kind)))

    @property
    def bucket_names(self) -> tuple[str, ...]:
        """The enabled buckets, by name."""
        return tuple(record.name for record in self.records if record.kind == "bucket" and record.enabled)

    @property
    def transfers(self) -> tuple[str, ...]:
        """The enabled transfer strategies, in the order they are asked."""
        return tuple(record.name for record in self.records if record.kind == "transfer" and record.enabled)

    @property
    def plugins(self) -> tuple[str, ...]:
        """The enabled strategies and plugins, in the order they are called."""
        return tuple(self._objects)

    def bucket(self, name: str, named_in: str = "the sequence") -> Bucket:
        """Load a bucket.

        :param named_in: where a user wrote the name, for an error.
        :raise PluginError: there is no such bucket, it is disabled, or it cannot be used.
        """
        if name in self._unusable:
            raise PluginError(self._unusable[name])
        record = self._records.get(name)
        if record is None or record.kind != "bucket":
            raise PluginError(_unknown("bucket", name, self.bucket_names, named_in))
        if not record.enabled:
            raise PluginError(f"{record.owner} is disabled by 'no:{name}': take that away, or leave the bucket out")
        return _load_bucket(record, self._entries[name][1])

    def plugin(self, name: str) -> object:
        """The enabled strategy or plugin of that name."""
        return self._objects[name]

    def describe(self, name: str) -> str:
        """A plugin with its distribution: "memory (acme 1.2)"."""
        return str(self._records[name])

    def owner(self, name: str) -> str:
        """The words an error message about this plugin begins with."""
        return self._records[name].owner

    @classmethod
    def survey(
        cls, choices: Sequence[str] = (), transfer_order: Sequence[str] | None = None
    ) -> tuple[PluginRecord, ...]:
        """Everything installed, for a listing: a broken plugin is a disabled record with its reason, not an error.

        Every bucket is loaded as well, unless disabled.

        :raise PluginError: a name in `choices` is unknown.
        """
        found, unreadable = discover()
        for reason in unreadable:
            log.warning("a package is passed over", reason=reason)
        strategies = {record.name for record, _ in found if record.kind == "transfer"}
        registry = cls(choices, [name for name in transfer_order or () if name in strategies], "warn")
        surveyed = []
        for record in registry.records:
            if record.enabled and record.kind == "bucket":
                try:
                    registry.bucket(record.name)
                except PluginError as error:
                    surveyed.append(evolve(record, enabled=False, reason=str(error)))
                    continue
            holders = [holder for holder, _ in found if holder.name == record.name]
            alone = len(holders) == 1
            surveyed += [record] if alone else [evolve(each, enabled=False, reason=record.reason) for each in holders]
        return tuple(sorted(surveyed, key=lambda record: list(GROUPS).index(record.kind)))

    def _names(self, kind: Kind) -> tuple[str, ...]:
        return tuple(name for name, (record, _) in self._entries.items() if record.kind == kind)

    def _leave_out(self, record: PluginRecord, error: PluginError) -> None:
        """Go on without a plugin that cannot be used, if that is the policy.

        :raise PluginError: it is not.
        """
        self._outlast(error, record.name)
        self._unusable[record.name] = str(error)
        self._records[record.name] = evolve(record, hooks=(), enabled=False, reason=str(error))

    def _outlast(self, error: PluginError, *names: str) -> None:
        if self._policy == "stop":
            raise PluginError(f"{error} {without(*names)}") from error.__cause__
        self.left_out.append(str(error))

    def _refuse_twin(self, record: PluginRecord, plugin: object) -> None:
        """One object under two names could not be disabled by either of them."""
        for other, held in self._objects.items():
            if held is plugin:
                raise PluginError(
                    f"{record.owner}: its entry point leads to the same object as that of {self.describe(other)}: "
                    "keep one entry point, or give each an instance of its own"
                )


def _parse(choices: Sequence[str], known: Iterable[str]) -> dict[str, bool]:
    """Name -> wanted or not, in the order in which the names were last given."""
    wanted: dict[str, bool] = {}
    for choice in choices:
        name = choice.removeprefix("no:")
        if name not in known:
            raise PluginError(_unknown("plugin", name, known, f"{choice!r}"))
        wanted.pop(name, None)
        wanted[name] = name == choice
    return wanted


def _unknown(kind: str, name: str, known: Iterable[str], where: str) -> str:
    listed = ", ".join(known) or "none"
    return f"no {kind} {name!r} is installed (named in {where}).{did_you_mean(name, known)} Known: {listed}"


def _call_order(
    found: Sequence[tuple[PluginRecord, EntryPoint]], transfer_order: Sequence[str], wanted: dict[str, bool]
) -> list[str]:
    """Names without repetition, in the order they are called: buckets, strategies, plugins."""
    kinds = {record.name: record.kind for record, _ in found}
    named = [name for name, on in wanted.items() if on]

    def rank(name: str) -> tuple[int, int, str]:
        kind = kinds[name]
        position = 0
        if kind == "transfer":
            position = transfer_order.index(name) if name in transfer_order else len(transfer_order)
        elif kind == "plugin" and name in named:
            position = 1 + named.index(name)
        return list(GROUPS).index(kind), position, name

    return sorted(kinds, key=rank)


def _admit(record: PluginRecord, entry: EntryPoint, wanted: dict[str, bool]) -> tuple[PluginRecord, object | None]:
    """The record with its hooks, and the loaded object; a bucket, or what is disabled, is not imported here."""
    choice = wanted.get(record.name)
    if choice is False:
        return evolve(record, enabled=False, reason=f"disabled by 'no:{record.name}'"), None
    if record.kind == "bucket":
        return record, None
    plugin = _load(record, entry)
    hooks = _examined(record, partial(_CHECKS[record.kind], plugin, record.owner))
    if _examined(record, partial(getattr, plugin, "opt_in", False)) and not choice:
        return evolve(record, hooks=hooks, enabled=False, reason=f"off unless named: -p {record.name}"), None
    return evolve(record, hooks=hooks), plugin


def _load(record: PluginRecord, entry: EntryPoint) -> object:
    try:
        with watched(f"{record.owner}: its import"):
            loaded: object = blamed(record.owner, f"cannot be imported from {record.value!r}", entry.load)
    except PluginError as error:
        missing = error.__cause__.name if isinstance(error.__cause__, ImportError) else None
        if missing == "progressive_training":
            raise PluginError(f"{error}: it may need a newer version than {version(PROGRAM)}") from error.__cause__
        raise
    for holder in (loaded, modules.get(entry.module)):
        _examined(record, partial(check_api, holder, record.owner))
    return loaded


def _load_bucket(record: PluginRecord, entry: EntryPoint) -> Bucket:
    bucket = _load(record, entry)
    return _examined(record, partial(check_bucket_object, bucket, record.owner, expected_name=record.name))


def _examined(record: PluginRecord, look: Callable[[], T]) -> T:
    """What a look at a plugin's object finds; the object may fail under it in ways of its own.

    :raise PluginError: it did, or breaks the contract.
    """
    try:
        return look()
    except (PluginError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise PluginError(f"{record.owner} cannot be examined: {told(error)}") from error
