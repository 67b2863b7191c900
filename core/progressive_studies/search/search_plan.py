"""The plan of a search: which settings of which buckets vary, on which bars its trials are trained, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, field, frozen

from progressive_app.config.resolve import resolve_values
from progressive_app.json_values import json_values
from progressive_app.store.validated import InvalidValue, validated
from progressive_core.contract.core_settings import SEED
from progressive_core.contract.errors import RunError
from progressive_core.contract.setting import Settings
from progressive_studies.study.study_plan import PLAN, StudyPlan
from progressive_studies.walk_forward.folding import Fold
from progressive_studies.walk_forward.walk_plan import input_digests

TUNE = "tune"
"""The kind of a plan whose runs are trials, and the command that makes it."""
SEARCHES = Path("tune")
"""The directory that the command line makes searches in, from the working directory."""
JOURNAL = "journal.log"
SYNTHETIC_MARKET = "a synthetic market"
"""What the bars are called where no file is named: they are made up, from the seed."""
ALL = "all"
"""In the place of a bucket: each of the sequence, in its place."""
TRIALS = 30
FEWEST, MOST = 2, 10_000
BATCH = 6
"""Trials that are asked for at once, whatever the number of workers: none of them knows of another."""
FRESH = 2
"""Seeds that no trial had, with which the choice and the incumbent are trained again."""


@frozen(kw_only=True)
class BucketSearch:
    """The search of one bucket's settings: those that vary, each with its span as text (`space`)."""

    bucket: str
    space: dict[str, str]


@frozen(kw_only=True)
class SearchPlan:
    """What a search is, by JSON values only.

    `settings` are the user's, complete; a trial has others for the bucket that it is about. `buckets` are searched one after the other,
    each in its place behind those before it. `folds` are the bars of trials; `storage` is the journal's file, None for the one in the
    search's directory; `bars` a line about what was read.
    """

    trials: int
    buckets: tuple[BucketSearch, ...]
    folds: tuple[Fold, ...]
    settings: dict[str, Any] = field(repr=False)
    storage: str | None = None
    bars: str = ""


def search_plan(search: SearchPlan, settings: Settings) -> StudyPlan:
    """The plan that a search is begun with. Its runs are made as it goes on.

    :raise DataError: a file of bars cannot be read.
    """
    return StudyPlan(kind=TUNE, runs=(), inputs=input_digests(settings), about=json_values(asdict(search)))


def search_of(study: Path, plan: StudyPlan) -> SearchPlan:
    """What a plan says of its search.

    :raise RunError: it says something else.
    """
    try:
        return validated(plan.about, SearchPlan)
    except InvalidValue as error:
        raise RunError(f"{study / PLAN}: damaged ({error})") from None


def planned_settings(study: Path, search: SearchPlan) -> Settings:
    """The user's settings of a search.

    :raise ConfigError: it names one that is not there any more.
    """
    return resolve_values(search.settings, f"{study / PLAN}")


def fresh_seeds(search: SearchPlan) -> tuple[int, ...]:
    """Seeds that no trial has."""
    return tuple((int(search.settings[SEED.key]) + each) % 2**32 for each in range(1, FRESH + 1))


def study_name(search: str, bucket: str, searches: Sequence[BucketSearch]) -> str:
    """What the search of a bucket is called in the journal."""
    return f"{search}-{bucket}" if len(searches) > 1 else search
