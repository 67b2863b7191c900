"""What a run is asked to do: the defaults, then config.json, then flags, then the user interface's parameters."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from progressive_app.config.settings import SETTINGS
from progressive_core.contract.errors import ConfigError, RunError
from progressive_core.contract.kinds import LONGEST_NAME, FilePath, Frequency, Kind, Names, OrNull, Refused
from progressive_core.contract.quoting import shortened, show
from progressive_core.contract.suggest import did_you_mean, nearest_name

CONFIG_FILE = Path("config.json")
UI_PARAMS = MappingProxyType(
    {"horizon_range": "HORIZON_RANGE", "frequency": "FREQUENCY", "capital_allocation": "CAPITAL_ALLOCATION"}
)

PER_BUCKET = ("EPISODES", "HORIZON_RANGE")
"""The settings that may have a value for each bucket."""


def defaults() -> Mapping[str, Any]:
    """Every setting at its default. Read-only."""
    return MappingProxyType({key: setting.default for key, setting in SETTINGS.items()})


def resolve(
    file: Path | None = None,
    flags: Mapping[str, Any] | None = None,
    ui_params: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """Settle every setting; later sources win: defaults, file, flags, user interface.

    :param file: a configuration file; None reads config.json in the working directory when there is one.
    :param flags: settings by their upper-case keys, from the command line or a Python caller.
    :param ui_params: `horizon_range`, `frequency` and `capital_allocation`.
    :return: all settings, read-only. Lists have become tuples, FREQUENCY is spelled as pandas does.
    :raise ConfigError: a key is unknown, or a value is of the wrong type or out of range.
    """
    if file is None and os.path.lexists(CONFIG_FILE):  # a link that leads nowhere was meant to be read
        file = CONFIG_FILE
    settings = defaults()
    if file is not None:
        written = read_file(file)
        _refuse_a_stranger(written, file)
        settings = overlay(settings, written, str(file))
    return overlay_ui(overlay(settings, flags or {}, "command line"), ui_params)


def overlay(settings: Mapping[str, Any], changes: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    """`settings` with `changes` checked and put over them, read-only. `source` opens the line of an error."""
    return MappingProxyType({**settings, **{key: _check(key, value, source) for key, value in changes.items()}})


def with_settings(
    settings: Mapping[str, Any], asked: Mapping[str, Any], ui_params: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """`settings` with a method's arguments put over them, then the interface's; None means that nothing was asked."""
    given = {key: value for key, value in asked.items() if value is not None}
    return overlay_ui(overlay(settings, given, "arguments"), ui_params)


def overlay_ui(settings: Mapping[str, Any], ui_params: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """`settings` with the user interface's parameters put over them, refused by the interface's names."""
    if ui_params is not None and not isinstance(ui_params, Mapping):
        raise ConfigError(f"ui_params: expected a dictionary of {', '.join(UI_PARAMS)}, got {show(ui_params)}")
    changes: dict[str, Any] = {}
    for name, value in (ui_params or {}).items():
        if name not in UI_PARAMS:
            nearest = nearest_name(str(name), UI_PARAMS)
            raise ConfigError(
                f"ui_params: unknown parameter {show(name)} (value {show(value)}); "
                f"{f'the nearest known one is {nearest}, ' if nearest else ''}all are {', '.join(UI_PARAMS)}"
            )
        changes[UI_PARAMS[name]] = checked(SETTINGS[UI_PARAMS[name]].kind, value, f"ui_params: {name}")
    return MappingProxyType({**settings, **changes})


def _check(key: str, value: Any, source: str) -> Any:
    if key not in SETTINGS:
        nearest = nearest_name(str(key).upper(), SETTINGS)
        raise ConfigError(
            f"{source}: unknown setting {show(key)} (value {show(value)}); "
            + (
                f"the nearest known setting is {nearest}: {SETTINGS[nearest].kind.allowed}"
                if nearest
                else "`progressive-training --help` lists the known ones"
            )
        )
    return checked(SETTINGS[key].kind, value, f"{source}: {key}")


def checked(kind: Kind, value: Any, what: str) -> Any:
    """`value` as the program uses it.

    :param what: where it came from and what it is called, to open the line of an error.
    :raise ConfigError: it is not of this kind.
    """
    try:
        return kind.check(value)
    except Refused as refused:
        because = f": {shortened(str(refused))}" if str(refused) else ""
        raise ConfigError(f"{what} is {show(value)}, expected {kind.allowed}{because}") from None


def _refuse_a_stranger(written: Mapping[str, Any], file: Path) -> None:
    """A file in which no key is ours, or ours but for a slip of the pen, was not meant for us.

    :raise ConfigError: it is such a file.
    """
    if written and not any(nearest_name(key.upper(), SETTINGS, likeness=0.8) for key in written):
        key, value = next(iter(written.items()))
        raise ConfigError(
            f"{file}: unknown setting {show(key)} (value {show(value)}), and no other key is known: this may be the "
            "file of another program; --config FILE reads another one instead"
        )


def settings_of_run(written: Mapping[str, Any], file: Path) -> tuple[Mapping[str, Any], str]:
    """The settings that a run's own file holds, and a line on those that it does not know yet, or "".

    A newer version may have added a setting; at its default a run goes on as before. What the buckets rest on cannot have
    been left out.

    :raise RunError: it was. :raise ConfigError: a key is unknown, or a value is of the wrong type or out of range.
    """
    settings = overlay(defaults(), written, str(file))
    missing = [key for key in SETTINGS if key not in written]
    lost = [key for key in missing if SETTINGS[key].may_change != "any time"]
    if lost:
        raise RunError(f"{file}: {', '.join(lost)} missing; put the run's file back")
    taken = ", ".join(f"{key} ({show(settings[key])})" for key in missing)
    return settings, f"{file}: older than the settings {taken}, which are at their defaults" if missing else ""


def read_file(file: Path) -> dict[str, Any]:
    """The settings written in a JSON file, unchecked; keys that start with // are comments.

    :raise ConfigError: the file cannot be read, is not a JSON object, or names a key twice.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"), object_pairs_hook=_without_duplicates)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None
    except OSError as error:
        linked = os.path.islink(file)  # noqa: PTH114  (unlike Path.is_symlink, it raises nothing over a long name)
        link = f" (it is a link to {file.readlink()})" if linked else ""
        raise ConfigError(f"{file}: the configuration cannot be read: {error.strerror}{link}") from None
    except json.JSONDecodeError as error:
        raise ConfigError(f"{file}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:  # bytes that are no text, integers of thousands of digits, deep nests
        raise ConfigError(f"{file}: not a readable JSON file: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigError(f'{file}: expected an object of settings like {{"SEED": 1}}, got {show(content)}')
    return {key: value for key, value in content.items() if not key.startswith("//")}


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found and not key.startswith("//"):
            raise ConfigError(f"{show(key)} is there twice, as {show(found[key])} and as {show(value)}; keep one")
        found[key] = value
    return found


def parse_setting(text: str) -> tuple[str, Any]:
    """Split `KEY=VALUE` as `--set` takes it. VALUE is JSON; bare words are strings, and lists of names may be `A,B`.

    :raise ConfigError: there is no `=`.
    """
    key, found, word = text.partition("=")
    key = key.strip()
    if not found:
        raise ConfigError(f"--set: expected KEY=VALUE, got {show(text)}")
    try:
        value = json.loads(word)
    except (ValueError, RecursionError):
        value = word
    kind = SETTINGS[key].kind if key in SETTINGS else None
    kind = kind.kind if isinstance(kind, OrNull) else kind
    if isinstance(kind, Names) and isinstance(value, str):
        return key, split_names(value)
    if isinstance(kind, FilePath | Frequency) and value is not None and not isinstance(value, str):
        return key, word  # a file may be called 123
    return key, value


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


def episodes_for(settings: Mapping[str, Any], bucket: str) -> int:
    """How many episodes `bucket` trains at most; the default when EPISODES names others only."""
    episodes = settings["EPISODES"]
    if isinstance(episodes, Mapping):
        return int(episodes.get(bucket, SETTINGS["EPISODES"].default))
    return int(episodes)


def refuse_unknown_buckets(settings: Mapping[str, Any], installed: Iterable[str]) -> None:
    """Hold the settings that may name buckets against what is installed, which only the registry knows.

    :raise ConfigError: one names a bucket that does not exist, whose value would have no effect.
    """
    known = list(installed)
    for key in PER_BUCKET:
        each = settings[key]
        for bucket in each if isinstance(each, Mapping) else ():
            if bucket not in known:
                raise ConfigError(
                    f"{key} names a bucket {show(bucket)} that is not installed (value {show(each[bucket])})."
                    f"{did_you_mean(bucket, known)} Known: {', '.join(known)}"
                )


def refuse_idle_episodes(episodes: Any, sequence: Sequence[str], source: str) -> None:
    """Hold episodes that were asked for against the buckets that are to be trained.

    :raise ConfigError: they name a bucket that is not in the sequence, whose number would have no effect. In a file,
        which serves many sequences, that is no mistake.
    """
    for bucket in episodes if isinstance(episodes, Mapping) else ():
        if bucket not in sequence:
            raise ConfigError(
                f"{source}: EPISODES names {show(bucket)} (value {show(episodes[bucket])}), which is not in the "
                f"sequence {', '.join(sequence)}.{did_you_mean(str(bucket), sequence)} Leave it out, or train it too"
            )


def plugin_choices(given: Sequence[str], source: str) -> tuple[str, ...]:
    """Plugin choices of one source, each once.

    :raise ConfigError: they are no list of names, or a plugin is both enabled and disabled.
    """
    once = given
    if isinstance(given, list | tuple):
        once = [choice for position, choice in enumerate(given) if choice not in given[:position]]
    chosen: tuple[str, ...] = checked(SETTINGS["PLUGINS"].kind, once, source)
    return chosen


def merged_choices(first: Sequence[str], then: Sequence[str]) -> list[str]:
    """Plugin choices in order; the last word on a plugin stands."""
    chosen: dict[str, str] = {}
    for choice in (*first, *then):
        name = choice.removeprefix("no:")
        chosen.pop(name, None)
        chosen[name] = choice
    return list(chosen.values())


def named(value: str | None, what: str) -> str | None:
    """A bucket's name, or None when none was given.

    :raise ConfigError: it is anything else.
    """
    if value is not None and (not isinstance(value, str) or not value.strip() or len(value) > LONGEST_NAME):
        raise ConfigError(f"{what} is {show(value)}, expected the name of a bucket")
    return value


def horizon_range_for(settings: Mapping[str, Any], bucket: str) -> tuple[int, int] | None:
    """The shortest and the longest horizon asked for of `bucket`; None for its own, also when HORIZON_RANGE names others."""
    asked = settings["HORIZON_RANGE"]
    found: tuple[int, int] | None = asked.get(bucket) if isinstance(asked, Mapping) else asked
    return found


def horizons_for(settings: Mapping[str, Any], bucket: str, horizons: Iterable[int]) -> tuple[int, ...]:
    """A bucket's horizons in bars within HORIZON_RANGE: those inside and the range's two ends, ascending."""
    asked = horizon_range_for(settings, bucket)
    if asked is None:
        return tuple(sorted(set(horizons)))
    low, high = asked
    return tuple(sorted({low, high, *(horizon for horizon in horizons if low < horizon < high)}))
