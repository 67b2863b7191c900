"""What a study's flags mean: `--seeds 0-9`, `--data A,B` and `--set KEY=V1,V2`, in which brackets and quotes keep commas together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from progressive_app.config.flag_values import FlagText, value_of
from progressive_app.quoting import show
from progressive_core.contract.core_settings import SEED
from progressive_core.contract.errors import ConfigError
from progressive_core.contract.kinds import Refused
from progressive_core.contract.setting import Setting

_RANGE = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?", re.ASCII)
_OPENING, _CLOSING = "[{(", "]})"
MOST_SEEDS = 10_000


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read `--seeds`: `3`, `0-9`, or several of both like `0-4,10`.

    :raise ConfigError: it is none of them, or a range runs backward.
    """
    seeds: list[int] = []
    for part in text.split(","):
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            raise ConfigError(f"--seeds: expected whole numbers and ranges like 0-9 or 0-4,10, got {show(text)}")
        first, last = int(found[1]), int(found[2] or found[1])
        if first > last:
            raise ConfigError(f"--seeds: the range {part.strip()} runs backward; write {last}-{first}")
        if last - first >= MOST_SEEDS:
            raise ConfigError(
                f"--seeds: {part.strip()} are {last - first + 1:,} seeds, and {MOST_SEEDS:,} are the most"
            )
        seeds += range(first, last + 1)
    for seed in seeds:
        try:
            SEED.check(seed)
        except Refused:
            raise ConfigError(f"--seeds: {seed} is no seed, expected {SEED.allowed}") from None
    return tuple(seeds)


def parse_files(text: str) -> tuple[str, ...]:
    """Read `--data`: paths with commas between them, or a JSON list where a path holds one."""
    if text.lstrip().startswith("["):
        try:
            paths = json.loads(text)
        except ValueError:
            paths = None
        if not isinstance(paths, list) or not all(isinstance(path, str) and path.strip() for path in paths):
            raise ConfigError(f'--data: expected A,B or a JSON list like ["a.parquet", "b.parquet"], got {show(text)}')
        return tuple(paths)
    paths = [path.strip() for path in text.split(",")]
    if not all(paths):
        raise ConfigError(f"--data: expected paths with commas between them, got {show(text)}")
    return tuple(paths)


def parse_values(setting: Setting[Any], text: str) -> tuple[Any, ...]:
    """Read the values of `--set KEY=V1,V2`, each as `--set` of a training reads it.

    :raise ConfigError: a list of names is written without its brackets, where one list and several values look alike.
    """
    parts = list(parts_of(text))
    texts = [part.strip() for part in parts]
    bare = not any(text.startswith(("[", "{", "null")) for text in texts)
    if len(parts) > 1 and bare and _is_list(setting, texts):
        one = json.dumps(texts, separators=(",", ":"))
        several = ",".join(json.dumps([text]) for text in texts)
        raise ConfigError(
            f"--set {setting.key}: {setting.key} is a list, so write each value as JSON: '{setting.key}={one}' is one list, "
            f"'{setting.key}={several}' are {len(parts)} values"
        )
    return tuple(value_of(setting, FlagText(part)) for part in parts)


def _is_list(setting: Setting[Any], texts: list[str]) -> bool:
    """Whether the setting would take all these texts as one list."""
    try:
        setting.check(texts)
    except Refused:
        return False
    return True


def parts_of(text: str, separator: str = ",") -> Iterator[str]:
    """The parts of a text between its commas, or another letter; one within brackets or double quotes parts nothing."""
    depth, quoted, begin, before = 0, False, 0, ""
    for place, letter in enumerate(text):
        if letter == '"' and before != "\\":
            quoted = not quoted
        elif not quoted:
            depth += (letter in _OPENING) - (letter in _CLOSING)
            if letter == separator and depth <= 0:
                yield text[begin:place]
                begin = place + 1
        before = letter
    yield text[begin:]


def settings_given(given: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The texts of `--set KEY=...` by their keys.

    :raise ConfigError: a key is given more than once.
    """
    keys = [key for key, _ in given]
    for key in keys:
        if keys.count(key) > 1:
            raise ConfigError(
                f"command line: {key} is given more than once; name all its values in one: --set {key}=V1,V2"
            )
    return dict(given)
