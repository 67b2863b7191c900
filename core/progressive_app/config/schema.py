"""The declarations of settings as JSON Schema, by which an editor completes and checks config.json."""

from __future__ import annotations

from typing import Any

from progressive_app.config.declarations import Declarations
from progressive_app.json_values import json_values
from progressive_core.contract.setting import Setting

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def config_schema(declarations: Declarations) -> dict[str, Any]:
    """The schema of a config.json: all keys may be left out, others are refused, those that start with // are comments."""
    return {
        "$schema": DIALECT,
        "title": "Settings of Progressive Training",
        "type": "object",
        "properties": {
            "$schema": {"type": "string"},
            **{key: _property(setting) for key, setting in declarations.settings.items()},
        },
        "patternProperties": {"^//": {}},
        "additionalProperties": False,
    }


def _property(setting: Setting[Any]) -> dict[str, Any]:
    about = {"description": f"{setting.meaning} ({setting.allowed})", "default": json_values(setting.default)}
    one = setting.kind.schema()
    if not setting.per_bucket:
        return {**about, **one}
    each = {"type": "object", "additionalProperties": one, "minProperties": 1}
    return {**about, "anyOf": [*one.get("anyOf", [one]), each]}
