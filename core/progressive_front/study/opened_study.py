"""The directory of a study that a command means: a new one that is begun, or one that is there and gone on with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from progressive_app.store.runs import new_run_directory
from progressive_core import PROGRAM
from progressive_core.contract.errors import ConfigError, RunError
from progressive_front.study.planned_training import is_finished
from progressive_front.study.study_running import begin_study
from progressive_studies.study.study_plan import NAME_RULE, PLAN, STUDIES, StudyPlan, is_run_name, read_plan, studies_in


def all_runs_finished(directory: Path, plan: StudyPlan) -> bool:
    """Whether every run of the plan is."""
    return all(is_finished(directory, run) for run in plan.runs)


@frozen(kw_only=True)
class StudyKind:
    """Studies of one command: its `name`, which their plans have, the `place` that they are made in, what one is called (`noun`), and
    whether one is finished."""

    name: str
    place: Path = STUDIES
    noun: str = "study"
    is_finished: Callable[[Path, StudyPlan], bool] = all_runs_finished

    @property
    def one(self) -> str:
        """What one is called where studies of other kinds are beside it."""
        return self.name if self.place == STUDIES else self.noun


def opened_study(
    kind: StudyKind, name: str | None, plan: Callable[[Path], StudyPlan], *, resume: bool
) -> tuple[Path, StudyPlan]:
    """The directory and the plan of a study of a `kind` that is begun as `plan` says, or gone on with as it was planned.

    :param plan: makes the plan for a directory that is still to be made. :raise ConfigError: `name` is no name, or what is asked for cannot be planned. :raise RunError: the study is there already, or
        is not there to go on with.
    """
    if resume:
        directory = study_to_resume(name, kind)
        return directory, read_plan(directory)
    directory = new_study_directory(name, kind)
    made = plan(directory)
    begin_study(directory, made, kind.noun)
    return directory, made


def new_study_directory(name: str | None, kind: StudyKind) -> Path:
    """The directory of a study that is to begin.

    :raise ConfigError: `name` is no name. :raise RunError: there is a study of it.
    """
    if name is None:
        return new_run_directory(kind.place)
    directory = kind.place / _checked_name(name, kind)
    if (directory / PLAN).is_file():
        raise RunError(
            f"{directory}: a {kind.noun} of this name is there; go on with it with --resume, or choose another name"
        )
    return directory


def study_to_resume(name: str | None, kind: StudyKind) -> Path:
    """The directory of the study of this name, or of the newest one of a `kind` that is not finished.

    :raise ConfigError: `name` is no name. :raise RunError: there is none, or it is of another kind.
    """
    if name is not None:
        directory = kind.place / _checked_name(name, kind)
        if (found := read_plan(directory).kind) != kind.name:
            raise RunError(
                f"{directory}: not a {kind.one}, but a {found}; go on with it with `{PROGRAM} {found} --resume`"
            )
        return directory
    for directory in sorted(studies_in(kind.place), key=lambda each: (each / PLAN).stat().st_mtime_ns, reverse=True):
        plan = read_plan(directory)
        if plan.kind == kind.name and not kind.is_finished(directory, plan):
            return directory
    raise RunError(f"{kind.place}: no unfinished {kind.one} to resume; name one with --name")


def _checked_name(name: str, kind: StudyKind) -> str:
    if not is_run_name(name):
        raise ConfigError(
            f"--name {name}: not the name of a {kind.noun}, expected {NAME_RULE}; it is made in {kind.place}/"
        )
    return name
