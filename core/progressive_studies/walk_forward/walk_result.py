"""The result of a walk-forward, from its finished folds: their test parts as one, and what each fold took from the one before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from progressive_app.config.app_settings import SEQUENCE, WARM_START
from progressive_app.config.resolve import resolve_values
from progressive_app.config.stages import flat
from progressive_app.store.documents import read_json_lines
from progressive_app.store.progress import read_progress
from progressive_app.store.run_store import LEDGER
from progressive_core.contract.core_settings import SEED
from progressive_core.contract.records import LedgerEntry
from progressive_core.contract.setting import Settings
from progressive_studies.study.study_plan import PLAN, StudyPlan, run_directory
from progressive_studies.walk_forward.folding import WalksForward
from progressive_studies.walk_forward.walk_plan import folds_in

FORMAT = 1
"""Of `walk_forward.json`: it grows by one when a key is removed or means something else."""
Load = Callable[[Path], Any]
"""Reads the model in a directory."""


def settings_of(study: Path, plan: StudyPlan) -> Settings:
    """The settings that the folds share, without what makes each a fold.

    :raise ConfigError: the plan names a setting that is not there any more.
    """
    folds, first = folds_in(plan), plan.runs[0].settings
    own = {key: value for key, value in first.items() if not any(key in fold.settings for fold in folds)}
    return resolve_values(own, f"{study / PLAN}")


def walk_result(study: Path, plan: StudyPlan, bucket: WalksForward, load: Load) -> dict[str, Any]:
    """What the finished folds of `study` came to, as JSON values.

    :param bucket: any of the sequence that can walk forward. :param load: reads a model.
    :raise ModelError: a model cannot be read, or is no model of the market.
    """
    settings, folds = settings_of(study, plan), folds_in(plan)
    places = [run_directory(study, run.name) for run in plan.runs]
    walks = {name: [load(place / "models" / name) for place in places] for name in flat(settings[SEQUENCE])}
    joined = bucket.join_folds(walks, folds, settings)
    for document in joined["buckets"]:
        trained = [training_of(place, document["bucket"]) for place in places]
        document["folds"] = [{**fold, **own} for fold, own in zip(document["folds"], trained, strict=True)]
    return {
        "format": FORMAT,
        "name": study.absolute().name,
        "sequence": list(flat(settings[SEQUENCE])),
        "seed": settings[SEED],
        "warm_start": settings[WARM_START],
        **joined,
    }


def training_of(run: Path, bucket: str) -> dict[str, Any]:
    """How a fold trained a bucket: episodes in all and up to the model that was kept, and what became of what it was offered of the
    fold before (None where nothing was)."""
    result = next(each for each in read_progress(run).results if each.bucket == bucket)
    offers: Sequence[Mapping[str, Any]] = [
        line
        for line in read_json_lines(run / LEDGER, LedgerEntry)
        if line["target"] == bucket and line["phase"] == "initial" and "/" in line["source"]
    ]
    kept = [line["strategy"] for line in offers if line["verdict"] == "kept"]
    warm = {"kept": kept, "reason": offers[0]["reason"]} if offers else None
    return {"episodes": result.episodes, "best_episode": result.best_episode, "warm_start": warm}
