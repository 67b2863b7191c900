"""`walk-forward`: folds planned, trained as runs of a study, and put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attrs import frozen

from progressive_app.config.app_settings import SEQUENCE
from progressive_app.config.resolve import resolve
from progressive_app.config.stages import flat
from progressive_app.engines.engine import Engine
from progressive_app.machine.logs import configure_logging
from progressive_app.resume.resuming import registry_for
from progressive_core.contract.errors import ConfigError, DataError
from progressive_core.contract.setting import Settings
from progressive_core.engine.run import bucket_info
from progressive_core.plugins.manager import Manager
from progressive_front.load_model import load_model
from progressive_front.study.opened_study import StudyKind, opened_study
from progressive_front.study.planned_training import fixed
from progressive_front.study.shown_study import Shown, planning, train_shown
from progressive_studies.study.study_plan import StudyPlan, check_inputs
from progressive_studies.walk_forward.folding import Folding, WalksForward
from progressive_studies.walk_forward.walk_files import write_walk
from progressive_studies.walk_forward.walk_plan import WALK, input_digests, walk_plan
from progressive_studies.walk_forward.walk_result import settings_of, walk_result


@frozen(kw_only=True)
class AskedWalk:
    """A walk-forward as a command line asks for it: settings in `flags`, and how time is cut."""

    flags: Mapping[str, Any]
    folding: Folding
    config: Path | None = None
    plugins: tuple[str, ...] = ()
    name: str | None = None
    resume: bool = False
    strict: bool = False


def train_walk(asked: AskedWalk, engine: Engine, workers: int, shown: Shown) -> int:
    """Train the folds that were asked for, or what is unfinished of them, and return the exit status.

    :raise ProgressiveTrainingError: something the user can mend; nothing was begun, or the line says how to go on.
    """
    configure_logging()
    with planning(shown):
        directory, plan = opened_study(StudyKind(name=WALK), asked.name, lambda _: _planned(asked), resume=asked.resume)
    command = [WALK, "--resume", "--name", directory.name]
    close = partial(_close, directory, plan)
    return train_shown(directory, plan, engine, workers, shown, command, close, strict=asked.strict)


def _close(directory: Path, plan: StudyPlan, reasons: Mapping[str, str]) -> tuple[Path | None, str]:
    bucket, _ = _walking(settings_of(directory, plan))

    def result() -> dict[str, Any]:
        try:
            return walk_result(directory, plan, bucket, load_model)
        finally:
            check_inputs(directory, plan)  # the bars were read once more

    return write_walk(directory, plan, result)


def _planned(asked: AskedWalk) -> StudyPlan:
    settings = fixed(resolve(asked.config, asked.flags, plugins=asked.plugins), asked.plugins)
    bucket, horizons = _walking(settings)
    files = input_digests(settings)
    plan = walk_plan(settings, bucket.plan_folds(settings, horizons, asked.folding))
    for path in (path for path, digest in plan.inputs.items() if digest != files[path]):
        raise DataError(f"{path}: changed while its folds were planned; begin again when it is complete")
    return plan


def _walking(settings: Settings) -> tuple[WalksForward, dict[str, Sequence[int]]]:
    """The first bucket of the sequence, which plans and joins the folds of all, and the horizons of each.

    :raise ConfigError: a bucket cannot be walked forward.
    """
    registry = registry_for(settings, Manager())
    buckets = [registry.bucket(name) for name in flat(settings[SEQUENCE])]
    for bucket in buckets:
        if not isinstance(bucket, WalksForward):
            raise ConfigError(f"bucket {bucket.name!r} cannot be walked forward: it has no plan_folds and join_folds")
    first: Any = buckets[0]
    return first, {
        bucket.name: bucket_info(settings, bucket, flat(settings[SEQUENCE]), Path()).horizons for bucket in buckets
    }
