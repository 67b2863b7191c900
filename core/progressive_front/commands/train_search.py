"""`tune`: a search for settings, planned, gone on with, shown, and its choice written into a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from attrs import frozen

from progressive_app.config.app_settings import SEQUENCE
from progressive_app.config.choices import refuse_idle_episodes
from progressive_app.config.resolve import resolve
from progressive_app.engines.engine import Engine
from progressive_app.machine.logs import configure_logging
from progressive_core.contract.core_settings import EPISODES
from progressive_front.study.opened_study import opened_study
from progressive_front.study.shown_study import Shown, planning
from progressive_front.tune.planned_search import KIND, AskedSearch, planned_search
from progressive_front.tune.shown_search import SEARCH, search_shown
from progressive_front.tune.written_choice import check_writable, write_choice
from progressive_studies.search.search_document import read_search
from progressive_studies.search.search_plan import ALL, planned_settings, search_of
from progressive_studies.study.study_plan import StudyPlan


@frozen(kw_only=True)
class AskedTuning:
    """A search as a command line asks for it: what is `asked` (None with `resume`), on settings from `flags` and `config`. `write`: the
    file that what is adopted is put into."""

    asked: AskedSearch | None
    flags: Mapping[str, Any]
    config: Path | None = None
    name: str | None = None
    resume: bool = False
    strict: bool = False
    write: Path | None = None


def train_search(tuning: AskedTuning, engine: Engine, workers: int, shown: Shown) -> int:
    """Begin the search that was asked for, or go on with one, and return the exit status.

    :raise ProgressiveTrainingError: something the user can mend; nothing was begun, or the line says how to go on.
    """
    configure_logging()
    with planning(shown, SEARCH):
        if tuning.write is not None:
            check_writable(tuning.write)
        directory, plan = opened_study(KIND, tuning.name, partial(_planned, tuning), resume=tuning.resume)
    finish = partial(_written, directory, plan, tuning.write)
    return search_shown(directory, plan, engine, workers, shown, finish, strict=tuning.strict)


def _planned(tuning: AskedTuning, directory: Path) -> StudyPlan:
    asked = tuning.asked
    assert asked is not None
    settings = resolve(tuning.config, tuning.flags, plugins=asked.plugins)
    if EPISODES.key in tuning.flags:
        sequence = settings[SEQUENCE] if asked.bucket == ALL else (asked.bucket,)
        refuse_idle_episodes(settings[EPISODES.key], sequence, "command line")
    return planned_search(asked, settings, directory.name)


def _written(directory: Path, plan: StudyPlan, file: Path | None) -> str:
    if file is None:
        return ""
    return write_choice(file, read_search(directory), planned_settings(directory, search_of(directory, plan)))
