"""The R-matrix: every bucket's model on every bucket's task, measured by opening the buckets once more."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from attrs import frozen

from progressive_app.config.app_settings import DEVICE, PLUGINS, TRANSFERS
from progressive_app.config.resolve import resolve_values
from progressive_app.discovery.installed_plugins import installed_registry
from progressive_app.machine.device import resolve_device
from progressive_app.machine.local_machine import LocalMachine
from progressive_app.resume.inputs import check_data_unchanged, moved_with_the_run
from progressive_app.store.documents import read_json
from progressive_app.store.models import read_knowledge
from progressive_app.store.progress import read_progress
from progressive_app.store.run_documents import read_manifest
from progressive_core.contract.errors import PluginError, ProgressiveTrainingError
from progressive_core.contract.protocols import Bucket, trains
from progressive_core.contract.records import Knowledge, Resources
from progressive_core.contract.setting import Settings
from progressive_core.engine.gain import standard_error
from progressive_core.engine.proof import prove
from progressive_core.engine.run import bucket_info
from progressive_core.plugins.registry import Registry
from progressive_studies.transfer_report.measures import backward_transfer, forward_transfer


@frozen(kw_only=True)
class ResultMatrix:
    """Validation scores and their standard errors [1 + buckets][buckets]: row 0 is an untrained model, row i the model of the
    i-th of `buckets` as its own training left it, each with as many of its weights as fit the bucket of the column.

    Not a number: none of them fit. `left_out` says which buckets could not be opened, and why. `forward` and `backward` transfer are the means of GEM (arXiv 1706.08840).
    """

    buckets: tuple[str, ...]
    scores: tuple[tuple[float, ...], ...]
    errors: tuple[tuple[float, ...], ...]
    forward: float
    backward: float
    left_out: tuple[str, ...] = ()


def result_matrix(directory: Path) -> ResultMatrix:
    """Measure it for the finished buckets of the run at `directory`, one bucket open at a time.

    :raise ProgressiveTrainingError: the data or all buckets of the run are not there any more, or have changed.
    """
    inputs = read_manifest(directory)["inputs"]
    moved = moved_with_the_run(inputs, directory)
    here = {key: {**begun, "file": moved.get(key, begun["file"])} for key, begun in inputs.items()}
    check_data_unchanged(here, directory)
    settings = _settings_of(directory, moved)
    registry = _registry_of(settings)
    finished = tuple(result.bucket for result in read_progress(directory).results)
    opened, left_out = {}, []
    for name in finished:
        try:
            opened[name] = registry.bucket(name)
        except PluginError as error:
            left_out.append(str(error))
    if not opened:
        raise PluginError("; ".join(left_out))
    buckets = tuple(name for name, bucket in opened.items() if trains(bucket))
    models = [read_knowledge(directory, bucket, version=1) for bucket in buckets]
    columns = [_column(opened[bucket], settings, buckets, directory, models) for bucket in buckets]
    scores = tuple(zip(*[[score for score, _ in column] for column in columns], strict=True))
    errors = tuple(zip(*[[error for _, error in column] for column in columns], strict=True))
    return ResultMatrix(
        buckets=buckets,
        scores=scores,
        errors=errors,
        forward=forward_transfer(scores),
        backward=backward_transfer(scores),
        left_out=tuple(left_out),
    )


def made_of_others(directory: Path) -> frozenset[str]:
    """The finished buckets of a run that train nothing themselves, where they are installed here."""
    found = set()
    with suppress(ProgressiveTrainingError):
        registry = _registry_of(_settings_of(directory, {}))
        for result in read_progress(directory).results:
            with suppress(PluginError):
                if not trains(registry.bucket(result.bucket)):
                    found.add(result.bucket)
    return frozenset(found)


def _settings_of(directory: Path, moved: Mapping[str, Any]) -> Settings:
    file = directory / "config.json"
    return resolve_values({**read_json(file), **moved}, str(file), policy="warn")


def _registry_of(settings: Settings) -> Registry:
    return installed_registry(settings[PLUGINS], settings[TRANSFERS], "warn")  # of the plugins only buckets are used


def _column(
    bucket: Bucket, settings: Settings, sequence: tuple[str, ...], directory: Path, models: Sequence[Knowledge]
) -> list[tuple[float, float]]:
    """Score and standard error of an untrained model and of every one of `models` on one bucket's validation part."""
    info = bucket_info(settings, bucket, sequence, directory)
    resources = Resources(device=resolve_device(settings[DEVICE]), parallel_episodes=1, batch_size=1)
    machine = LocalMachine()
    with closing(bucket.open(info, resources)) as learner:
        untrained, target = learner.validate(), learner.knowledge()
        column = [(untrained, standard_error(learner.validation_blocks()))]
        for model in models:
            proof = prove(machine, learner, model, target, untrained)
            column.append((proof.after, proof.error) if proof else (math.nan, math.nan))
    machine.release_memory()
    return column
