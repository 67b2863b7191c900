"""The settings that a run's own file holds, also where that is older than this version."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from progressive_app.config.resolve import resolve_values
from progressive_app.quoting import show
from progressive_core.contract.errors import RunError
from progressive_core.contract.setting import Reason, Settings

RESTED_ON = (Reason.BARS, Reason.COSTS, Reason.DRAWS, Reason.ORDER, Reason.HORIZONS)
"""Why a setting cannot be missing from a run's own file."""


def rested_on(settings: Settings) -> list[str]:
    """The settings that all buckets rest on: without one of them, nothing that a run came to can be told."""
    return [key for key, setting in settings.declared.items() if setting.reason in RESTED_ON]


def settings_of_run(
    written: Mapping[str, Any],
    file: Path,
    plugins: Sequence[str] = (),
    objects: Mapping[str, object] | None = None,
    rests_on: Collection[str] = (),
) -> tuple[Settings, str]:
    """The settings that a run's own file holds, and a line on those that it does not know yet, or "".

    A newer version, or a new plugin, may have added a setting; at its default a run goes on as before. What all buckets rest
    on cannot have been left out.

    :param plugins: choices of plugins that are to hold as well.
    :param rests_on: the settings that all buckets rested on when the run was begun; where none are known, those of this version.
    :raise RunError: it was. :raise ConfigError: a key is unknown, or a value is of the wrong type or out of range.
    """
    settings = resolve_values(written, str(file), plugins, objects=objects)
    missing = [key for key in settings if key not in written]
    lost = [key for key in missing if key in (rests_on or rested_on(settings))]
    if lost:
        raise RunError(f"{file}: {', '.join(lost)} missing; put the run's file back")
    taken = ", ".join(f"{key} ({show(settings[key])})" for key in missing)
    return settings, f"{file}: older than the settings {taken}, which are at their defaults" if missing else ""
