"""The check for what a bucket says may vary in a search."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from progressive_app.config.flag_values import FlagText, value_of
from progressive_app.config.installed import installed_declarations
from progressive_app.testing.scene import require
from progressive_core.contract.kinds import Refused
from progressive_core.contract.protocols import Bucket
from progressive_core.contract.setting import Setting
from progressive_core.plugins.blame import safe_repr

_RANGE = re.compile(r"\s*([^.\s]\S*?)\s*\.\.\s*(\S+?)\s*(?::\s*log)?\s*")


def check_tunable(owner: str, bucket: Bucket) -> None:
    """Examine `tunable()` of a bucket, where it has one: settings that may have a value for each bucket, and spans of allowed values.

    :raise AssertionError: one is none.
    """
    if not hasattr(bucket, "tunable"):
        return
    spans, where = bucket.tunable(), f"{owner}: tunable()"
    require(
        isinstance(spans, Mapping)
        and bool(spans)
        and all(isinstance(each, str) for pair in spans.items() for each in pair),
        f'{where} must return texts like {{"LEARNING_RATE": "1e-4..1e-2:log"}}; got {safe_repr(spans)}',
    )
    known = {each.key: each for each in getattr(bucket, "settings", ())}
    declared: Mapping[str, Setting[Any]] = {**installed_declarations().settings, **known}
    for key, text in spans.items():
        setting = declared.get(key)
        require(setting is not None, f"{where}: {key} is no known setting")
        assert setting is not None
        require(setting.per_bucket, f"{where}: {key} has one value for all buckets; only per-bucket settings may vary")
        require(
            _is_span(setting, text),
            f"{where}: {key}: expected low..high, low..high:log or a|b|c of {setting.kind.allowed}; got {text!r}",
        )


def _is_span(setting: Setting[Any], text: str) -> bool:
    if found := _RANGE.fullmatch(text):
        ends = found.groups()
        try:
            return float(ends[0]) < float(ends[1]) and all(_is_allowed(setting, end) for end in ends)
        except ValueError:
            return False
    words = [word.strip() for word in text.split("|")]
    return len(words) > 1 and all(_is_allowed(setting, word) for word in words)


def _is_allowed(setting: Setting[Any], text: str) -> bool:
    try:
        setting.kind.check(value_of(setting, FlagText(text)))
    except Refused:
        return False
    return True
