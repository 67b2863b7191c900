"""What one entry point of a group leads to, for a name that a user gave: an engine, an exporter, an exchange."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from progressive_core.contract.errors import ConfigError, PluginError
from progressive_core.contract.suggest import did_you_mean
from progressive_core.plugins.blame import describe_error


def names_in(group: str) -> list[str]:
    """The names of a group of entry points. Nothing is imported."""
    return sorted({entry.name for entry in entry_points(group=group)})


def named_object(group: str, kind: str, name: str, given: str) -> Any:
    """What the only entry point of that name leads to.

    :param group: of entry points, like "progressive_training.engines". :param kind: what messages call it, like "engine".
    :param given: where the name was given, like "--engine".
    :raise ConfigError: none has the name. :raise PluginError: two packages have one, or it cannot be imported.
    """
    found = [entry for entry in entry_points(group=group) if entry.name == name]
    if not found:
        known = names_in(group)
        raise ConfigError(
            f"{given} {name}: no {kind} has this name.{did_you_mean(name, known)} There are: {', '.join(known)}"
        )
    if len(found) > 1:
        whose = " and ".join(entry.dist.name if entry.dist else "an unknown package" for entry in found)
        raise PluginError(f"{kind} {name!r}: {whose} both have one of this name; uninstall one")
    try:
        return found[0].load()
    except Exception as error:
        raise PluginError(f"{kind} {name!r} ({found[0].value}) cannot be used: {describe_error(error)}") from error
