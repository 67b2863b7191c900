"""What a command line's words mean as values of settings."""

from __future__ import annotations

from typing import Any

from progressive_app.config.common_kinds import Names
from progressive_app.config.stages import BucketStages, split_stages
from progressive_app.quoting import show
from progressive_core.contract.errors import ConfigError
from progressive_core.contract.kinds import OrNull, Refused
from progressive_core.contract.setting import Setting


class FlagText(str):
    """The VALUE of `--set KEY=VALUE`, which is read when the kind of KEY is known."""

    __slots__ = ()


def parse_setting(text: str) -> tuple[str, FlagText]:
    """Split `KEY=VALUE` as `--set` takes it.

    :raise ConfigError: there is no `=`.
    """
    key, found, word = text.partition("=")
    if not found:
        raise ConfigError(f"--set: expected KEY=VALUE, got {show(text)}")
    return key.strip(), FlagText(word)


def json_or_text(word: str) -> Any:
    """JSON where it is some, else the bare word."""
    import json

    try:
        return json.loads(word)
    except (ValueError, RecursionError):
        return str(word)


def value_of(setting: Setting[Any], word: FlagText) -> Any:
    """The value that a word means for a setting: JSON or a bare word; lists of names may be `A,B`, stages `A,(B,C)`; a file may be
    called 123."""
    value = json_or_text(word)
    kind = setting.kind.kind if isinstance(setting.kind, OrNull) else setting.kind
    if isinstance(kind, Names) and isinstance(value, str):
        return split_names(value)
    if isinstance(kind, BucketStages) and isinstance(value, str):
        return split_stages(value)
    if not isinstance(value, str):
        try:
            setting.check(value)
        except Refused:
            try:
                setting.check(str(word))
            except Refused:
                return value
            return str(word)
    return value


def split_names(text: str) -> list[str]:
    """The names in `A, B,C`; an empty text holds none."""
    return [name.strip() for name in text.split(",")] if text.strip() else []


def parse_episodes(text: str) -> int | dict[str, int]:
    """Read `--episodes`: `40`, or `Scalping=50,Long=100`.

    :raise ConfigError: it is neither.
    """
    try:
        if "=" not in text:
            return int(text)
        pairs = [part.partition("=") for part in text.split(",")]
        each = {name.strip(): int(number) for name, _, number in pairs}
        if len(each) < len(pairs):
            raise ValueError("a bucket is named twice")
    except ValueError:
        raise ConfigError(
            f"--episodes: expected a whole number like 40, or one for each bucket like Scalping=50,Long=100, "
            f"got {show(text)}"
        ) from None
    return each
