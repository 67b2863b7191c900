"""What a Python caller hands to a trainer: settings, data and plugins, checked and resolved."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from progressive_app.config.app_settings import PLUGINS, SEQUENCE
from progressive_app.config.checking import checked
from progressive_app.config.choices import merged_choices, plugin_choices
from progressive_app.config.input_files import with_absolute_files
from progressive_app.config.resolve import overlay, resolve_caller, with_settings
from progressive_app.config.stages import stages_text
from progressive_app.quoting import show
from progressive_core.contract.errors import ConfigError, printable
from progressive_core.contract.kinds import Switch
from progressive_core.contract.names import object_name
from progressive_core.contract.setting import Settings
from progressive_core.plugins.manager import Manager
from progressive_front.from_python.training_data import DATA, TAKEN, is_path, parquet_of


def settings_and_data(
    settings: Mapping[str, Any] | None, data: Any, plugins: Sequence[str], objects: Mapping[str, object]
) -> tuple[Settings, bytes | None]:
    """All settings, and the bars as a Parquet file where `data` are in memory.

    :param settings: a mapping over ./config.json over the defaults; what `resolve` gave stands as it is.
    :param data: as `parquet_of` takes them, or the path that DATA is to be.
    :raise ProgressiveTrainingError: one of them cannot be used, or `settings` name other data.
    """
    check_mapping(settings)
    named = (settings or {}).get(DATA)
    if named is not None and not is_path(named):
        raise ConfigError(f"settings: DATA is {show(named)}, expected a path; bars in memory are given with data=")
    resolved = isinstance(settings, Settings) and bool(settings.declared)
    used = cast("Settings", settings) if resolved else resolve_caller(settings or {}, plugins, objects)
    if data is None:
        return used, None
    if named is not None:
        raise ConfigError(f"data and settings name two sources of bars (DATA is {show(used[DATA])}): give one of them")
    if isinstance(data, str) and "\n" in data:
        raise ConfigError(f"data is {show(data)}, a text of several lines, expected the path of a file or {TAKEN}")
    if is_path(data):
        return overlay(used, {DATA: data}, "data"), None
    return overlay(used, {DATA: None}, "data"), parquet_of(data)


def check_mapping(settings: Any) -> None:
    """Check that `settings` are a dictionary, or None.

    :raise ConfigError: they are not.
    """
    if settings is not None and not isinstance(settings, Mapping):
        raise ConfigError(f'settings is {show(settings)}, expected a dictionary like {{"LEARNING_RATE": 3e-4}}')


def printable_lines(callback: Callable[[str], None] | None) -> Callable[[str], None] | None:
    """What hands `callback` each line of progress without a stranger's escape codes; None for None."""
    return None if callback is None else lambda line: callback(printable(line))


def check_function(function: Any, what: str, takes: str) -> None:
    """Check that `function` is None, or can be called with one value.

    :param takes: what that value is. :raise ConfigError: it cannot.
    """
    if function is None:
        return
    expected = f"{what} is {show(function)}, expected a function of {takes}"
    if not callable(function):
        raise ConfigError(expected)
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise ConfigError(f"{expected}, and it takes another number of values ({error})") from None
    except ValueError:  # one in C that does not say
        return


def check_flags(flags: Mapping[str, Any]) -> None:
    """Check switches like `isolate`, by their names.

    :raise ConfigError: one is neither True nor False.
    """
    for name, value in flags.items():
        checked(Switch(), value, name)


def names_and_objects(plugins: Sequence[str | object]) -> tuple[tuple[str, ...], Manager]:
    """The names that are chosen, and a manager with the objects.

    :raise ConfigError: they are no list, or two objects have one name.
    """
    if not isinstance(plugins, list | tuple):
        return plugin_choices(cast("Sequence[str]", plugins), "plugins"), Manager()
    objects: dict[str, object] = {}
    for plugin in plugins:
        if plugin is not None and not isinstance(plugin, str):
            name = object_name(plugin)
            if name in objects:
                raise ConfigError(f"plugins: two objects are named {name!r}; give each a `name` of its own")
            objects[name] = plugin
    names = [plugin for plugin in plugins if not any(plugin is each for each in objects.values())]
    return plugin_choices(cast("Sequence[str]", names), "plugins"), Manager(objects)


def settled(settings: Settings, plugins: Sequence[str]) -> Settings:
    """`settings` as a resume from another directory needs them: paths absolute, and the plugins that were asked for."""
    chosen = {PLUGINS.key: merged_choices(settings[PLUGINS], plugins)}
    return with_absolute_files(with_settings(settings, chosen))


def describe(settings: Settings, holds_data: bool, run_dir: Path | None) -> str:
    """What a trainer trains, on which bars, and where: "Scalping, Short on btc.csv, in runs/mine"."""
    bars = "bars in memory" if holds_data else settings.get(DATA) or "a synthetic market"
    return f"{stages_text(settings[SEQUENCE])} on {bars}, {f'in {run_dir}' if run_dir else 'no run yet'}"
