"""Lists what is installed, and loads single buckets and features without the plugins around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import structlog
from attrs import evolve

from progressive_app.discovery.entry_points import discover
from progressive_app.discovery.installed_plugins import InstalledPlugins
from progressive_core.contract.catalogue import KINDS, PluginRecord
from progressive_core.contract.errors import PluginError
from progressive_core.contract.protocols import Bucket
from progressive_core.plugins.manager import Manager
from progressive_core.plugins.order import clash, unknown
from progressive_core.plugins.registry import Registry

log = structlog.get_logger("progressive_training")


def survey(choices: Sequence[str] = (), transfer_order: Sequence[str] | None = None) -> tuple[PluginRecord, ...]:
    """Everything installed, for a listing: a broken plugin is a disabled record with its reason, not an error.

    Every bucket and feature is loaded as well, unless disabled.

    :raise PluginError: a name in `choices` is unknown.
    """
    found, unreadable = discover()
    for reason in unreadable:
        log.warning("a package is passed over", reason=reason)
    installed = InstalledPlugins(found)
    strategies = {record.name for record in installed.records if record.kind == "transfer"}
    order = [name for name in transfer_order or () if name in strategies]
    surveyed: list[PluginRecord] = []
    for record in Registry(installed, Manager(), choices, order, "warn").records:
        holders = [holder for holder in installed.records if holder.name == record.name]
        if len(holders) > 1:
            surveyed += [evolve(each, enabled=False, reason=record.reason) for each in holders]
        else:
            surveyed.append(_tried(installed, record))
    return tuple(sorted(surveyed, key=lambda record: KINDS.index(record.kind)))


def _tried(installed: InstalledPlugins, record: PluginRecord) -> PluginRecord:
    """The record, disabled where it is of a bucket or feature that cannot be loaded."""
    try:
        if record.enabled and record.kind == "bucket":
            installed.load_bucket(record)
        elif record.enabled and record.kind == "feature":
            installed.import_object(record)
    except PluginError as error:
        return evolve(record, enabled=False, reason=str(error))
    return record


def installed_bucket(name: str) -> Bucket:
    """Load an installed bucket, and no other plugin.

    :raise PluginError: there is none of this name, or it cannot be used.
    """
    installed = InstalledPlugins(discover()[0])
    named = [record for record in installed.records if record.kind == "bucket" and record.name == name]
    if reason := clash(name, installed.records) if named else unknown("bucket", name, (), "the card of a model"):
        raise PluginError(reason)
    return installed.load_bucket(named[0])


def installed_features(choices: Sequence[str]) -> list[tuple[PluginRecord, Callable[..., object]]]:
    """Load the installed feature functions, by name, but for those that a "no:NAME" in `choices` disables.

    :raise PluginError: one cannot be imported, is no function, or its name is ambiguous.
    """
    installed = InstalledPlugins(discover()[0])
    wanted = {choice.removeprefix("no:"): not choice.startswith("no:") for choice in choices}
    features = []
    for record in installed.records:
        if record.kind == "feature" and wanted.get(record.name, True):
            if reason := clash(record.name, installed.records):
                raise PluginError(reason)
            function = installed.import_object(record)
            if not callable(function):
                raise PluginError(f"{record.owner} is no function")
            features.append((record, cast("Callable[..., object]", function)))
    return features
