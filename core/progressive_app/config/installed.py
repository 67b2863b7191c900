"""The settings that installed buckets, transfers and plugins declare, beside the program's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from progressive_app.config.declarations import CORE, PROGRAM_ITSELF, Declaration, Declarations, program_declarations
from progressive_app.discovery.installed_plugins import installed_registry
from progressive_app.machine.logs import get_logger
from progressive_core.contract.errors import PluginError
from progressive_core.contract.kinds import Refused
from progressive_core.contract.setting import Setting
from progressive_core.plugins.blame import Policy
from progressive_core.plugins.manager import Manager
from progressive_core.plugins.registry import Registry

log = get_logger()

_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,99}", re.ASCII)


def installed_declarations(
    choices: Sequence[str] = (),
    transfer_order: Sequence[str] | None = None,
    policy: Policy = "stop",
    objects: Mapping[str, object] | None = None,
) -> Declarations:
    """The settings of all that is installed and not disabled by `choices`; plugins and buckets are imported.

    :param choices, transfer_order, policy: as for `Registry`. :param objects: plugins of this process only, by name.
    :raise PluginError: a plugin cannot be used, or two declare one key differently, and the policy is to stop.
    """
    return declarations_of(installed_registry(choices, transfer_order, policy, Manager(objects)), choices, policy)


def declarations_of(registry: Registry, choices: Sequence[str], policy: Policy = "stop") -> Declarations:
    """As `installed_declarations`, of a registry that was made with these `choices`."""
    last_word = {choice.removeprefix("no:"): choice for choice in choices}
    disabled = tuple(name for name, choice in last_word.items() if choice != name)
    by_key = dict(program_declarations().by_key)
    for name, holder in _holders(registry):
        owner = registry.owner(name)
        try:
            for setting in settings_declared_by(holder, owner):
                _add(by_key, setting, name, owner)
        except PluginError as error:
            if policy == "stop":
                raise
            log.warning("a setting is left out", reason=str(error))
    return Declarations(by_key, disabled)


def _holders(registry: Registry) -> Iterable[tuple[str, object]]:
    """All that may declare settings, by name. A bucket that cannot be loaded is refused where it is to be trained."""
    for record in registry.records:
        if record.kind != "bucket":
            if (plugin := registry.loaded.get(record.name)) is not None:
                yield record.name, plugin
        elif record.enabled:
            try:
                bucket = registry.bucket(record.name)
            except PluginError:
                continue
            yield record.name, bucket


def settings_declared_by(holder: object, owner: str) -> tuple[Setting[Any], ...]:
    """The `settings` of a bucket, transfer or plugin.

    :param owner: whose they are, to open an error. :raise PluginError: they are no settings, or one contradicts itself.
    """
    declared = getattr(holder, "settings", ())
    if not isinstance(declared, tuple) or not all(isinstance(setting, Setting) for setting in declared):
        raise PluginError(
            f"{owner}: `settings` must be a tuple of Setting (from progressive_training), such as "
            f'(Setting("SPAN", 14, Whole(1, 500), "bars that are looked at"),); got a {type(declared).__name__}'
        )
    for setting in declared:
        if not isinstance(setting.key, str) or not _KEY.fullmatch(setting.key):
            raise PluginError(f"{owner}: the setting {setting.key!r} must be in capital letters, digits and _")
        try:
            kept = setting.kind.check(setting.default)
        except Refused:
            kept = None
        if kept != setting.default:
            raise PluginError(
                f"{owner}: the default of {setting.key} is {setting.default!r}, expected {setting.kind.allowed}"
            )
    return declared


def _add(by_key: dict[str, Declaration], setting: Setting[Any], name: str, owner: str) -> None:
    """Equal declarations of one key are one.

    :raise PluginError: another owner declares the key otherwise.
    """
    known = by_key.get(setting.key)
    if known is None:
        by_key[setting.key] = Declaration(setting, (name,), owner)
    elif known.setting == setting and known.owners[0] not in (CORE, PROGRAM_ITSELF):
        by_key[setting.key] = known._replace(owners=(*known.owners, name))
    else:
        raise PluginError(
            f"{owner}: the setting {setting.key} is declared by {known.described} as well, and a key has one owner: "
            f"rename one, or disable one with -p no:{name}"
        )
