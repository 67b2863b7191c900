"""What a search adopted, put into a configuration file, in which all else stays as it stands there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from progressive_app.config.app_settings import SEQUENCE
from progressive_app.config.config_file import read_file
from progressive_app.config.per_bucket import with_own_values
from progressive_app.config.resolve import resolve
from progressive_app.config.stages import flat
from progressive_app.store.atomic_files import atomic_write
from progressive_core.contract.errors import ConfigError, RunError
from progressive_core.contract.setting import Settings
from progressive_studies.search.search_tables import adopted_settings

Span = tuple[int, int]
_BLANK = " \t\r\n"


def check_writable(file: Path) -> None:
    """Check that settings can be put into `file`, before a search begins that may take hours.

    :raise ConfigError: it is no configuration, or it cannot be written.
    """
    if file.is_dir():
        raise ConfigError(f"--write {file}: a directory; name a file")
    if os.path.lexists(file):
        resolve(file)
        _spans(file.read_bytes().decode("utf-8-sig"))
    place = file.resolve().parent
    if not place.is_dir():
        raise ConfigError(f"--write {file}: there is no directory {place}")
    if not os.access(place, os.W_OK) or (file.exists() and not os.access(file, os.W_OK)):
        raise ConfigError(f"--write {file}: cannot be written; give another place")


def write_choice(file: Path, document: Mapping[str, Any], settings: Settings) -> str:
    """Put what a search adopted into `file`, for the buckets that it is for, and return what was done, in a sentence.

    Their verdicts will count the test part alone (EVIDENCE), since validation has chosen their settings.

    :param document: what `tune.json` holds. :param settings: of the search, which declare what is adopted.
    :raise ConfigError: the file is no configuration. :raise RunError: it cannot be written.
    """
    own = adopted_settings(document)
    if not own:
        return f"{file}: nothing was adopted, and nothing is written"
    text, written, sequence = "{}\n", dict[str, Any](), tuple[str, ...]()
    if file.exists():
        written, sequence = read_file(file), flat(resolve(file)[SEQUENCE])
        text = file.read_bytes().decode()
    buckets = dict.fromkeys(bucket for each in own.values() for bucket in each)
    values = {key: _value(settings, key, each, written, sequence) for key, each in own.items()}
    try:
        atomic_write(file.resolve(), with_values(text, values).encode())
    except OSError as error:
        raise RunError(
            f"{file}: cannot be written ({error.strerror}); the search is finished, try --write again"
        ) from error
    return f"{file}: {', '.join(values)} written for {', '.join(buckets)}"


def _value(
    settings: Settings, key: str, own: Mapping[str, Any], written: Mapping[str, Any], sequence: tuple[str, ...]
) -> Any:
    """The value of a setting as the file is to have it: buckets that are not in `own` keep what they had."""
    if key not in written:
        return dict(own)
    before = written[key]
    named = before if isinstance(before, Mapping) else sequence  # others have the default, then as now
    return with_own_values(settings.declared[key], before, own, named)


def with_values(text: str, values: Mapping[str, Any]) -> str:
    """The `text` of a JSON object in which `values` stand in the place of those of their keys, or behind the last one; no other letter is
    changed."""
    spans, last = _spans(text)
    new = {key: json.dumps(value) for key, value in values.items()}
    between = _between(text)
    added = [f"{json.dumps(key)}: {value}" for key, value in new.items() if key not in spans]
    pieces = [("," if spans or last else "") + between + each for each in added[:1]] + [
        f",{between}{each}" for each in added[1:]
    ]
    at = last or text.index("{") + 1
    end = "\n" if added and text[at] == "}" and not last else ""
    changes = [(at, at, "".join(pieces) + end), *((*spans[key], value) for key, value in new.items() if key in spans)]
    for begin, stop, piece in sorted(changes, reverse=True):
        text = text[:begin] + piece + text[stop:]
    return text


def _between(text: str) -> str:
    """What stands before the first key: a new line and as many blanks as this file has, as a rule."""
    begin = text.index("{") + 1
    first = text.find('"', begin)
    between = text[begin:first] if first > 0 else ""
    return between or " " if first > 0 and not between.strip(_BLANK) else "\n  "


def _spans(text: str) -> tuple[dict[str, Span], int]:
    """Where the value of each key of a JSON object stands in its text, and where the last one ends (0: there is none)."""
    decoder, spans = json.JSONDecoder(), dict[str, Span]()
    place, last = text.index("{") + 1, 0
    while True:
        place = _skipped(text, place, "," if last else "")
        if text[place] != '"':
            return spans, last
        key, place = decoder.raw_decode(text, place)
        place = _skipped(text, _skipped(text, place) + 1)
        _, last = decoder.raw_decode(text, place)
        spans[key], place = (place, last), last


def _skipped(text: str, place: int, also: str = "") -> int:
    while text[place] in _BLANK + also:
        place += 1
    return place
