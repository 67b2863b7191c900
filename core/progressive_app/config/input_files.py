"""The files that a run rests on: every setting of the kind `InputFile`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from progressive_app.config.common_kinds import InputFile
from progressive_core.contract.kinds import OrNull
from progressive_core.contract.setting import Setting, Settings


def input_files(settings: Settings) -> dict[str, str]:
    """The path that each such setting names; none for one that is null."""
    return {
        key: settings[key]
        for key, setting in settings.declared.items()
        if _is_input(setting) and isinstance(settings[key], str)
    }


def with_absolute_files(settings: Settings) -> Settings:
    """The same files, found from any working directory."""
    absolute = {key: str(Path(path).absolute()) for key, path in input_files(settings).items()}
    return Settings({**settings, **absolute}, settings.declared)


def _is_input(setting: Setting[Any]) -> bool:
    kind = setting.kind.kind if isinstance(setting.kind, OrNull) else setting.kind
    return isinstance(kind, InputFile)
