"""Finds the installed buckets, transfer strategies and plugins, checks them, and puts them in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from sys import modules
from typing import TypeVar, cast

import structlog
from attrs import evolve

from progressive_core import PROGRAM
from progressive_core.contract.errors import PluginError
from progressive_core.contract.protocols import Bucket
from progressive_core.plugins.blame import Policy, call_plugin, describe_error, how_to_disable
from progressive_core.plugins.discovery import (
    GROUPS,
    Kind,
    PluginRecord,
    clash,
    discover,
    found_object,
)
from progressive_core.plugins.manager import Manager
from progressive_core.plugins.order import call_order, parse_choices, unknown
from progressive_core.plugins.validation import (
    check_api,
    check_bucket_object,
    check_observer,
    check_plugin_object,
    check_transfer_object,
)
from progressive_core.plugins.watchdog import watched

T = TypeVar("T")
log = structlog.get_logger("progressive_training")

_CHECKS: dict[Kind, Callable[[object, str], tuple[str, ...]]] = {
    "transfer": check_transfer_object,
    "plugin": check_plugin_object,
}


class Registry:
    """The enabled plugins of one trainer, in the configured order.

    :param choices: "NAME" or "no:NAME", a later one winning. "no:NAME" keeps a plugin from being imported. "NAME" asks
        for one that is off unless named (`opt_in = True` on it).
    :param transfer_order: strategies in the order they are asked; those left out follow by name.
    :param policy: what becomes of a strategy or plugin that cannot be used, or whose name is ambiguous: an error (stop), or
        a line in the log, and the rest goes on without it (disable, warn).
    :param manager: where the plugins are registered; what an earlier registry registered there is unregistered.
    :param installed: whether what is installed is used, beside the manager's objects.
    :raise PluginError: a name in `choices` or `transfer_order` is unknown, or the policy is to stop.

    Plugins are called by name, those named in `choices` after them in the order they are named there, so that what
    a user asks for has the last word. Strategies come before plugins.
    """

    def __init__(
        self,
        choices: Sequence[str] = (),
        transfer_order: Sequence[str] | None = None,
        policy: Policy = "stop",
        manager: Manager | None = None,
        *,
        installed: bool = True,
    ) -> None:
        self.manager = manager or Manager()
        found, unreadable = discover() if installed else ([], [])
        found += [found_object(name, plugin) for name, plugin in self.manager.objects.items()]
        self._policy = policy
        self.left_out: list[str] = []
        """Why each plugin is missing that cannot be used; `Hooks` logs it, when the run has its log."""
        for reason in unreadable:
            self._apply_error_policy(PluginError(reason))
        self._found = {record.name: (record, load) for record, load in found}
        wanted = parse_choices((*self.manager.objects, *choices), self._found)
        order = tuple(transfer_order or ())
        for name in order:
            if name not in self._names("transfer"):
                raise PluginError(unknown("transfer", name, self._names("transfer"), "TRANSFERS"))
        self._objects: dict[str, object] = {}
        self.loaded: dict[str, object | None] = {}
        """Every strategy and plugin that was imported; one that is off unless named declares its settings all the same."""
        self._records: dict[str, PluginRecord] = {}
        self._unusable: dict[str, str] = {}
        self.manager.forget_run()
        for name, on in wanted.items():
            if not on:
                self.manager.block(name)
        for name in call_order(found, order, wanted):
            record, load = self._found[name]
            try:
                if self.manager.is_blocked(name):
                    self._records[name] = evolve(record, enabled=False, reason=f"disabled by 'no:{name}'")
                    continue
                if reason := clash(name, found):
                    raise PluginError(reason)
                self._records[name], plugin = _loaded(record, load, named=name in wanted)
                self.loaded[name] = plugin
                if self._records[name].enabled and plugin is not None:
                    self._refuse_twin(record, plugin)
                    call_plugin(record.owner, "cannot be registered", self.manager.admit, name, plugin)
                    self._objects[name] = plugin
            except PluginError as error:
                self._leave_out(record, error)
        for name in self.manager.strangers():
            check_observer(self.manager.get_plugin(name), f"plugin {name!r} (registered by this process)")

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
            raise PluginError(unknown("bucket", name, self.bucket_names, named_in))
        if not record.enabled:
            raise PluginError(f"{record.owner} is disabled by 'no:{name}': take that away, or leave the bucket out")
        return _load_bucket(record, self._found[name][1])

    def plugin(self, name: str) -> object:
        """The enabled strategy or plugin of that name."""
        return self._objects[name]

    def describe(self, name: str) -> str:
        """A plugin with its distribution: "memory (acme 1.2)"."""
        return str(self._records[name])

    def owner(self, name: str) -> str:
        """The words an error message about this plugin begins with."""
        return self._records[name].owner

    def way_on(self, *names: str) -> str:
        """How to run without plugins that failed, to follow a message; nothing for objects of this process."""
        brought = names and all(name not in self._found or name in self.manager.objects for name in names)
        return "" if brought else f" {how_to_disable(*names)}"

    @classmethod
    def survey(
        cls, choices: Sequence[str] = (), transfer_order: Sequence[str] | None = None
    ) -> tuple[PluginRecord, ...]:
        """Everything installed, for a listing: a broken plugin is a disabled record with its reason, not an error.

        Every bucket and feature is loaded as well, unless disabled.

        :raise PluginError: a name in `choices` is unknown.
        """
        found, unreadable = discover()
        for reason in unreadable:
            log.warning("a package is passed over", reason=reason)
        strategies = {record.name for record, _ in found if record.kind == "transfer"}
        registry = cls(choices, [name for name in transfer_order or () if name in strategies], "warn")
        surveyed = []
        for record in registry.records:
            if record.enabled and record.kind in ("bucket", "feature"):
                try:
                    _ = (
                        registry.bucket(record.name)
                        if record.kind == "bucket"
                        else _load(*registry._found[record.name])
                    )
                except PluginError as error:
                    surveyed.append(evolve(record, enabled=False, reason=str(error)))
                    continue
            holders = [holder for holder, _ in found if holder.name == record.name]
            alone = len(holders) == 1
            surveyed += [record] if alone else [evolve(each, enabled=False, reason=record.reason) for each in holders]
        return tuple(sorted(surveyed, key=lambda record: list(GROUPS).index(record.kind)))

    def _names(self, kind: Kind) -> tuple[str, ...]:
        return tuple(name for name, (record, _) in self._found.items() if record.kind == kind)

    def _leave_out(self, record: PluginRecord, error: PluginError) -> None:
        """Go on without a plugin that cannot be used, if that is the policy.

        :raise PluginError: it is not.
        """
        self._apply_error_policy(error, record.name)
        self._unusable[record.name] = str(error)
        self._records[record.name] = evolve(record, hooks=(), enabled=False, reason=str(error))

    def _apply_error_policy(self, error: PluginError, *names: str) -> None:
        if self._policy == "stop":
            raise PluginError(f"{error}{self.way_on(*names)}") from error.__cause__
        self.left_out.append(str(error))

    def _refuse_twin(self, record: PluginRecord, plugin: object) -> None:
        """One object under two names could not be disabled by either of them."""
        for other, held in self._objects.items():
            if held is plugin:
                raise PluginError(
                    f"{record.owner}: its entry point leads to the same object as that of {self.describe(other)}: "
                    "keep one entry point, or give each an instance of its own"
                )


def _loaded(record: PluginRecord, load: Callable[[], object], *, named: bool) -> tuple[PluginRecord, object | None]:
    """The record with its hooks, and the loaded object; a bucket or a feature is not imported here."""
    if record.kind in ("bucket", "feature"):
        return record, None
    plugin = _load(record, load)
    hooks = _examined(record, partial(_CHECKS[record.kind], plugin, record.owner))
    if _examined(record, partial(getattr, plugin, "opt_in", False)) and not named:
        return evolve(record, hooks=hooks, enabled=False, reason=f"off unless named: -p {record.name}"), plugin
    return evolve(record, hooks=hooks), plugin


def _load(record: PluginRecord, load: Callable[[], object]) -> object:
    try:
        with watched(f"{record.owner}: its import"):
            loaded: object = call_plugin(record.owner, f"cannot be imported from {record.value!r}", load)
    except PluginError as error:
        missing = error.__cause__.name if isinstance(error.__cause__, ImportError) else None
        if missing == "progressive_training":
            raise PluginError(f"{error}: it may need a newer version than {version(PROGRAM)}") from error.__cause__
        raise
    for holder in (loaded, modules.get(record.value.partition(":")[0].strip())):
        _examined(record, partial(check_api, holder, record.owner))
    return loaded


def _load_bucket(record: PluginRecord, load: Callable[[], object]) -> Bucket:
    bucket = _load(record, load)
    return _examined(record, partial(check_bucket_object, bucket, record.owner, expected_name=record.name))


def installed_bucket(name: str) -> Bucket:
    """Load an installed bucket, and no other plugin.

    :raise PluginError: there is none of this name, or it cannot be used.
    """
    found, _ = discover()
    named = [(record, load) for record, load in found if record.kind == "bucket" and record.name == name]
    if reason := clash(name, found) if named else unknown("bucket", name, (), "the card of a model"):
        raise PluginError(reason)
    return _load_bucket(*named[0])


def installed_features(choices: Sequence[str]) -> list[tuple[PluginRecord, Callable[..., object]]]:
    """Load the installed feature functions, by name, but for those that a "no:NAME" in `choices` disables.

    :raise PluginError: one cannot be imported, is no function, or its name is ambiguous.
    """
    found, _ = discover()
    wanted = {choice.removeprefix("no:"): not choice.startswith("no:") for choice in choices}
    features = []
    for record, load in found:
        if record.kind == "feature" and wanted.get(record.name, True):
            function = _load(record, load)
            if reason := clash(record.name, found) or ("" if callable(function) else f"{record.owner} is no function"):
                raise PluginError(reason)
            features.append((record, cast("Callable[..., object]", function)))
    return features


def _examined(record: PluginRecord, look: Callable[[], T]) -> T:
    """What a look at a plugin's object finds; the object may fail under it in ways of its own.

    :raise PluginError: it did, or breaks the contract.
    """
    try:
        return look()
    except (PluginError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise PluginError(f"{record.owner} cannot be examined: {describe_error(error)}") from error
