"""Every bucket, feature, regime, strategy, plugin and attack that an entry point names, not imported yet."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, EntryPoints, distributions, entry_points

from progressive_core.contract.catalogue import Kind, PluginRecord
from progressive_core.plugins.blame import describe_error

Found = tuple[PluginRecord, Callable[[], object]]
"""A record, and what loads its object."""
OF_A_PACKAGE = (".dist-info", ".egg-info", ".egg-link", ".egg")
"""How folders end that say what is installed."""
GROUPS: dict[Kind, str] = {
    "bucket": "progressive_training.buckets",
    "feature": "progressive_training.features",
    "regime": "progressive_training.regimes",
    "transfer": "progressive_training.transfers",
    "plugin": "progressive_training.plugins",
    "attack": "progressive_training.attacks",
}


def discover() -> tuple[list[Found], list[str]]:
    """Every entry point of the groups, by name, and what is wrong with each package whose files cannot be read.

    A training asks a dozen times: the files of all packages are read again only where one was installed since.
    """
    found, unreadable = _discovered(tuple(_packages()))
    return list(found), list(unreadable)


def _packages() -> Iterator[tuple[str, int, int]]:
    """The files that `discover` reads, each with when it was written and its size."""
    for folder in sys.path:
        try:
            inside = sorted(each.path for each in os.scandir(folder or os.curdir) if each.name.endswith(OF_A_PACKAGE))
        except (OSError, ValueError):  # a zip, or no longer there
            inside = [folder]
        for path in inside:
            for file in (path, *(f"{path}/{name}" for name in ("METADATA", "entry_points.txt"))):
                try:
                    is_now = os.stat(file)  # noqa: PTH116  (hundreds of them, a dozen times a training)
                except (OSError, ValueError):
                    continue
                yield file, is_now.st_mtime_ns, is_now.st_size


@lru_cache(maxsize=1)
def _discovered(packages: tuple[tuple[str, int, int], ...]) -> tuple[list[Found], list[str]]:
    """What is found in `packages` as they are now."""
    unreadable: list[str] = []
    try:
        every = entry_points()  # once: it reads the files of every package
        entries = {kind: list(every.select(group=group)) for kind, group in GROUPS.items()}
    except Exception:  # noqa: BLE001  (importlib.metadata lets whatever it stumbles over through, and does not say where)
        entries = _readable(unreadable)
    found = []
    origins: dict[int, tuple[str, str]] = {}
    for kind, listed in entries.items():
        for entry in listed:
            if id(entry.dist) not in origins:  # one object for all entry points of a package; its metadata are a file
                origins[id(entry.dist)] = _origin(entry.dist)
            distribution, version = origins[id(entry.dist)]
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
        metadata = distribution.metadata if distribution else None  # read from the file at each call
        named = (metadata["Name"], metadata["Version"]) if metadata else (None, None)
    except Exception:  # noqa: BLE001  (as above; entry points can be read without the metadata)
        named = (None, None)
    return named[0] or "unknown", named[1] or "?"
