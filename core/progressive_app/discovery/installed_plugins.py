"""The catalogue of what is installed, and of the objects that a program brought along."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from sys import modules
from typing import TypeVar

from progressive_app.discovery.entry_points import Found, discover
from progressive_app.discovery.examination import (
    check_api,
    check_bucket_object,
    check_observer,
    check_plugin_object,
    check_transfer_object,
    is_observer,
)
from progressive_app.machine.loading import without_collecting
from progressive_app.machine.watchdog import watched
from progressive_core import PROGRAM
from progressive_core.contract.catalogue import THIS_PROCESS, Kind, LoadedPlugin, PluginRecord
from progressive_core.contract.errors import PluginError
from progressive_core.contract.protocols import Bucket
from progressive_core.contract.records import PHASES
from progressive_core.plugins.blame import Policy, call_plugin, describe_error
from progressive_core.plugins.manager import Manager
from progressive_core.plugins.registry import Registry

T = TypeVar("T")


def installed_registry(
    choices: Sequence[str] = (),
    transfer_order: Sequence[str] | None = None,
    policy: Policy = "stop",
    manager: Manager | None = None,
    *,
    installed: bool = True,
) -> Registry:
    """The registry of what is installed and of the manager's objects; the other parameters are those of `Registry`.

    :param installed: whether what is installed is used, beside the manager's objects.
    :raise PluginError: as `Registry` does.
    """
    manager = manager or Manager()
    found, unreadable = discover() if installed else ([], [])
    found += [_found_object(name, plugin) for name, plugin in manager.objects.items()]
    return Registry(InstalledPlugins(found, unreadable), manager, choices, transfer_order, policy)


class InstalledPlugins:
    """Implements `progressive_core.contract.catalogue.Catalogue`."""

    check_observer = staticmethod(check_observer)

    def __init__(self, found: Sequence[Found], unreadable: Sequence[str] = ()) -> None:
        self.records = [record for record, _ in found]
        self.unreadable = unreadable
        self._loaders = {(record.kind, record.name): load for record, load in found}

    def load(self, record: PluginRecord) -> LoadedPlugin:
        """Import and examine a strategy or plugin."""
        plugin = self.import_object(record)
        examine = _examined_strategy if record.kind == "transfer" else _examined_plugin
        return _examined(record, partial(examine, plugin, record.owner))

    def load_bucket(self, record: PluginRecord) -> Bucket:
        """Import and examine a bucket."""
        bucket = self.import_object(record)
        return _examined(record, partial(check_bucket_object, bucket, record.owner, expected_name=record.name))

    def import_object(self, record: PluginRecord) -> object:
        """Import what an entry point names; of what it is, only the API version that it needs is examined.

        :raise PluginError: it cannot be imported, or needs a newer version.
        """
        try:
            with watched(f"{record.owner}: its import"):
                load = self._loaders[record.kind, record.name]
                with without_collecting():  # a bucket brings torch and pandas along
                    loaded: object = call_plugin(record.owner, f"cannot be imported from {record.value!r}", load)
        except PluginError as error:
            missing = error.__cause__.name if isinstance(error.__cause__, ImportError) else None
            if missing == "progressive_training":
                raise PluginError(f"{error}: it may need a newer version than {version(PROGRAM)}") from error.__cause__
            raise
        for holder in (loaded, modules.get(record.value.partition(":")[0].strip())):
            _examined(record, partial(check_api, holder, record.owner))
        return loaded


def _found_object(name: str, plugin: object) -> Found:
    """An object of this process: a bucket if it can be opened, a strategy if it has the hook `transfer`."""
    strategy = hasattr(plugin, "transfer") and not is_observer(plugin)
    kind: Kind = "bucket" if hasattr(plugin, "open") else "transfer" if strategy else "plugin"
    holder = plugin if inspect.ismodule(plugin) else type(plugin)
    module = getattr(holder, "__module__", holder.__name__)
    record = PluginRecord(name=name, kind=kind, distribution=THIS_PROCESS, version="", value=module)
    return record, lambda: plugin


def _examined_strategy(plugin: object, owner: str) -> LoadedPlugin:
    return LoadedPlugin(
        plugin=plugin,
        hooks=check_transfer_object(plugin, owner),
        opt_in=bool(getattr(plugin, "opt_in", False)),
        phases=getattr(plugin, "phases", PHASES),
        memory_needed=getattr(plugin, "memory_needed", None),
        alpha_setting=getattr(plugin, "alpha_setting", None),
    )


def _examined_plugin(plugin: object, owner: str) -> LoadedPlugin:
    hooks = check_plugin_object(plugin, owner)
    return LoadedPlugin(plugin=plugin, hooks=hooks, opt_in=bool(getattr(plugin, "opt_in", False)))


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
