"""How a run is resumed: with which settings, plugins and device, and what is logged and shown before training goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

from progressive_app.config.app_settings import DEVICE, PLUGIN_ERRORS, PLUGINS, SEQUENCE, TRANSFERS
from progressive_app.config.checking import checked
from progressive_app.config.choices import merged_choices, refuse_unknown_buckets
from progressive_app.config.resolve import with_settings
from progressive_app.config.stages import Stages, flat, stages_text
from progressive_app.discovery.installed_plugins import installed_registry
from progressive_app.discovery.needed_packages import check_packages
from progressive_app.machine.address_space import check_address_space
from progressive_app.machine.device import resolve_device
from progressive_app.machine.logs import get_logger, log_to
from progressive_app.processes.isolation import resolve_device_isolated
from progressive_app.resume.changes import (
    changes_between,
    describe_changes,
    inputs_in_place,
    recorded_changes,
    refuse_changes,
    wanted_settings,
)
from progressive_app.resume.inputs import check_data_unchanged, moved_with_the_run
from progressive_app.resume.manifest import check_isolation, check_objects_there, check_plugins_there, plugins_of
from progressive_app.resume.own_settings import settings_of_run
from progressive_app.store.progress import Standing, standing_of
from progressive_app.store.run_store import RunStore
from progressive_core.contract.errors import ConfigError, PluginError
from progressive_core.contract.protocols import trains
from progressive_core.contract.setting import Settings
from progressive_core.plugins.manager import Manager
from progressive_core.plugins.registry import Registry

log = get_logger()

NO_PART_OF_A_RESULT = frozenset({"SEQUENCE", "KEEP_CHECKPOINTS", "CACHE_MB", "DATA_MB", "PLUGIN_ERRORS", "THREADS"})
"""Settings that may change and still leave a scratch arm and the taught bucket comparable."""


@frozen(kw_only=True)
class ResumePlan:
    """What a run goes on with."""

    settings: Settings
    registry: Registry
    device: str


def prepare_resume(
    store: RunStore,
    asked: Mapping[str, Any],
    plugins: Sequence[str],
    flags: Mapping[str, bool],
    on_message: Callable[[str], None],
    manager: Manager,
) -> ResumePlan:
    """Give the run the settings `asked` for and the choices of `plugins`; show and record what that changes.

    :param flags: `scratch_arms` and `isolate`, where they are wanted from here on.
    :raise ProgressiveTrainingError: something may not change, or what the run needs is gone; nothing is changed then.
    """
    directory, progress = store.directory, store.progress
    store.documents.finish_change()
    manifest = store.documents.manifest
    settings, note = settings_of_run(
        store.documents.config,
        directory / "config.json",
        choices_of(asked, plugins),
        manager.objects,
        manifest["rests_on"],
    )
    wanted = wanted_settings(settings, {**moved_with_the_run(manifest["inputs"], directory), **asked}, plugins)
    standing = standing_of(directory, progress)
    changes = changes_between(settings, wanted, standing, manifest)
    refuse_changes(changes, directory)
    inputs = inputs_in_place(manifest["inputs"], changes, wanted)
    check_data_unchanged(inputs, directory)
    check_objects_there(manifest, manager.objects, directory)
    isolated = flags["isolate"] or store.documents.is_asked("isolate")
    if isolated:
        check_isolation(manager.of_this_process)
    used = with_settings(wanted, {PLUGINS.key: merged_choices(wanted[PLUGINS], plugins)})  # the console too
    registry = registry_for(used, manager)
    check_plugins_there(manifest, [record.name for record in registry.records], directory)
    others = {each.key: each.new for each in changes}
    device = device_for(others.get(DEVICE.key, manifest["device"]), isolated=isolated)
    lines = [note] if note else []
    lines += [*describe_changes(changes, standing), *_retrained_episodes(manifest["changes"], standing)]
    if changes:
        recorded = {
            "changes": [*manifest["changes"], *recorded_changes(changes, wanted, standing)],
            "sequence": others.get(SEQUENCE.key, manifest["sequence"]),
            "device": device,
            "inputs": inputs,
            **plugins_of(registry.records),
        }
        store.documents.change_settings(wanted, recorded)
    if flags["scratch_arms"]:
        store.documents.ask_for("scratch_arms")
    if flags["isolate"]:
        store.documents.ask_for("isolate")
    if store.documents.is_asked("scratch_arms"):
        lines += _unequal_arms(store.documents.manifest["changes"])
    with log_to(directory / "log.jsonl"):
        for line in lines:
            log.info(line)
            on_message(line)
    return ResumePlan(settings=used, registry=registry, device=device)


def choices_of(asked: Mapping[str, Any], plugins: Sequence[str]) -> tuple[str, ...]:
    """The plugin choices that are to follow a run's own: a new PLUGINS among those `asked` for, then `plugins`."""
    return (*checked(PLUGINS, asked.get(PLUGINS.key, ()), "settings: PLUGINS"), *plugins)


def registry_for(settings: Settings, manager: Manager) -> Registry:
    """The plugins of a run, with every bucket that its settings name.

    :raise PluginError: one cannot be used, or needs a package that is not installed. :raise ConfigError: a setting names a bucket that is not installed, or one that trains
        nothing is in a stage.
    """
    registry = installed_registry(settings[PLUGINS], settings[TRANSFERS], settings[PLUGIN_ERRORS], manager)
    refuse_unknown_buckets(settings, [record.name for record in registry.records if record.kind == "bucket"])
    buckets = {name: registry.bucket(name) for name in flat(settings[SEQUENCE])}
    _refuse_in_stages([name for name, bucket in buckets.items() if not trains(bucket)], settings[SEQUENCE])
    for name, bucket in buckets.items():
        check_packages(bucket, registry.owner(name))
    for name in (
        registry.plugins if settings[PLUGIN_ERRORS] == "stop" else ()
    ):  # else its first hook fails, and the run goes on
        try:
            check_packages(registry.plugin(name).plugin, registry.owner(name))
        except PluginError as error:
            raise PluginError(f"{error}{registry.way_on(name)}") from error
    return registry


def _refuse_in_stages(names: Sequence[str], sequence: Stages) -> None:
    """Refuse a stage with a bucket that makes its model of finished ones: its mates are not finished before it."""
    for stage in sequence:
        for name in names if not isinstance(stage, str) else ():
            if name in stage:
                others = tuple(each for each in stage if each != name)
                place = stages_text((others if len(others) > 1 else others[0], name))
                raise ConfigError(
                    f"SEQUENCE: {name} makes its model of finished buckets, and those of {stages_text((stage,))} train at the same time: "
                    f"name it behind them, like {place}"
                )


def device_for(setting: str, *, isolated: bool) -> str:
    """The device that a DEVICE setting means here; where buckets are trained `isolated`, without loading torch into this process.

    :raise OutOfMemoryError: the address space is too small to train on any. :raise ConfigError: the device is not there.
    """
    check_address_space()
    return resolve_device_isolated(setting) if isolated else resolve_device(setting)


def _retrained_episodes(changes: Sequence[Mapping[str, Any]], standing: Standing) -> list[str]:
    """A line where the run has to go back behind a change: what was trained before it is trained again after it."""
    behind = [
        each
        for each in changes
        if each["bucket"] not in standing.finished and each["episode"] > standing.training.get(each["bucket"], 0)
    ]
    if not behind:
        return []
    first = behind[0]
    keys = ", ".join(dict.fromkeys(each["key"] for each in behind))
    return [
        f"{keys} changed after episode {first['episode']} of {first['bucket']}, and the run goes on from before that: the "
        "episodes between are trained again with what holds now, and not to the same result"
    ]


def _unequal_arms(changes: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line where scratch arms train with other settings than the buckets that they are compared with."""
    keys = ", ".join(dict.fromkeys(each["key"] for each in changes if each["key"] not in NO_PART_OF_A_RESULT))
    if not keys:
        return []
    return [
        f"scratch arms use the current settings, and {keys} changed during this run: the difference is not due to transfer alone"
    ]
