"""What a run was begun on, so that its result can be had again: data, versions, seed, device, plugins."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import asdict

from progressive_app.config.app_settings import SEQUENCE
from progressive_app.config.input_files import input_files
from progressive_app.resume.inputs import described
from progressive_app.resume.own_settings import rested_on
from progressive_app.resume.teachers import recorded_teachers
from progressive_app.store.environments import begun_here
from progressive_app.store.run_documents import Teacher, now_in_words
from progressive_core.contract.catalogue import THIS_PROCESS, PluginRecord
from progressive_core.contract.core_settings import SEED
from progressive_core.contract.errors import PluginError, RunError
from progressive_core.contract.setting import Settings

ACTING = frozenset({"on_bucket_start", "transfer"})
"""The hooks by whose answers a bucket trains; the others see what happens, and one may ask for an end."""


def manifest_of(
    settings: Settings,
    device: str,
    plugins: Sequence[PluginRecord],
    teachers: Sequence[Teacher],
    contents: Mapping[str, bytes] = MappingProxyType({}),
) -> dict[str, Any]:
    """Everything a reader needs to run this again; `teachers` are models of other runs, as they were asked for.

    :param contents: of the files that are to be written when the run begins, by the keys of their settings.
    :raise DataError: the data file cannot be read. :raise RunError: a model cannot teach.
    """
    inputs = {key: described(key, path, contents.get(key)) for key, path in input_files(settings).items()}
    started, of_plugins = now_in_words(), plugins_of(plugins)
    return {
        "started": started,
        "sequence": list(settings[SEQUENCE]),
        "seed": settings[SEED],
        "device": device,
        "rests_on": rested_on(settings),
        "inputs": inputs,
        "teachers": [asdict(teacher) for teacher in recorded_teachers(teachers, settings, inputs)],
        **of_plugins,
        **begun_here({"device": device, **of_plugins}, started),
        "platform": platform.platform(),
    }


def plugins_of(plugins: Sequence[PluginRecord]) -> dict[str, Any]:
    """Which plugins a run trains with, whose they are, which hooks they answer, and which are features of the bars."""
    enabled = [plugin for plugin in plugins if plugin.enabled]
    return {
        "plugins": {plugin.name: plugin.origin for plugin in enabled},
        "hooks": {plugin.name: list(plugin.hooks) for plugin in enabled if plugin.hooks},
        "features": [plugin.name for plugin in enabled if plugin.kind == "feature"],
    }


def check_objects_there(manifest: Mapping[str, Any], objects: Collection[str], directory: Path) -> None:
    """A resumed run must be given objects of the same names as those that it was begun with.

    :param objects: names. :raise RunError: one is missing.
    """
    gone = [name for name, whose in manifest["plugins"].items() if whose == THIS_PROCESS and name not in objects]
    if gone:
        raise RunError(
            f"{directory}: {', '.join(gone)} was an object of the process that began it: resume it from Python, with "
            "ProgressiveTrainer(plugins=[...]) and an object of that name"
        )


def check_isolation(here: Collection[str]) -> None:
    """Isolated buckets train in processes that do not have the plugins of this one.

    :param here: names. :raise PluginError: there are some.
    """
    if here:
        raise PluginError(
            f"{', '.join(here)}: works in this process only, and isolated buckets train in others: install it as a package, "
            "or train without isolate"
        )


def check_plugins_there(manifest: Mapping[str, Any], installed: Collection[str], directory: Path) -> None:
    """A resumed run must find what acted in it; one that only observed may be gone.

    :param installed: names of plugins. :raise RunError: one that had a say in the run is not among them.
    """
    gone = [
        f"{name} ({whose})"
        for name, whose in manifest["plugins"].items()
        if name not in installed and _acts(manifest, name)
    ]
    if gone:
        raise RunError(
            f"{directory}: {', '.join(gone)} had a part in this run and is not installed any more: install it again, or "
            "begin a new run that names this one as its parent with --fork"
        )


def _acts(manifest: Mapping[str, Any], plugin: str) -> bool:
    """Whether a plugin could change what a run comes to, as far as it is known."""
    return plugin in manifest.get("features", ()) or not ACTING.isdisjoint(manifest["hooks"].get(plugin, ()))
