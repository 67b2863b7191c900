"""Lists what is installed, and loads single buckets, features, regimes and attacks without the plugins around them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, cast

from attrs import evolve

from progressive_app.discovery.entry_points import discover
from progressive_app.discovery.installed_plugins import InstalledPlugins
from progressive_app.machine.logs import get_logger
from progressive_core.contract.catalogue import KINDS, Kind, PluginRecord
from progressive_core.contract.errors import PluginError
from progressive_core.contract.protocols import Bucket
from progressive_core.contract.suggest import did_you_mean
from progressive_core.plugins.blame import safe_repr
from progressive_core.plugins.manager import Manager
from progressive_core.plugins.order import clash, unknown
from progressive_core.plugins.registry import Registry

log = get_logger()


def survey(choices: Sequence[str] = (), transfer_order: Sequence[str] | None = None) -> tuple[PluginRecord, ...]:
    """Everything installed, for a listing: a broken plugin is a disabled record with its reason, not an error.

    Whatever has no hooks is loaded as well, unless disabled.

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
    """The record, disabled where what it names cannot be loaded."""
    try:
        if record.enabled and record.kind == "bucket":
            installed.load_bucket(record)
        elif record.enabled and record.kind not in ("transfer", "plugin"):
            installed.import_object(record)
    except PluginError as error:
        return evolve(record, enabled=False, reason=str(error))
    return record


def installed_bucket(name: str) -> Bucket:
    """Load an installed bucket, and no other plugin.

    :raise PluginError: there is none of this name, or it cannot be used.
    """
    installed = InstalledPlugins(discover()[0])
    return installed.load_bucket(_named(installed, "bucket", name, "the card of a model"))


def installed_features(choices: Sequence[str]) -> list[tuple[PluginRecord, Callable[..., object]]]:
    """Load the installed feature functions, by name, but for those that a "no:NAME" in `choices` disables.

    :raise PluginError: one cannot be imported, is no function, or its name is ambiguous.
    """
    return _functions("feature", choices)


def installed_attacks(choices: Sequence[str]) -> list[tuple[PluginRecord, Callable[..., object]]]:
    """Load the installed attacks, as `installed_features` loads features.

    :raise PluginError: one cannot be imported, is no function, or its name is ambiguous.
    """
    return _functions("attack", choices)


def why_not_installed(kind: Kind, name: str) -> str:
    """That nothing of this kind has this name, with the nearest one and all there are, to follow a setting's value; empty where
    something has. Nothing is imported."""
    known = dict.fromkeys(record.name for record, _ in discover()[0] if record.kind == kind)
    return "" if name in known else f"not installed.{did_you_mean(name, known)} There are {', '.join(known) or 'none'}"


def installed_regime(name: str, choices: Sequence[str], named_in: str) -> tuple[PluginRecord, Any]:
    """Load one installed detector of regimes: it has functions `fit` and `probabilities`.

    :param named_in: where its name was read, for an error.
    :raise PluginError: there is none of this name, `choices` disable it, two packages have one, it cannot be imported, or it
        lacks a function.
    """
    installed = InstalledPlugins(discover()[0])
    record = _named(installed, "regime", name, named_in)
    if not _wanted(choices).get(name, True):
        raise PluginError(f"{record.owner} is disabled by 'no:{name}': take that away, or name another in {named_in}")
    detector = installed.import_object(record)
    for function in ("fit", "probabilities"):
        if inspect.isclass(detector) or not callable(getattr(detector, function, None)):
            raise PluginError(
                f"{record.owner}: its entry point must lead to a module or an instance with the functions fit(bars, count) and "
                f"probabilities(bars, parameters); got {safe_repr(detector)}"
            )
    return record, detector


def _named(installed: InstalledPlugins, kind: Kind, name: str, named_in: str) -> PluginRecord:
    """The record of the only one of its kind that has this name.

    :raise PluginError: none has it, or anything else has it as well.
    """
    records = [record for record in installed.records if record.kind == kind]
    named = [record for record in records if record.name == name]
    if not named:
        raise PluginError(unknown(kind, name, dict.fromkeys(record.name for record in records), named_in))
    if reason := clash(name, installed.records):
        raise PluginError(reason)
    return named[0]


def _functions(kind: Kind, choices: Sequence[str]) -> list[tuple[PluginRecord, Callable[..., object]]]:
    installed = InstalledPlugins(discover()[0])
    wanted, functions = _wanted(choices), []
    for record in installed.records:
        if record.kind == kind and wanted.get(record.name, True):
            if reason := clash(record.name, installed.records):
                raise PluginError(reason)
            function = installed.import_object(record)
            if not callable(function):
                raise PluginError(f"{record.owner} is no function")
            functions.append((record, cast("Callable[..., object]", function)))
    return functions


def _wanted(choices: Sequence[str]) -> dict[str, bool]:
    return {choice.removeprefix("no:"): not choice.startswith("no:") for choice in choices}
