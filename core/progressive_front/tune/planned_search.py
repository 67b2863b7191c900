"""A search that is asked for as a plan: what varies, on which bars, and whether it can be done, before anything is trained."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import frozen

from progressive_app.config.app_settings import SEQUENCE
from progressive_app.config.input_files import with_absolute_files
from progressive_app.config.resolve import with_settings
from progressive_app.config.stages import flat, stages_of, stages_text
from progressive_app.json_values import json_values
from progressive_app.quoting import show
from progressive_app.resume.resuming import registry_for
from progressive_core.contract.errors import ConfigError, DataError, PluginError, RunError
from progressive_core.contract.protocols import Bucket, trains
from progressive_core.contract.setting import Settings
from progressive_core.engine.run import bucket_info
from progressive_core.plugins.manager import Manager
from progressive_core.plugins.registry import Registry
from progressive_front.load_model import not_loadable
from progressive_front.study.opened_study import StudyKind
from progressive_front.study.planned_training import fixed
from progressive_studies.search.journal import Journal
from progressive_studies.search.search_document import is_searched
from progressive_studies.search.search_plan import (
    ALL,
    SEARCHES,
    SYNTHETIC_MARKET,
    TRIALS,
    TUNE,
    BucketSearch,
    SearchPlan,
    search_plan,
    study_name,
)
from progressive_studies.search.searching import SearchesSettings
from progressive_studies.search.space import space_of, spaces_of
from progressive_studies.search.trial_runs import EVIDENCE, HALF
from progressive_studies.search.with_optuna import require_optuna
from progressive_studies.study.study_plan import StudyPlan
from progressive_studies.walk_forward.folding import Fold, Folding
from progressive_studies.walk_forward.walk_plan import input_digests

SYNTHETIC = "SYNTHETIC_BARS"
"""The market's setting for bars that are made up, as they are where no file is named."""
KIND = StudyKind(name=TUNE, place=SEARCHES, noun="search", is_finished=lambda directory, _: is_searched(directory))


@frozen(kw_only=True)
class AskedSearch:
    """A search as it is asked for: of one `bucket` or of "all" in the sequence; `space` as text by key, None for what each bucket
    declares; `folding` None where trials are trained on the bars of the run alone; `storage`: the journal's file."""

    bucket: str
    trials: int = TRIALS
    space: Mapping[str, str] | None = None
    folding: Folding | None = None
    plugins: tuple[str, ...] = ()
    storage: Path | None = None


def planned_search(asked: AskedSearch, settings: Settings, name: str, *, isolated: bool = True) -> StudyPlan:
    """The plan of the search that is asked for.

    :param settings: the user's. :param name: of the search. :param isolated: as in `device_for`. :raise ProgressiveTrainingError: it cannot be done.
    """
    require_optuna()
    if asked.bucket != ALL:
        settings = with_settings(settings, {SEQUENCE.key: [asked.bucket]})
    settings = fixed(settings, asked.plugins, isolated=isolated)
    registry = registry_for(settings, Manager())
    buckets = _searched(asked, settings, registry)
    searches = _spaces(asked, buckets, settings, registry)
    files = input_digests(settings)
    first: Any = registry.bucket(searches[0].bucket)
    horizons: dict[str, Sequence[int]] = {
        each: bucket_info(settings, registry.bucket(each), flat(settings[SEQUENCE]), Path()).horizons
        for each in flat(settings[SEQUENCE])
    }
    search = SearchPlan(
        trials=asked.trials,
        buckets=searches,
        folds=_folds(first.name, first.plan_trials(settings, horizons, asked.folding)),
        settings=json_values(with_absolute_files(settings)),
        storage=None if asked.storage is None else str(asked.storage.absolute()),
        bars=", ".join(Path(path).name for path in files) or (SYNTHETIC_MARKET if SYNTHETIC in settings else ""),
    )
    plan = search_plan(search, settings)
    for path in (path for path, digest in plan.inputs.items() if digest != files[path]):
        raise DataError(f"{path}: changed while its parts were planned; begin again when it is complete")
    _check_storage(asked, searches, registry, settings, name)
    return plan


def _folds(bucket: str, folds: Any) -> tuple[Fold, ...]:
    """What a bucket, which may be a stranger's, planned: the runs of a trial are named by the numbers of folds."""
    is_planned = isinstance(folds, tuple) and all(isinstance(each, Fold) for each in folds)
    if not folds or not is_planned or len({each.number for each in folds}) < len(folds):
        raise PluginError(
            f"plan_trials() of bucket {bucket}: expected a tuple of Fold, each with a number of its own, got {show(folds)}"
        )
    planned: tuple[Fold, ...] = folds
    return planned


def _searched(asked: AskedSearch, settings: Settings, registry: Registry) -> list[Bucket]:
    """The buckets that are searched, in their order."""
    if any(len(stage) > 1 for stage in stages_of(settings[SEQUENCE])):
        raise ConfigError(
            f"--bucket all searches one bucket after the other, and those of {stages_text(settings[SEQUENCE])} in brackets train at the same "
            f"time: write the sequence without brackets, or name one bucket"
        )
    every = [registry.bucket(name) for name in flat(settings[SEQUENCE])]
    buckets = [bucket for bucket in every if trains(bucket)]
    if not buckets:
        raise ConfigError(f"bucket {every[0].name!r} trains nothing itself, so there are no settings to search")
    for bucket in buckets:
        if not isinstance(bucket, SearchesSettings):
            raise ConfigError(f"bucket {bucket.name!r} cannot be searched: it has no plan_trials and halves")
        if reason := not_loadable(bucket.name):
            raise ConfigError(f"bucket {bucket.name!r} cannot be searched: {reason}")
        own = settings.for_bucket(bucket.name)
        if own.get(EVIDENCE) == HALF:
            raise ConfigError(
                f'{EVIDENCE} is "{HALF}" for {bucket.name}, which trials have while a search judges them: leave it out, or set "all" or "test"'
            )
    return buckets


def _spaces(
    asked: AskedSearch, buckets: Sequence[Bucket], settings: Settings, registry: Registry
) -> tuple[BucketSearch, ...]:
    """What varies for each bucket; one of several that reads none of the settings that are named is not searched."""
    spaces = spaces_of(buckets, asked.space, settings, _installed(registry))
    return tuple(
        BucketSearch(bucket=name, space={key: span.text for key, span in space.items()})
        for name, space in spaces.items()
    )


def _installed(registry: Registry) -> Iterator[Bucket]:
    """All buckets that can be loaded."""
    for name in registry.bucket_names:
        with suppress(PluginError):
            yield registry.bucket(name)


def _check_storage(
    asked: AskedSearch, searches: Sequence[BucketSearch], registry: Registry, settings: Settings, name: str
) -> None:
    """Check that the journal's file can be written, and holds no other search of this name.

    :raise ConfigError: it cannot. :raise RunError: it holds one, or is no journal.
    """
    file = asked.storage
    if file is None:
        return
    if file.is_dir() or not file.absolute().parent.is_dir() or not os.access(file.absolute().parent, os.W_OK):
        raise ConfigError(f"--storage {file}: no file can be written there; name one in a directory that is there")
    for each in searches if file.is_file() else ():
        space = space_of(registry.bucket(each.bucket), each.space, settings)
        study = study_name(name, each.bucket, searches)
        if Journal(file, study, space).begun():
            raise RunError(f"{file}: it holds another search {study}; give this one another --name, or another file")
