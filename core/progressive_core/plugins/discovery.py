"""What is there: every bucket, strategy and plugin that an entry point names, not imported yet; and objects of this process."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import Distribution, EntryPoint, EntryPoints, distributions, entry_points
from typing import Literal

from attrs import frozen

from progressive_core.contract.names import is_name
from progressive_core.plugins.blame import describe_error
from progressive_core.plugins.validation import is_observer

Kind = Literal["bucket", "feature", "transfer", "plugin"]
GROUPS: dict[Kind, str] = {
    "bucket": "progressive_training.buckets",
    "feature": "progressive_training.features",
    "transfer": "progressive_training.transfers",
    "plugin": "progressive_training.plugins",
}


THIS_PROCESS = "this process"
"""The distribution of an object that a program brought along."""


@frozen(kw_only=True)
class PluginRecord:
    """One bucket, feature, strategy or plugin; `value` is what its entry point names, `reason` why it is not enabled.

    A bucket or a feature is loaded only when it is used, and has no hooks. An object of this process has no version.
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
        return f"{self.name} ({self.origin})"

    @property
    def origin(self) -> str:
        """Its distribution and version."""
        return f"{self.distribution} {self.version}".rstrip()

    @property
    def owner(self) -> str:
        """Whose fault it is, as an error message begins: "plugin 'memory' (acme 1.2)"."""
        return f"{self.kind} {self.name!r} ({self.origin})"


Found = tuple[PluginRecord, Callable[[], object]]
"""A record, and what loads its object."""


def object_name(plugin: object) -> str:
    """The name of an object of this process: its `name`, or that of its class or module."""
    name: object = getattr(plugin, "name", None)
    if isinstance(name, str) and is_name(name):
        return name
    return str(getattr(plugin, "__name__", type(plugin).__name__)).rpartition(".")[2]


def found_object(name: str, plugin: object) -> Found:
    """An object of this process: a bucket if it can be opened, a strategy if it has the hook `transfer`."""
    strategy = hasattr(plugin, "transfer") and not is_observer(plugin)
    kind: Kind = "bucket" if hasattr(plugin, "open") else "transfer" if strategy else "plugin"
    holder = plugin if inspect.ismodule(plugin) else type(plugin)
    module = getattr(holder, "__module__", holder.__name__)
    record = PluginRecord(name=name, kind=kind, distribution=THIS_PROCESS, version="", value=module)
    return record, partial(_itself, plugin)


def _itself(plugin: object) -> object:
    return plugin


def discover() -> tuple[list[Found], list[str]]:
    """Every entry point of the groups, by name, and what is wrong with each package whose files cannot be read."""
    unreadable: list[str] = []
    try:
        entries = {kind: list(entry_points(group=group)) for kind, group in GROUPS.items()}
    except Exception:  # noqa: BLE001  (importlib.metadata lets whatever it stumbles over through, and does not say where)
        entries = _readable(unreadable)
    found = []
    for kind, listed in entries.items():
        for entry in listed:
            distribution, version = _origin(entry.dist)
            record = PluginRecord(
                name=entry.name, kind=kind, distribution=distribution, version=version, value=entry.value
            )
            found.append((record, entry.load))
    return sorted(found, key=lambda pair: (pair[0].name, pair[0].distribution)), unreadable


def _readable(unreadable: list[str]) -> dict[Kind, list[EntryPoint]]:
    """The entry points of every package that can be read; what is wrong with each of the others goes to `unreadable`."""
    packages: dict[str, EntryPoints] = {}
    for distribution in distributions():
        try:
            folded = re.sub(r"[-_.]+", "-", distribution.name).lower()
            packages.setdefault(folded, distribution.entry_points)  # the first on the path is the one that is imported
        except Exception as error:  # noqa: BLE001  (as above)
            path = getattr(distribution, "_path", "an installed package")  # where it lies has no public name
            unreadable.append(
                f"{path}: its METADATA or entry_points.txt cannot be read ({describe_error(error)}): install it anew"
            )
    return {
        kind: [entry for entries in packages.values() for entry in entries if entry.group == group]
        for kind, group in GROUPS.items()
    }


def _origin(distribution: Distribution | None) -> tuple[str, str]:
    """The name and version of a package, as far as it has them."""
    try:
        named = (distribution.name, distribution.version) if distribution else (None, None)
    except Exception:  # noqa: BLE001  (as above; entry points can be read without the metadata)
        named = (None, None)
    return named[0] or "unknown", named[1] or "?"


def clash(name: str, found: Iterable[Found]) -> str:
    """Why a name is ambiguous, or nothing. A name must be one over all groups: it is also the name that disables."""
    holders = [record for record, _ in found if record.name == name]
    if len(holders) < 2:
        return ""
    listed = " and ".join(f"{holder.kind} {holder.value!r} of {holder.origin}" for holder in holders)
    return f"the name {name!r} is taken twice: {listed}. Uninstall one, or rename its entry point"
