"""The command `config`: every setting with its value, where that is from, whose it is and what it does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from progressive_app.config.app_settings import PLUGINS
from progressive_app.config.choices import merged_choices
from progressive_app.config.resolve import Resolved, resolve_with_sources
from progressive_app.config.schema import config_schema
from progressive_app.json_values import json_values
from progressive_app.machine.logs import configure_logging
from progressive_app.machine.terminal import print_text
from progressive_app.presentation.text_table import sentence
from progressive_front.output import stdout_reserved


def show_config(
    flags: Mapping[str, Any], config: Path | None, plugins: Sequence[str], *, as_json: bool, as_schema: bool
) -> int:
    """Print the settings that training would have with the same flags.

    :param as_schema: print the JSON Schema of config.json instead.
    """
    configure_logging()
    with stdout_reserved():
        resolved = resolve_with_sources(config, flags, plugins=plugins)
    if as_schema:
        print(json.dumps(config_schema(resolved.declarations), indent=2))
        return 0
    rows = _rows(resolved, plugins)
    if as_json:
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        print_text(
            sentence(f"{row['key']} = {json.dumps(row['value'])}  ({row['from']}; {', '.join(row['owners'])})", "    ")
        )
        print_text(sentence(f"    {row['meaning']}", "    "))
    return 0


def _rows(resolved: Resolved, plugins: Sequence[str]) -> list[dict[str, Any]]:
    values, sources = dict(resolved.settings), dict(resolved.sources)
    if plugins:
        values[PLUGINS.key] = merged_choices(values[PLUGINS.key], plugins)
        sources[PLUGINS.key] = "-p"
    return [
        {
            "key": key,
            "value": json_values(values[key]),
            "from": sources[key],
            "owners": list(declaration.owners),
            "meaning": declaration.setting.meaning,
            "allowed": declaration.setting.allowed,
            "may_change": declaration.setting.may_change,
        }
        for key, declaration in resolved.declarations.by_key.items()
    ]
