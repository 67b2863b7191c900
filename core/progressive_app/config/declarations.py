"""Declarations of settings with their owners, and the program's own ones. Light: no plugin is looked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from progressive_app.config.app_settings import APP_SETTINGS
from progressive_core.contract.core_settings import CORE_SETTINGS
from progressive_core.contract.setting import Setting, Settings

CORE, PROGRAM_ITSELF = "core", "program"
"""The owners of the settings that need no plugin."""


class Declaration(NamedTuple):
    """A setting and who declares it: "core", "program", or names of buckets, transfers and plugins."""

    setting: Setting[Any]
    owners: tuple[str, ...]
    described: str
    """The first owner as an error message names it, with its distribution."""


class Declarations:
    """All settings by their keys; `disabled` are the plugins that `no:NAME` kept from being imported, and asked."""

    def __init__(self, by_key: Mapping[str, Declaration], disabled: tuple[str, ...] = ()) -> None:
        self.by_key = by_key
        self.disabled = disabled
        self.settings: Mapping[str, Setting[Any]] = {key: each.setting for key, each in by_key.items()}

    def defaults(self) -> Settings:
        """Every setting at its default."""
        return Settings({key: setting.default for key, setting in self.settings.items()}, self.settings)


def program_declarations() -> Declarations:
    """The settings of the core and of the program around it; no plugin is looked for."""
    return Declarations(
        {
            setting.key: Declaration(setting, (owner,), f"the {owner}")
            for owner, settings in ((PROGRAM_ITSELF, APP_SETTINGS), (CORE, CORE_SETTINGS))
            for setting in settings
        }
    )


def nearest_name(name: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The known name most like `name`, or None when none is as like as this: 1 is the same name, 0 shares no letter."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, list(known), n=1, cutoff=likeness)), None)
