"""`study`: a grid of runs, planned, trained and put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attrs import frozen

from progressive_app.config.app_settings import SEQUENCE
from progressive_app.config.checking import checked
from progressive_app.config.choices import refuse_idle_episodes
from progressive_app.config.flag_values import FlagText
from progressive_app.config.resolve import resolve, resolve_with_sources
from progressive_app.engines.engine import Engine
from progressive_app.machine.logs import configure_logging
from progressive_core.contract.core_settings import EPISODES, SEED
from progressive_core.contract.errors import ConfigError
from progressive_front.found_runs import Named
from progressive_front.study.opened_study import StudyKind, opened_study
from progressive_front.study.planned_training import check_settings, fixed, named_teachers
from progressive_front.study.shown_study import Shown, planning, train_shown
from progressive_studies.study.grid import DATA, STUDY, Grid, plan_of
from progressive_studies.study.grid_flags import parse_values, settings_given
from progressive_studies.study.study_files import write_summary
from progressive_studies.study.study_plan import StudyPlan


@frozen(kw_only=True)
class AskedStudy:
    """A study as a command line asks for it. `flags` are settings that have one value; `given` the texts of `--set`, whose
    settings may have several; `seeds` and `markets` are None where the settings say them."""

    flags: Mapping[str, Any]
    given: Sequence[tuple[str, str]]
    config: Path | None = None
    plugins: tuple[str, ...] = ()
    seeds: tuple[int, ...] | None = None
    markets: tuple[str, ...] = ()
    teachers: tuple[Named, ...] = ()
    scratch_arms: bool = False
    name: str | None = None
    resume: bool = False
    strict: bool = False


def train_study(asked: AskedStudy, engine: Engine, workers: int, shown: Shown) -> int:
    """Train the study that was asked for, or what is unfinished of one, and return the exit status.

    :raise ProgressiveTrainingError: something the user can mend; nothing was begun, or the line says how to go on.
    """
    configure_logging()
    with planning(shown):
        directory, plan = opened_study(StudyKind(name=STUDY), asked.name, lambda _: planned(asked), resume=asked.resume)
    command = [STUDY, "--resume", "--name", directory.name]
    close = partial(write_summary, directory, plan)
    return train_shown(directory, plan, engine, workers, shown, command, close, strict=asked.strict)


def planned(asked: AskedStudy) -> StudyPlan:
    """The plan that the flags ask for; what a plan fixes is taken from this machine as it is now."""
    texts = settings_given([*asked.given, *((key, "") for key in asked.flags)])
    texts = {key: text for key, text in texts.items() if key not in asked.flags}
    for key, flag in ((SEED.key, "--seeds 0-9"), (DATA, "--data A,B")):
        if key in texts:
            raise ConfigError(f"--set {key}: a study takes it as {flag}")
    declared = resolve_with_sources(asked.config, asked.flags, plugins=asked.plugins).declarations.settings
    several = {key: parse_values(declared[key], text) for key, text in texts.items() if key in declared}
    varied = {key: values for key, values in several.items() if len(values) > 1}
    single = {key: FlagText(text) for key, text in texts.items() if key not in varied}
    settings = resolve(asked.config, {**asked.flags, **single}, plugins=asked.plugins)
    if EPISODES.key in asked.flags:
        refuse_idle_episodes(settings[EPISODES], settings[SEQUENCE], "command line")
    grid = Grid(
        settings=fixed(settings, asked.plugins),
        seeds=asked.seeds or (settings[SEED],),
        markets=asked.markets,
        varied={
            key: tuple(checked(declared[key], value, f"command line: {key}") for value in values)
            for key, values in varied.items()
        },
        teachers=named_teachers(asked.teachers, settings),
        scratch_arms=asked.scratch_arms,
    )
    return plan_of(grid, check_settings)
