"""Finds the installed buckets, transfer strategies and plugins, checks them, and puts them in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Literal

import pluggy
from attrs import evolve, frozen

from progressive_core.bucket import Bucket
from progressive_core.contract import check_bucket_object, check_observer_object, check_transfer_object, new_manager
from progressive_core.errors import PluginError
from progressive_core.suggest import did_you_mean

Kind = Literal["bucket", "transfer", "plugin"]
GROUPS: dict[Kind, str] = {
    "bucket": "progressive_training.buckets",
    "transfer": "progressive_training.transfers",
    "plugin": "progressive_training.plugins",
}
_CHECKS: dict[Kind, Callable[[object, str], tuple[str, ...]]] = {
    "transfer": check_transfer_object,
    "plugin": check_observer_object,
}


@frozen(kw_only=True)
class PluginRecord:
    """One installed bucket, strategy or plugin; `value` is what its entry point names, `reason` why it is not enabled.

    A bucket is loaded only when it is used, and has no hooks.
    """

    name: str
    kind: Kind
    distribution: str
    version: str
    value: str
    hooks: tuple[str, ...] = ()
    enabled: bool = True
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version})"

    @property
    def owner(self) -> str:
        """Whose fault it is, as an error message begins: "plugin 'memory' (acme 1.2)"."""
        return f"{self.kind} {self.name!r} ({self.distribution} {self.version})"


class Registry:
    """The enabled plugins of one trainer, in the configured order.

    :param choices: "NAME" or "no:NAME", a later one winning. "no:NAME" keeps a plugin from being imported. "NAME" asks
        for one that is off unless named (`opt_in = True` on it).
    :param transfer_order: strategies in the order they are asked; those left out follow by name.
    :raise PluginError: a name is unknown or ambiguous, or an enabled strategy or plugin cannot be used.

    Plugins are called by name, those named in `choices` after them in the order they are named there, so that what
    a user asks for has the last word. Strategies come before plugins.
    """

    def __init__(self, choices: Sequence[str] = (), transfer_order: Sequence[str] | None = None) -> None:
        found = _discover()
        self._entries = {record.name: (record, entry) for record, entry in found}
        wanted = _parse(choices, self._entries)
        for name in self._entries:
            clash = _clash(name, found)
            if clash and wanted.get(name) is not False:
                raise PluginError(clash)
        order = tuple(transfer_order or ())
        for name in order:
            if name not in self._names("transfer"):
                raise PluginError(_unknown("transfer", name, self._names("transfer"), "TRANSFERS"))
        self._objects: dict[str, object] = {}
        self._records: dict[str, PluginRecord] = {}
        self.manager: pluggy.PluginManager = new_manager()
        for name in _call_order(found, order, wanted):
            record, entry = self._entries[name]
            self._records[name], plugin = _admit(record, entry, wanted)
            if self._records[name].enabled and plugin is not None:
                self._refuse_twin(name, plugin)
                self._objects[name] = plugin
        # pluggy calls what was registered last first.
        for name in reversed(list(self._objects)):
            self.manager.register(self._objects[name], name=name)

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
        found = _discover()
        known = {record.name: (record, entry) for record, entry in found}
        wanted = _parse(choices, known)
        clashes = {record.name: _clash(record.name, found) for record, _ in found}
        surveyed = []
        for name in _call_order(found, tuple(transfer_order or ()), wanted):
            for record, entry in found:
                if record.name != name:
                    continue
                if wanted.get(name) is not False and clashes[name]:
                    surveyed.append(evolve(record, enabled=False, reason=clashes[name]))
                    continue
                try:
                    admitted, _ = _admit(record, entry, wanted)
                    if admitted.enabled and admitted.kind == "bucket":
                        _load_bucket(admitted, entry)
                except PluginError as error:
                    admitted = evolve(record, enabled=False, reason=str(error))
                surveyed.append(admitted)
        return tuple(sorted(surveyed, key=lambda record: list(GROUPS).index(record.kind)))

    def _names(self, kind: Kind) -> tuple[str, ...]:
        return tuple(name for name, (record, _) in self._entries.items() if record.kind == kind)

    def _refuse_twin(self, name: str, plugin: object) -> None:
        """One object under two names could not be disabled by either of them."""
        for other, held in self._objects.items():
            if held is plugin:
                raise PluginError(
                    f"{self.owner(name)}: its entry point leads to the same object as that of {self.describe(other)}: "
                    "keep one entry point, or give each an instance of its own"
                )


def _discover() -> list[tuple[PluginRecord, EntryPoint]]:
    """Every entry point of the three groups, by name; nothing is imported."""
    found = []
    for kind, group in GROUPS.items():
        for entry in entry_points(group=group):
            distribution, version = (entry.dist.name, entry.dist.version) if entry.dist else ("unknown", "?")
            record = PluginRecord(
                name=entry.name, kind=kind, distribution=distribution, version=version, value=entry.value
            )
            found.append((record, entry))
    return sorted(found, key=lambda pair: (pair[0].name, pair[0].distribution))


def _clash(name: str, found: Iterable[tuple[PluginRecord, EntryPoint]]) -> str:
    """Why a name is ambiguous, or nothing. A name must be one over all groups: it is also the name that disables."""
    holders = [record for record, _ in found if record.name == name]
    if len(holders) < 2:
        return ""
    listed = " and ".join(
        f"{holder.kind} {holder.value!r} of {holder.distribution} {holder.version}" for holder in holders
    )
    return (
        f"the name {name!r} is taken twice: {listed}. Uninstall one, or rename its entry point; -p no:{name} drops both"
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
    hooks = _CHECKS[record.kind](plugin, record.owner)
    if getattr(plugin, "opt_in", False) and not choice:
        return evolve(record, hooks=hooks, enabled=False, reason=f"off unless named: -p {record.name}"), None
    return evolve(record, hooks=hooks), plugin


def _load(record: PluginRecord, entry: EntryPoint) -> object:
    try:
        loaded: object = entry.load()
    except Exception as error:
        raise PluginError(
            f"{record.owner} cannot be imported from {record.value!r}: {type(error).__name__}: {error}. "
            f"Mend or update {record.distribution}, or go on without: -p no:{record.name}"
        ) from error
    return loaded


def _load_bucket(record: PluginRecord, entry: EntryPoint) -> Bucket:
    return check_bucket_object(_load(record, entry), record.owner, expected_name=record.name)
