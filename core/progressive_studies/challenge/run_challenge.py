"""Challenge the models of a run: load them, have their buckets attack them, and put what was found together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve

from progressive_app.config.app_settings import PLUGINS, TRANSFERS
from progressive_app.config.resolve import resolve_values
from progressive_app.discovery.installed_plugins import installed_registry
from progressive_app.machine.logs import get_logger
from progressive_app.resume.inputs import moved_with_the_run
from progressive_app.store.documents import read_json
from progressive_app.store.progress import finished_results
from progressive_app.store.run_documents import read_manifest
from progressive_core.contract.errors import ModelError, PluginError, ProgressiveTrainingError
from progressive_core.contract.setting import Settings
from progressive_core.contract.suggest import did_you_mean
from progressive_core.engine.run import bucket_info
from progressive_studies.challenge.challenge_files import FORMAT, models_of, test_reads
from progressive_studies.challenge.challenging import Challenge, ChallengesModels

log = get_logger()

Load = Callable[[Path], Any]
"""Reads the model in a directory."""


def challenge_run(directory: Path, load: Load, asked: Challenge) -> dict[str, Any]:
    """What breaks the strategies of the finished buckets of the run at `directory`, as JSON values.

    :param load: reads a model. :param asked: attacks that the run was begun without are left out, too.
    :raise RunError: no bucket is finished. :raise DataError: the bars have changed since. :raise ModelError: there is no finished
        bucket of the name that is asked for, or no model can be challenged.
    """
    finished = tuple(result.bucket for result in finished_results(directory))
    only = asked.bucket
    if only is not None and only not in finished:
        near = did_you_mean(only, finished)
        raise ModelError(f"{directory}: no bucket {only!r} is finished.{near} Finished: {', '.join(finished)}")
    settings = _settings_of(directory)
    asked = evolve(asked, choices=(*settings[PLUGINS], *asked.choices))
    registry = installed_registry(asked.choices, settings[TRANSFERS], "warn")
    buckets, models, left_out = dict[str, Any](), dict[str, Any](), list[dict[str, str]]()
    for name in finished:
        try:
            bucket = registry.bucket(name)
            if not isinstance(bucket, ChallengesModels):
                raise PluginError(f"bucket {name!r} has no challenge(...), so its models cannot be challenged")
            models[name], buckets[name] = load(directory / "models" / name), bucket
        except ProgressiveTrainingError as error:
            left_out.append({"bucket": name, "reason": str(error)})
    if not models or (only is not None and only not in models):
        raise ModelError("; ".join(each["reason"] for each in left_out if only in (None, each["bucket"])))
    for each in left_out:
        log.warning(each["reason"])
    infos = {name: bucket_info(settings, bucket, finished, directory) for name, bucket in buckets.items()}
    found = buckets[only or next(iter(buckets))].challenge(models, infos, asked)
    hashes = models_of(directory)
    return {
        "format": FORMAT,
        "run": directory.absolute().name,
        "part": asked.part,
        "test_reads": test_reads(directory) + (asked.part == "test"),
        "buckets": [{**each, "part": asked.part, "model": hashes.get(each["bucket"])} for each in found],
        "left_out": left_out,
    }


def _settings_of(directory: Path) -> Settings:
    """The settings that the run was begun with, and where its files are now."""
    file = directory / "config.json"
    moved = moved_with_the_run(read_manifest(directory)["inputs"], directory)
    return resolve_values({**read_json(file), **moved}, str(file), policy="warn")
