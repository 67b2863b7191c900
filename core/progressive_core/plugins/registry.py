"""The plugins of one run: which are enabled, in which order, and which had to be left out."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from progressive_core.contract.catalogue import KINDS, Catalogue, Kind, LoadedPlugin, PluginRecord
from progressive_core.contract.errors import PluginError
from progressive_core.contract.protocols import Bucket
from progressive_core.plugins.blame import Policy, call_plugin, how_to_disable
from progressive_core.plugins.manager import Manager
from progressive_core.plugins.order import call_order, clash, parse_choices, unknown


class Registry:
    """The enabled plugins of one trainer, in the configured order.

    :param catalogue: all that there is. :param manager: where the plugins are registered; what an earlier registry registered
        there is unregistered.
    :param choices: "NAME" or "no:NAME", a later one winning. "no:NAME" keeps a plugin from being imported. "NAME" asks
        for one that is off unless named (`opt_in = True` on it).
    :param transfer_order: strategies in the order they are asked; those left out follow by name.
    :param policy: what becomes of a strategy or plugin that cannot be used, or whose name is ambiguous: an error (stop), or
        a line in the log, and the rest goes on without it (disable, warn).
    :raise PluginError: a name in `choices` or `transfer_order` is unknown, or the policy is to stop.

    Plugins are called in alphabetical order, those named in `choices` after them in the order they are named there, so that what
    a user asks for has the last word. Strategies come before plugins.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        manager: Manager,
        choices: Sequence[str] = (),
        transfer_order: Sequence[str] | None = None,
        policy: Policy = "stop",
    ) -> None:
        self.manager = manager
        self._catalogue = catalogue
        self._policy = policy
        self.left_out: list[str] = []
        """Why each plugin is missing that cannot be used; `Hooks` logs it, when the run has its log."""
        for reason in catalogue.unreadable:
            self._apply_error_policy(PluginError(reason))
        self._found = {record.name: record for record in catalogue.records}
        wanted = parse_choices((*manager.objects, *choices), self._found)
        order = tuple(transfer_order or ())
        for name in order:
            if name not in self._names("transfer"):
                raise PluginError(unknown("transfer", name, self._names("transfer"), "TRANSFERS"))
        self._enabled: dict[str, LoadedPlugin] = {}
        self.loaded: dict[str, object] = {}
        """Every strategy and plugin that was imported; one that is off unless named declares its settings all the same."""
        self._records: dict[str, PluginRecord] = {}
        self._unusable: dict[str, str] = {}
        manager.forget_run()
        for name, on in wanted.items():
            if not on:
                manager.block(name)
        for name in call_order(catalogue.records, order, wanted):
            record = self._found[name]
            try:
                self._records[name] = self._admitted(record, named=name in wanted)
            except PluginError as error:
                self._apply_error_policy(error, name)
                self._unusable[name] = str(error)
                self._records[name] = evolve(record, enabled=False, reason=str(error))
        for name in manager.strangers():
            catalogue.check_observer(manager.get_plugin(name), f"plugin {name!r} (registered by this process)")

    @property
    def records(self) -> tuple[PluginRecord, ...]:
        """Everything installed: buckets, strategies, plugins, each in the order they are called."""
        return tuple(sorted(self._records.values(), key=lambda record: KINDS.index(record.kind)))

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
        return tuple(self._enabled)

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
        return self._catalogue.load_bucket(record)

    def plugin(self, name: str) -> LoadedPlugin:
        """The enabled strategy or plugin of that name."""
        return self._enabled[name]

    def owner(self, name: str) -> str:
        """The words an error message about this plugin begins with.

        :raise PluginError: it was registered during the run, and is no observer.
        """
        if name not in self._records:
            raise PluginError(f"plugin {name!r} (registered during the run): the manager takes observers only")
        return self._records[name].owner

    def way_on(self, *names: str) -> str:
        """How to run without plugins that failed, to follow a message; nothing for objects of this process."""
        brought = names and all(name not in self._found or name in self.manager.objects for name in names)
        return "" if brought else f" {how_to_disable(*names)}"

    def _names(self, kind: Kind) -> tuple[str, ...]:
        return tuple(name for name, record in self._found.items() if record.kind == kind)

    def _admitted(self, record: PluginRecord, *, named: bool) -> PluginRecord:
        """The record with its hooks, once its plugin is registered, or why it is not enabled; what has no hooks is not
        imported here.

        :raise PluginError: it cannot be used.
        """
        name = record.name
        if self.manager.is_blocked(name):
            return evolve(record, enabled=False, reason=f"disabled by 'no:{name}'")
        if reason := clash(name, self._catalogue.records):
            raise PluginError(reason)
        if record.kind not in ("transfer", "plugin"):
            return record
        loaded = self._catalogue.load(record)
        self.loaded[name] = loaded.plugin
        record = evolve(record, hooks=loaded.hooks)
        if loaded.opt_in and not named:
            return evolve(record, enabled=False, reason=f"off unless named: -p {name}")
        self._refuse_twin(record, loaded.plugin)
        call_plugin(record.owner, "cannot be registered", self.manager.admit, name, loaded.plugin)
        self._enabled[name] = loaded
        return record

    def _apply_error_policy(self, error: PluginError, *names: str) -> None:
        """Go on without a plugin or package that cannot be used, if that is the policy.

        :raise PluginError: it is not.
        """
        if self._policy == "stop":
            raise PluginError(f"{error}{self.way_on(*names)}") from error.__cause__
        self.left_out.append(str(error))

    def _refuse_twin(self, record: PluginRecord, plugin: object) -> None:
        """One object under two names could not be disabled by either of them."""
        for other, held in self._enabled.items():
            if held.plugin is plugin:
                raise PluginError(
                    f"{record.owner}: its entry point leads to the same object as that of {self._records[other]}: "
                    "keep one entry point, or give each an instance of its own"
                )
