"""The settings of a run: the defaults, then config.json, then flags, then the user interface's parameters."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from attrs import field, frozen

from progressive_app.config.app_settings import PLUGIN_ERRORS, PLUGINS, TRANSFERS
from progressive_app.config.checking import checked
from progressive_app.config.common_kinds import FilePath
from progressive_app.config.config_file import read_file
from progressive_app.config.declarations import Declarations, nearest_name, program_declarations
from progressive_app.config.flag_values import FlagText, json_or_text
from progressive_app.config.installed import installed_declarations
from progressive_app.machine.logs import get_logger
from progressive_app.quoting import show
from progressive_core.contract.errors import ConfigError
from progressive_core.contract.setting import Settings, as_settings
from progressive_core.plugins.blame import Policy

log = get_logger()

CONFIG_FILE = Path("config.json")
COMMAND_LINE = "command line"
UI_PARAMS = MappingProxyType(
    {"horizon_range": "HORIZON_RANGE", "frequency": "FREQUENCY", "capital_allocation": "CAPITAL_ALLOCATION"}
)
SLIP = 0.8
"""How alike a key must be to a known one to be a slip of the pen, and not another program's or a disabled plugin's."""


@frozen
class Resolved:
    """Settings, and for each key where its value is from: "default", a file, "--set", "-p", "ui_params"."""

    settings: Settings
    declarations: Declarations
    sources: Mapping[str, str] = field(factory=dict)


def defaults() -> Settings:
    """Every setting at its default, those of the installed plugins too. A plugin that cannot be used is left out."""
    return installed_declarations(policy="warn").defaults()


def resolve(
    file: Path | str | None = None,
    flags: Mapping[str, Any] | None = None,
    ui_params: Mapping[str, Any] | None = None,
    plugins: Sequence[str] = (),
    objects: Mapping[str, object] | None = None,
) -> Settings:
    """Settle every setting; later sources win: defaults, file, flags, user interface.

    :param file: a configuration file; None reads config.json in the working directory when there is one.
    :param flags: settings by their upper-case keys, from the command line or a Python caller.
    :param ui_params: `horizon_range`, `frequency` and `capital_allocation`.
    :param plugins: names of plugins to enable, or `no:NAME`, after those of PLUGINS; a disabled one is not imported.
    :param objects: plugins of this process only, by name.
    :return: all settings, read-only. Lists have become tuples, FREQUENCY is spelled as pandas does.
    :raise ConfigError: a key is unknown, or a value is of the wrong type or out of range.
    :raise PluginError: a plugin cannot be used, or two declare one key.
    """
    return resolve_with_sources(file, flags, ui_params, plugins, objects).settings


def resolve_with_sources(
    file: Path | str | None = None,
    flags: Mapping[str, Any] | None = None,
    ui_params: Mapping[str, Any] | None = None,
    plugins: Sequence[str] = (),
    objects: Mapping[str, object] | None = None,
) -> Resolved:
    """As `resolve`, with the origin of each value."""
    given = dict(flags or {})
    settings, declarations, written = _of_file(file, given, COMMAND_LINE, plugins, objects)
    settings = overlay(settings, given, COMMAND_LINE, declarations.disabled)
    sources = {
        **dict.fromkeys(settings, "default"),
        **written,
        **dict.fromkeys(given, "--set"),
        **dict.fromkeys((UI_PARAMS.get(name, "") for name in ui_params or ()), "ui_params"),
    }
    return Resolved(overlay_ui(settings, ui_params), declarations, sources)


def resolve_caller(
    values: Mapping[str, Any], plugins: Sequence[str] = (), objects: Mapping[str, object] | None = None
) -> Settings:
    """A Python caller's settings over ./config.json over the defaults. A key that only a disabled plugin can know is left out.

    :raise ConfigError: a key is unknown, or a value is of the wrong type or out of range.
    """
    source = "settings"
    settings, declarations, _ = _of_file(None, values, source, plugins, objects)
    known = _without_disabled(values, source, declarations, log.warning)
    return overlay(settings, known, source, declarations.disabled)


def resolve_program(file: Path | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """The core's and the program's own settings only; no plugin is imported unless `flags` name another setting.

    :raise ConfigError: as `resolve`, but a key of the file that is not among them is passed over.
    """
    program, file = program_declarations(), _file_or_default(file)
    if not set(flags or {}) <= set(program.settings):
        return resolve(file, flags)
    written = _known(read_file(file), program) if file is not None else {}
    return overlay(overlay(program.defaults(), written, str(file)), flags or {}, COMMAND_LINE)


def resolve_values(
    values: Mapping[str, Any],
    source: str,
    plugins: Sequence[str] = (),
    policy: Policy | None = None,
    objects: Mapping[str, object] | None = None,
) -> Settings:
    """Settings from plain values over the defaults: a run's own file, or what a process is handed.

    A key that only a disabled plugin can know is left out.

    :param source: opens the line of an error. :param policy: as for `Registry`; that of PLUGIN_ERRORS when None.
    :raise ConfigError: a key is unknown, or a value is of the wrong type or out of range.
    """
    declarations = _declarations_for(values, source, {}, plugins, policy, objects)
    return overlay(declarations.defaults(), _without_disabled(values, source, declarations, log.info), source)


def _of_file(
    file: Path | str | None,
    given: Mapping[str, Any],
    given_as: str,
    plugins: Sequence[str],
    objects: Mapping[str, object] | None,
) -> tuple[Settings, Declarations, dict[str, str]]:
    """The defaults with the file's values over them, all declarations, and the name of the file for each key that it holds.

    :param given: what is to follow, which may enable plugins. :param given_as: what an error calls that.
    """
    file = _file_or_default(file)
    written: Mapping[str, Any] = read_file(file) if file is not None else {}
    declarations = _declarations_for(written, str(file), given, plugins, objects=objects, given_as=given_as)
    if file is not None:
        _refuse_foreign_file(written, file, declarations)
        written = _without_disabled(written, str(file), declarations, log.warning)
    return overlay(declarations.defaults(), written, str(file)), declarations, dict.fromkeys(written, str(file))


def _file_or_default(file: Path | str | None) -> Path | None:
    if file is None:  # a link that leads nowhere was meant to be read
        if CONFIG_FILE.is_fifo():
            raise ConfigError(f"{CONFIG_FILE}: a pipe, which may keep its reader waiting; remove it")
        return CONFIG_FILE if os.path.lexists(CONFIG_FILE) else None
    return Path(checked(FilePath(), file, "the configuration file"))


def _known(values: Mapping[str, Any], declarations: Declarations) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key in declarations.settings}


def _declarations_for(
    written: Mapping[str, Any],
    source: str,
    flags: Mapping[str, Any],
    plugins: Sequence[str],
    policy: Policy | None = None,
    objects: Mapping[str, object] | None = None,
    given_as: str = COMMAND_LINE,
) -> Declarations:
    """The settings that there are with the plugins which these sources enable."""
    program = program_declarations()
    first = overlay(program.defaults(), _known(written, program), source)
    first = overlay(first, _known(flags, program), given_as)
    choices = (*first[PLUGINS], *plugins)
    return installed_declarations(
        choices, first[TRANSFERS], first[PLUGIN_ERRORS] if policy is None else policy, objects
    )


class _Log(Protocol):
    def __call__(self, event: str, /, **values: Any) -> Any: ...


def _without_disabled(
    written: Mapping[str, Any], source: str, declarations: Declarations, logged: _Log
) -> Mapping[str, Any]:
    """`written` without the keys that are like no known one, where a disabled plugin may declare them."""
    strange = [key for key in written if key not in declarations.settings and isinstance(key, str)]
    foreign = [key for key in strange if not nearest_name(key.upper(), declarations.settings, SLIP)]
    if not foreign or not declarations.disabled:
        return written
    logged(
        "settings are left out: they may be of a plugin that is disabled",
        source=source,
        settings=", ".join(foreign),
        disabled=", ".join(declarations.disabled),
    )
    return {key: value for key, value in written.items() if key not in foreign}


def overlay(
    settings: Mapping[str, Any], changes: Mapping[str, Any], source: str, disabled: Sequence[str] = ()
) -> Settings:
    """`settings` with `changes` checked and put over them.

    :param source: opens the line of an error. :param disabled: plugins whose settings are not known.
    :raise ConfigError: a key is unknown, or a value is of the wrong type or out of range.
    """
    over = as_settings(settings)
    declared = over.declared or program_declarations().settings
    checked_ones = {}
    for key, value in changes.items():
        if key not in declared:
            shown = json_or_text(value) if isinstance(value, FlagText) else value
            raise ConfigError(_unknown(key, shown, source, declared, disabled))
        checked_ones[key] = checked(declared[key], value, f"{source}: {key}")
    return Settings({**over, **checked_ones}, declared)


def with_settings(
    settings: Mapping[str, Any], asked: Mapping[str, Any], ui_params: Mapping[str, Any] | None = None
) -> Settings:
    """`settings` with a method's arguments put over them, then the interface's; None means that nothing was asked."""
    given = {key: value for key, value in asked.items() if value is not None}
    return overlay_ui(overlay(settings, given, "arguments"), ui_params)


def overlay_ui(settings: Settings, ui_params: Mapping[str, Any] | None) -> Settings:
    """`settings` with the user interface's parameters put over them, refused by the interface's names."""
    if ui_params is not None and not isinstance(ui_params, Mapping):
        raise ConfigError(f"ui_params: expected a dictionary of {', '.join(UI_PARAMS)}, got {show(ui_params)}")
    changes: dict[str, Any] = {}
    for name, value in (ui_params or {}).items():
        key = UI_PARAMS.get(name)
        if key is None or key not in settings.declared:
            nearest = nearest_name(str(name), UI_PARAMS)
            raise ConfigError(
                f"ui_params: unknown parameter {show(name)} (value {show(value)}); "
                f"{f'the nearest known one is {nearest}, ' if nearest else ''}all are {', '.join(UI_PARAMS)}"
            )
        changes[key] = checked(settings.declared[key], value, f"ui_params: {name}")
    return Settings({**settings, **changes}, settings.declared)


def _unknown(key: Any, value: Any, source: str, declared: Mapping[str, Any], disabled: Sequence[str]) -> str:
    nearest = nearest_name(str(key).upper(), declared)
    maybe = f" (or of a disabled plugin: {', '.join(disabled)})" if disabled else ""
    hint = (
        f"the nearest known setting is {nearest}: {declared[nearest].allowed}"
        if nearest
        else "`progressive-training config` lists the known ones"
    )
    return f"{source}: unknown setting {show(key)} (value {show(value)}){maybe}; {hint}"


def _refuse_foreign_file(written: Mapping[str, Any], file: Path, declarations: Declarations) -> None:
    """A file in which no key is ours, or ours but for a slip of the pen, was not meant for us.

    :raise ConfigError: it is such a file.
    """
    if written and not any(nearest_name(key.upper(), declarations.settings, SLIP) for key in written):
        key, value = next(iter(written.items()))
        raise ConfigError(
            f"{file}: unknown setting {show(key)} (value {show(value)}), and no other key is known: this may be the "
            "file of another program; --config FILE, or settings=resolve(FILE) from Python, reads another one instead"
        )
