"""The journal of a search: its trials in Optuna's own file, which optuna-dashboard opens while the search runs.

Nothing rests on it: what trials are asked follows from those before them, and what came of them is in their runs. So a journal that
was lost is written anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from attrs import frozen

from progressive_app.locks.file_lock import FileLock, NoFileLocks
from progressive_app.quoting import shortened, show
from progressive_core.contract.errors import RunError, WriteError
from progressive_studies.search.space import Span
from progressive_studies.search.tried import Trial
from progressive_studies.search.with_optuna import distributions_of, params_of, quiet_optuna, score_of, values_of

if TYPE_CHECKING:
    from optuna.storages import JournalStorage
    from optuna.trial import FrozenTrial, TrialState

PATIENCE = 10.0
"""Seconds to wait for another process that writes into the file."""
BEGINS = b'{"op_code":'
"""How the first line of Optuna's file begins."""
SPACE = "space"
"""The study's attribute that holds the texts of its space."""
_DAMAGED = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RuntimeError, ArithmeticError)
"""What Optuna raises at lines that are not its own, and where another program takes a study or a trial away."""


@frozen
class Begun:
    """A trial as the journal has it: its number, the values that lie in the space, and what came of it so far."""

    number: int
    values: Mapping[str, Any]
    status: Literal["running", "finished", "pruned"]


class Journal:
    """The trials of the study `name` in `file`, which may hold other studies; what is absent is made.

    A last line that a kill cut short is cut off, as it never came to be. The lock of its writers is the operating system's, which no
    killed process holds: Optuna's own, left behind, would have to be waited for.

    :param space: what varies in its trials. :raise ConfigError: Optuna is missing.
    :raise RunError: the file is damaged, or its study has another space. :raise WriteError: it cannot be written.
    """

    def __init__(self, file: Path, name: str, space: Mapping[str, Span]) -> None:
        self._file, self._space = file, dict(space)
        texts = {key: span.text for key, span in space.items()}
        with _used(file):
            self._storage = _opened(file)
            self._study = _study_in(self._storage, name)
            found = self._storage.get_study_user_attrs(self._study).get(SPACE)
            if found is None:
                self._storage.set_study_user_attr(self._study, SPACE, found := texts)
            self._trials()
        if found != texts:
            raise RunError(
                f"{file}: its study {show(name)} varies {show(found)}, expected {show(texts)}: give the search another "
                "name or --storage, or move the file away"
            )

    def begun(self) -> list[Begun]:
        """All its trials, by their numbers from 0 on.

        :raise RunError: one has values that are none of the space.
        """
        with _used(self._file):
            return [Begun(each.number, values_of(self._space, each.params), _status(each)) for each in self._trials()]

    def as_begun(self, first: int, asked: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The values of the trials from number `first` on: those of the journal where they were begun, else as they are `asked` now,
        which may differ from what another version of Optuna had asked.

        :raise RunError: as `begun`.
        """
        complete = {each.number: each.values for each in self.begun() if len(each.values) == len(self._space)}
        return [dict(complete.get(number, values)) for number, values in enumerate(asked, first)]

    def begin(self, number: int, values: Mapping[str, Any], runs: Sequence[str] = ()) -> None:
        """Put a trial there as running; one that is there already runs again.

        :param values: those outside the space are left out. :param runs: names of its runs, for people who look at it.
        :raise RunError: the trial is there with other values, or is not the next one. :raise WriteError: the file cannot be written.
        """
        from optuna.trial import TrialState, create_trial

        params = params_of(self._space, values)
        distributions = {key: each for key, each in distributions_of(self._space).items() if key in params}
        attributes = {"incumbent": number == 0, "runs": list(runs)}
        with _used(self._file):
            trials = self._trials()
            if number == len(trials):
                new = create_trial(
                    state=TrialState.RUNNING, params=params, distributions=distributions, user_attrs=attributes
                )
                self._storage.create_new_trial(self._study, new)
            elif number > len(trials) or trials[number].params != params:
                there = trials[number].params if number < len(trials) else f"none, and {len(trials)} before it"
                raise RunError(
                    f"{self._file}: trial {number} is {show(there)}, expected {show(params)}: move the file away, and the "
                    "search writes it anew from its runs"
                )
            elif trials[number].state == TrialState.WAITING:
                self._put(trials[number], TrialState.RUNNING)

    def tell(self, trial: Trial) -> None:
        """Put down what came of a trial that was begun; nothing where it was told before.

        :raise WriteError: the file cannot be written.
        """
        from optuna.trial import TrialState

        with _used(self._file):
            there = self._trials()[trial.number]
            if there.state.is_finished():
                return
            for episode, score in enumerate(trial.steps, 1):
                if episode not in there.intermediate_values:
                    self._storage.set_trial_intermediate_value(there._trial_id, episode, score_of(score))
            state = TrialState.COMPLETE if trial.status == "finished" else TrialState.PRUNED
            self._put(there, state, [score_of(trial.score)])

    def leave(self) -> None:
        """Put what is running there as waiting: the search ends here, and may be gone on with."""
        from optuna.trial import TrialState

        with _used(self._file):
            for trial in self._trials():
                if trial.state == TrialState.RUNNING:
                    self._put(trial, TrialState.WAITING)

    def _trials(self) -> list[FrozenTrial]:
        trials = self._storage.get_all_trials(self._study, deepcopy=False)
        for place, trial in enumerate(trials):
            _status(trial)
            if trial.number != place:
                raise ValueError(f"trial {trial.number} is in place {place}")
        return trials

    def _put(self, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None = None) -> None:
        self._storage.set_trial_state_values(trial._trial_id, state, values)


def _opened(file: Path) -> JournalStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    class SystemLock(JournalFileOpenLock):
        def __init__(self) -> None:
            super().__init__(str(file))
            self._lock = FileLock(file)

        def acquire(self) -> bool:
            with suppress(NoFileLocks):  # a line is appended in one piece, and one search writes here
                self._lock.acquire(PATIENCE)
            return True

        def release(self) -> None:
            self._lock.release()

    file.parent.mkdir(parents=True, exist_ok=True)
    lock = SystemLock()
    if file.exists():
        if not file.is_file():  # a pipe may keep its reader waiting
            raise OSError(f"{file} is no file")
        lock.acquire()
        try:
            with file.open("r+b") as written:
                _cut_last_line(written)
        finally:
            lock.release()
    return JournalStorage(JournalFileBackend(str(file), lock))


def _cut_last_line(file: BinaryIO) -> None:
    """Cut off what stands behind the last line that has its end.

    :raise ValueError: it is another program's file, which nothing is cut off.
    """
    lines = file.read()
    if not lines.startswith(BEGINS) and not BEGINS.startswith(lines):
        raise ValueError(f"it begins with {shortened(repr(lines[:20]))}")
    if whole := len(lines) - lines.rfind(b"\n") - 1:
        file.truncate(len(lines) - whole)


def _study_in(storage: JournalStorage, name: str) -> int:
    from optuna.study import StudyDirection

    for study in storage.get_all_studies():
        if study.study_name == name:
            if study.directions != [StudyDirection.MAXIMIZE]:
                raise ValueError(f"its study {name} looks for low scores")
            return study._study_id
    return storage.create_new_study([StudyDirection.MAXIMIZE], name)


def _status(trial: FrozenTrial) -> Literal["running", "finished", "pruned"]:
    from optuna.trial import TrialState

    known: dict[TrialState, Literal["running", "finished", "pruned"]] = {
        TrialState.WAITING: "running",
        TrialState.RUNNING: "running",
        TrialState.COMPLETE: "finished",
        TrialState.PRUNED: "pruned",
    }
    return known[trial.state]


@contextmanager
def _used(file: Path) -> Iterator[None]:
    """Turn what the disk refuses, and what Optuna makes of a damaged file, into one line."""
    try:
        with quiet_optuna():
            yield
    except OSError as error:
        raise WriteError(f"{file}: the journal of the search cannot be written ({error.strerror or error})") from error
    except _DAMAGED as error:
        raise RunError(
            f"{file}: not a journal of a search, or damaged ({type(error).__name__}: {shortened(str(error))}): move it away, "
            "and the search writes it anew from its runs"
        ) from error
