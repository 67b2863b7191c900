"""`Study`: a grid of runs, from Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

from progressive_app.config.checking import checked
from progressive_app.config.common_kinds import FilePath
from progressive_app.config.resolve import resolve_caller
from progressive_app.engines.engine import Engine
from progressive_app.engines.named import opened_engine
from progressive_app.engines.task import TaskEvent
from progressive_app.machine.logs import logging_configured
from progressive_app.machine.undoing import undoes_all
from progressive_app.processes.spawned import check_main_guard
from progressive_app.quoting import show
from progressive_core.contract.core_settings import SEED
from progressive_core.contract.errors import ConfigError, RunError
from progressive_core.contract.setting import Settings
from progressive_front.found_runs import Teachers, checked_teachers
from progressive_front.from_python.caller_values import check_flags, check_function, check_mapping
from progressive_front.study.planned_training import check_settings, fixed, named_teachers
from progressive_front.study.study_running import begin_study, run_study
from progressive_studies.study.grid import Grid, plan_of
from progressive_studies.study.study_files import write_summary
from progressive_studies.study.study_plan import PLAN, StudyPlan, read_plan
from progressive_studies.study.study_summary import StudySummary, summary_of


class Study:
    """A grid of ordinary runs, each seed on each market with each value of the settings that vary, and what they came to.

    Where `directory` holds a study it is opened, and nothing else is given; else it is planned, and `train` begins it.

    :param seeds: of the runs; SEED of the settings when None.
    :param data: paths of files of bars, each a market of its own; DATA of the settings when None.
    :param vary: by key the values to try, as in `{"LEARNING_RATE": [1e-3, 3e-4]}`; the first is what the others are compared with.
    :param settings, plugins: of all runs, as those of a `ProgressiveTrainer`; plugins by name only.
    :param transfer_from: finished models that teach in every run, as in `ProgressiveTrainer.train_progressively`.
    :param scratch_arms: beside every bucket that was taught, train it without transfer.
    :raise ConfigError: something is out of range, or given twice. :raise DataError: a file cannot be read.
    :raise RunError: the directory holds a study and a grid is given, or its plan was changed.
    """

    @logging_configured()
    def __init__(
        self,
        directory: Path | str,
        *,
        seeds: Sequence[int] | None = None,
        data: Path | str | Sequence[Path | str] | None = None,
        vary: Mapping[str, Sequence[Any]] | None = None,
        settings: Mapping[str, Any] | None = None,
        plugins: Sequence[str] = (),
        transfer_from: Teachers = None,
        scratch_arms: bool = False,
    ) -> None:
        self.directory = Path(checked(FilePath(), directory, "directory"))
        check_main_guard()
        self._interrupt = Event()
        self._reasons: dict[str, str] = {}
        self._begun = (self.directory / PLAN).is_file()
        if not self._begun:
            self._plan = _planned(seeds, data, vary, settings, plugins, transfer_from, scratch_arms=scratch_arms)
        elif any(each is not None for each in (seeds, data, vary, settings, transfer_from)) or plugins or scratch_arms:
            raise RunError(
                f"{self.directory}: a study is there, and its plan is fixed: open it with Study({str(self.directory)!r}) alone, or "
                "choose another directory"
            )
        else:
            self._plan = read_plan(self.directory)

    def __repr__(self) -> str:
        return f"<Study: {len(self._plan.runs)} runs in {self.directory}>"

    @property
    def plan(self) -> StudyPlan:
        """Every run with its settings and labels; it does not change."""
        return self._plan

    @property
    def summary(self) -> StudySummary:
        """What the runs have come to so far; one that is not finished counts nowhere."""
        return summary_of(self.directory, self._plan, self._reasons)

    @undoes_all
    @logging_configured()
    def train(
        self,
        *,
        workers: int = 1,
        engine: str | Engine | None = None,
        address: str | None = None,
        strict: bool = False,
        on_event: Callable[[TaskEvent], object] | None = None,
    ) -> StudySummary:
        """Train every run that is not finished, and write `summary.json`, `summary.md` and `summary.html`.

        What is trained does not depend on the arguments. A script that has workers does its work under
        `if __name__ == "__main__":`, since each process imports it.

        :param workers: how many runs at once. :param engine: "here", "local" or "ray", or an engine of one's own; "here" for one
            worker and "local" for more when None. :param address: of a Ray cluster.
        :param strict: refuse to go on where runs were trained in another environment, as `ProgressiveTrainer.resume` does.
        :param on_event: gets what happens to each run.
        :return: what came of it. A run that failed stops no other: `summary.unfinished` names it, with the reason.
        """
        check_function(on_event, "on_event", "a TaskEvent")
        check_flags({"strict": strict})
        try:
            with opened_engine(engine, workers, address) as used:
                if not self._begun:
                    begin_study(self.directory, self._plan)
                    self._begun = True
                ends = run_study(
                    self.directory,
                    self._plan,
                    used,
                    workers=workers,
                    strict=strict,
                    interrupted=self._interrupt.is_set,
                    on_event=on_event or (lambda _: None),
                )
        finally:
            self._interrupt.clear()
        self._reasons = {name: str(end.error) for name, end in ends.items() if end.error is not None}
        write_summary(self.directory, self._plan, self._reasons)
        return self.summary

    def interrupt(self) -> None:
        """Have every run that trains stop behind the checkpoint of its episode, and `train` return. From a thread or a signal handler."""
        self._interrupt.set()


def _planned(
    seeds: Sequence[int] | None,
    data: Path | str | Sequence[Path | str] | None,
    vary: Mapping[str, Sequence[Any]] | None,
    settings: Mapping[str, Any] | None,
    plugins: Sequence[str],
    transfer_from: Teachers,
    *,
    scratch_arms: bool,
) -> StudyPlan:
    check_mapping(settings)
    resolved = isinstance(settings, Settings) and bool(settings.declared)
    used = settings if isinstance(settings, Settings) and resolved else resolve_caller(settings or {}, plugins)
    several = [data] if isinstance(data, str | Path) else list(data or ())
    grid = Grid(
        settings=fixed(used, plugins, isolated=False),  # a script without workers needs no guard
        seeds=tuple(checked(SEED, seed, "seeds") for seed in ([used[SEED]] if seeds is None else seeds)),
        markets=tuple(checked(FilePath(), market, "data") for market in several),
        varied=_varied(vary or {}, used),
        teachers=named_teachers(checked_teachers(transfer_from, "transfer_from"), used),
        scratch_arms=scratch_arms,
    )
    return plan_of(grid, check_settings)


def _varied(vary: Any, settings: Settings) -> dict[str, tuple[Any, ...]]:
    if not isinstance(vary, Mapping):
        raise ConfigError(f'vary is {show(vary)}, expected a dictionary like {{"LEARNING_RATE": [1e-3, 3e-4]}}')
    for key, values in vary.items():
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise ConfigError(f"vary: {key} is {show(values)}, expected a list of its values")
        if key not in settings.declared:
            raise ConfigError(f"vary: unknown setting {show(key)}; `progressive-training config` lists the known ones")
    return {
        key: tuple(checked(settings.declared[key], value, f"vary: {key}") for value in values)
        for key, values in vary.items()
    }
