"""The plan of a walk-forward: one run for each fold, which is offered the models of the fold before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import asdict

from progressive_app.config.app_settings import SEQUENCE, WARM_START
from progressive_app.config.input_files import input_files, with_absolute_files
from progressive_app.config.resolve import with_settings
from progressive_app.config.stages import flat
from progressive_app.json_values import json_values
from progressive_app.store.run_documents import Teacher
from progressive_app.store.validated import validated
from progressive_core.contract.setting import Settings
from progressive_studies.study.study_plan import RUNS, PlannedRun, StudyPlan, digests_of
from progressive_studies.walk_forward.folding import Fold

WALK = "walk-forward"
"""The kind of a plan whose runs are folds."""
FOLDS = "folds"
FORCED: Literal["always"] = "always"
UNTAUGHT: Literal["never"] = "never"


def walk_plan(settings: Settings, folds: Sequence[Fold]) -> StudyPlan:
    """The plan of the `folds`, each a run with `settings` on its own bars.

    Knowledge travels as WARM_START says: a fold waits for the one before it and is offered each of its models for the bucket of the
    same name.

    :raise DataError: a file of bars cannot be read.
    """
    runs: list[PlannedRun] = []
    warm = settings[WARM_START]
    for fold in folds:
        before = runs[-1] if runs and warm != UNTAUGHT else None
        own = with_absolute_files(with_settings(settings, fold.settings))
        teachers = [
            Teacher(
                run=f"{RUNS}/{before.name}",
                bucket=bucket,
                pupil=bucket,
                forced=warm == FORCED,
                name=f"{before.name}/{bucket}",
            )
            for bucket in flat(settings[SEQUENCE])
            if before
        ]
        runs.append(
            PlannedRun(
                name=fold_name(fold.number),
                settings=json_values(own),
                labels={"fold": fold.number},
                after=(before.name,) if before else (),
                teachers=tuple(teachers),
            )
        )
    about = {FOLDS: [asdict(fold) for fold in folds]}
    return StudyPlan(kind=WALK, runs=tuple(runs), inputs=input_digests(settings), about=about)


def input_digests(settings: Settings) -> dict[str, str]:
    """The SHA-256 of each file that `settings` name, by its path.

    :raise DataError: one cannot be read.
    """
    return digests_of([*input_files(with_absolute_files(settings)).values()])


def fold_name(number: int) -> str:
    """The name of a fold's run."""
    return f"fold-{number:02d}"


def folds_in(plan: StudyPlan) -> tuple[Fold, ...]:
    """The folds of a plan, as they were when it was made."""
    return tuple(validated(fold, Fold) for fold in plan.about[FOLDS])
