"""`study`: a grid of runs, planned, trained and put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from progressive_app.store.runs import new_run_directory
from progressive_core import PROGRAM
from progressive_core.contract.core_settings import EPISODES, SEED
from progressive_core.contract.errors import ConfigError, RunError
from progressive_front.found_runs import Named
from progressive_front.study.planned_training import check_settings, fixed, is_finished, named_teachers
from progressive_front.study.shown_study import Shown, planning, train_shown
from progressive_front.study.study_running import begin_study
from progressive_studies.study.grid import DATA, STUDY, Grid, plan_of
from progressive_studies.study.grid_flags import parse_values, settings_given
from progressive_studies.study.study_files import write_summary
from progressive_studies.study.study_plan import NAME_RULE, PLAN, STUDIES, StudyPlan, is_run_name, read_plan, studies_in


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
        directory, plan = opened_study(STUDY, asked.name, partial(planned, asked), resume=asked.resume)
    command = [STUDY, "--resume", "--name", directory.name]
    close = partial(write_summary, directory, plan)
    return train_shown(directory, plan, engine, workers, shown, command, close, strict=asked.strict)


def opened_study(kind: str, name: str | None, plan: Callable[[], StudyPlan], *, resume: bool) -> tuple[Path, StudyPlan]:
    """The directory and the plan of a study of a `kind` that is begun as `plan` says, or gone on with as it was planned.

    :raise ConfigError: `name` is no name, or what is asked for cannot be planned. :raise RunError: the study is there already, or
        is not there to go on with.
    """
    if resume:
        directory = study_to_resume(name, kind)
        return directory, read_plan(directory)
    directory, made = new_study_directory(name), plan()
    begin_study(directory, made)
    return directory, made


def new_study_directory(name: str | None) -> Path:
    """The directory of a study that is to begin.

    :raise ConfigError: `name` is no name. :raise RunError: there is a study of it.
    """
    if name is None:
        return new_run_directory(STUDIES)
    directory = STUDIES / _checked_name(name)
    if (directory / PLAN).is_file():
        raise RunError(
            f"{directory}: a study of this name is there; go on with it with --resume, or choose another name"
        )
    return directory


def study_to_resume(name: str | None, kind: str) -> Path:
    """The directory of the study of this name, or of the newest one of a `kind` that is not finished.

    :raise ConfigError: `name` is no name. :raise RunError: there is none, or it is of another kind.
    """
    if name is not None:
        directory = STUDIES / _checked_name(name)
        if (found := read_plan(directory).kind) != kind:
            raise RunError(f"{directory}: not a {kind}, but a {found}; go on with it with `{PROGRAM} {found} --resume`")
        return directory
    for directory in sorted(studies_in(STUDIES), key=lambda each: (each / PLAN).stat().st_mtime_ns, reverse=True):
        plan = read_plan(directory)
        if plan.kind == kind and not all(is_finished(directory, run) for run in plan.runs):
            return directory
    raise RunError(f"{STUDIES}: no unfinished {kind} to resume; name one with --name")


def _checked_name(name: str) -> str:
    if not is_run_name(name):
        raise ConfigError(f"--name {name}: not the name of a study, expected {NAME_RULE}; it is made in {STUDIES}/")
    return name


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
