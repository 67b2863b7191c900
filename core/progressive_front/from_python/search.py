"""`Search`: a search for settings, from Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Event
from typing import Any

from progressive_app.config.checking import checked
from progressive_app.config.choices import named
from progressive_app.config.common_kinds import FilePath
from progressive_app.config.resolve import resolve_caller
from progressive_app.engines.engine import Engine
from progressive_app.engines.named import opened_engine
from progressive_app.engines.task import TaskEvent
from progressive_app.machine.logs import logging_configured
from progressive_app.machine.undoing import undoes_all
from progressive_app.processes.spawned import check_main_guard
from progressive_app.quoting import show
from progressive_core.contract.errors import ConfigError, RunError
from progressive_core.contract.kinds import Whole
from progressive_core.contract.setting import Settings
from progressive_core.engine.run import Interrupted
from progressive_front.from_python.caller_values import check_flags, check_function, check_mapping
from progressive_front.study.study_running import begin_study
from progressive_front.study.walk_folding import folding_of
from progressive_front.tune.planned_search import KIND, AskedSearch, planned_search
from progressive_front.tune.search_running import run_search
from progressive_front.tune.written_choice import check_writable, write_choice
from progressive_studies.search.choosing import Choice
from progressive_studies.search.search_document import is_searched, read_search
from progressive_studies.search.search_plan import (
    FEWEST,
    MOST,
    TRIALS,
    BucketSearch,
    SearchPlan,
    planned_settings,
    search_of,
)
from progressive_studies.search.search_tables import adopted_settings
from progressive_studies.search.tried import Trial
from progressive_studies.study.study_plan import PLAN, read_plan


class Search:
    """A search for better settings of a bucket: trials on half of validation, and a choice that the other half has to confirm.

    Where `directory` holds a search it is opened, and nothing else is given; else it is planned, and `train` begins it.

    :param bucket: whose settings are searched; "all": those of each in SEQUENCE, in its place.
    :param trials: of each bucket, the settings as they are among them; 30 when None.
    :param space: what varies, as in `{"LEARNING_RATE": "1e-4..1e-2:log", "DROPOUT": "0..0.5"}`; what `tunable()` of each bucket says
        when None.
    :param data: the path of a file of bars; DATA of the settings when None.
    :param settings, plugins: of all trials, as those of a `ProgressiveTrainer`; plugins by name only.
    :param folds, every, window: train each trial on so many folds of a walk-forward, or on one `every` "180d", each on the bars of a
        `window` before it, "730d"; on the bars of the run alone when None.
    :param storage: the journal of the trials, Optuna's own file; `journal.log` in the directory when None.
    :raise ConfigError: something is out of range, the bucket cannot be searched, or Optuna is missing (the extra `[tune]`).
    :raise DataError: the bars cannot be read. :raise RunError: the directory holds a search and another is described.
    """

    @logging_configured()
    def __init__(
        self,
        directory: Path | str,
        *,
        bucket: str | None = None,
        trials: int | None = None,
        space: Mapping[str, str] | None = None,
        data: Path | str | None = None,
        settings: Mapping[str, Any] | None = None,
        plugins: Sequence[str] = (),
        folds: int | None = None,
        every: str | None = None,
        window: str | None = None,
        storage: Path | str | None = None,
    ) -> None:
        self.directory = Path(checked(FilePath(), directory, "directory"))
        check_main_guard()
        self._interrupt = Event()
        self._begun = (self.directory / PLAN).is_file()
        given = (bucket, trials, space, data, settings, folds, every, window, storage)
        if self._begun:
            if any(each is not None for each in given) or plugins:
                raise RunError(
                    f"{self.directory}: a {KIND.noun} is there, and its plan is fixed: open it with Search({str(self.directory)!r}) alone, "
                    "or choose another directory"
                )
            self._plan = read_plan(self.directory)
            if self._plan.kind != KIND.name:
                raise RunError(f"{self.directory}: no search, but a {self._plan.kind}; choose another directory")
            return
        if named(bucket, "bucket") is None:
            raise ConfigError('bucket is missing: name the one whose settings are searched, or "all"')
        for each, name in ((folds, "folds"), (every, "every"), (window, "window")):
            if each is not None and (isinstance(each, bool) or not isinstance(each, int if name == "folds" else str)):
                raise ConfigError(
                    f"{name} is {show(each)}, expected {'a whole number' if name == 'folds' else 'a text like 180d'}"
                )
        asked = AskedSearch(
            bucket=str(bucket),
            trials=TRIALS if trials is None else checked(Whole(FEWEST, MOST), trials, "trials"),
            space=_texts(space),
            folding=folding_of(None if folds is None else str(folds), every, window)
            if any(each is not None for each in (folds, every, window))
            else None,
            plugins=tuple(plugins),
            storage=None if storage is None else Path(checked(FilePath(), storage, "storage")),
        )
        values = _settings(settings, data, plugins)
        # not isolated: a script without workers needs no guard
        self._plan = planned_search(asked, values, self.directory.name, isolated=False)

    def __repr__(self) -> str:
        buckets = " and ".join(each.bucket for each in self.plan.buckets)
        return f"<Search: {self.plan.trials} trials of {buckets} in {self.directory}>"

    @property
    def plan(self) -> SearchPlan:
        """What varies, on which bars, and how often it is tried; it does not change."""
        return search_of(self.directory, self._plan)

    @property
    def result(self) -> dict[str, Any] | None:
        """What `tune.json` holds: each bucket's trials, the choice and why, and its verdict; None while the search is not finished."""
        return read_search(self.directory) if is_searched(self.directory) else None

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """What was adopted, by setting and bucket, for a `ProgressiveTrainer`: `{"LEARNING_RATE": {"Medium": 0.0003}, ...}`; empty where
        nothing was. EVIDENCE is among it: the verdict on what validation chose is to count the test part alone.

        :raise RunError: the search is not finished.
        """
        return adopted_settings(self._finished())

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
        on_trial: Callable[[Trial], object] | None = None,
    ) -> dict[str, Any]:
        """Search until the end, and write `choice.json`, `tune.json`, `report.md` and `report.html`.

        What is found does not depend on the arguments, which are those of `Study.train`.

        :param on_trial: gets each trial that has ended, those too that were tried before.
        :return: `result`.
        :raise Interrupted: `interrupt` was called. :raise ProgressiveTrainingError: a trial failed; `train` tries it again.
        """
        check_function(on_event, "on_event", "a TaskEvent")
        check_function(on_trial, "on_trial", "a Trial")
        check_flags({"strict": strict})
        watch = _Watch(on_event or _nobody, on_trial or _nobody)
        try:
            with opened_engine(engine, workers, address) as used:
                if not self._begun:
                    begin_study(self.directory, self._plan, KIND.noun)
                    self._begun = True
                ends = run_search(
                    self.directory,
                    self._plan,
                    used,
                    watch,
                    workers=workers,
                    strict=strict,
                    interrupted=self._interrupt.is_set,
                )
        finally:
            self._interrupt.clear()
        for end in ends.values():
            if end.error is not None:
                raise end.error
        if ends:
            raise Interrupted(self.directory)
        return self._finished()

    @logging_configured()
    def write(self, file: Path | str) -> str:
        """Put what was adopted into a configuration file, in which all else stays, and return what was done, in a sentence.

        :raise ConfigError: the file is no configuration. :raise RunError: the search is not finished, or the file cannot be written.
        """
        file = Path(checked(FilePath(), file, "file"))
        document = self._finished()
        check_writable(file)
        return write_choice(file, document, self._own_settings())

    def interrupt(self) -> None:
        """Have every trial that trains stop behind the checkpoint of its episode, and `train` raise. From a thread or a signal handler."""
        self._interrupt.set()

    def _own_settings(self) -> Settings:
        return planned_settings(self.directory, self.plan)

    def _finished(self) -> dict[str, Any]:
        result = self.result
        if result is None:
            raise RunError(f"{self.directory}: this search is not finished; go on with it with train()")
        return result


class _Watch:
    """Passes on what a caller wants to hear."""

    def __init__(self, on_event: Callable[[TaskEvent], object], on_trial: Callable[[Trial], object]) -> None:
        self._on_event, self._on_trial = on_event, on_trial

    def tasks(
        self, names: Sequence[str], about: str, best: Trial | None, values: Mapping[str, Mapping[str, Any]]
    ) -> AbstractContextManager[Callable[[TaskEvent], object]]:
        return nullcontext(self._on_event)

    def trial(self, about: BucketSearch, trial: Trial) -> None:
        self._on_trial(trial)

    def choice(self, about: BucketSearch, choice: Choice) -> None:
        """It stands in the result."""


def _nobody(_: object) -> None:
    """Nobody asked."""


def _texts(space: Any) -> Mapping[str, str] | None:
    if space is None:
        return None
    if not isinstance(space, Mapping) or not all(isinstance(each, str) for pair in space.items() for each in pair):
        raise ConfigError(f'space is {show(space)}, expected a dictionary like {{"LEARNING_RATE": "1e-4..1e-2:log"}}')
    return dict(space)


def _settings(settings: Mapping[str, Any] | None, data: Any, plugins: Sequence[str]) -> Settings:
    check_mapping(settings)
    path = {} if data is None else {"DATA": checked(FilePath(), data, "data")}
    if isinstance(settings, Settings) and settings.declared:
        return Settings({**settings, **path}, settings.declared)
    return resolve_caller({**(settings or {}), **path}, plugins)
