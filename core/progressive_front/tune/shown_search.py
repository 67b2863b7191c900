"""A search before a person or a program: what it is about, its trials while they run and as they end, the choice, and where the page is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from progressive_app.engines.engine import Engine
from progressive_app.engines.task import TaskEnd, TaskEvent
from progressive_app.json_values import json_values
from progressive_app.machine.terminal import print_text
from progressive_app.presentation.record_values import in_percent
from progressive_app.presentation.text_table import sentence
from progressive_core.contract.profit import profit_text
from progressive_front.study.shown_study import Shown, carry_out, display, events_of
from progressive_front.study.study_events import StudyEvents
from progressive_front.tune.search_running import run_search
from progressive_studies.search.choosing import Choice
from progressive_studies.search.search_document import PAGE, is_searched, shown_search
from progressive_studies.search.search_plan import TUNE, BucketSearch, SearchPlan, search_of
from progressive_studies.search.search_tables import value_text
from progressive_studies.search.tried import Trial
from progressive_studies.study.study_plan import StudyPlan

SEARCH = "search"
"""What a search is called among the events."""


def search_shown(
    directory: Path,
    plan: StudyPlan,
    engine: Engine,
    workers: int,
    shown: Shown,
    finish: Callable[[], str],
    *,
    strict: bool,
) -> int:
    """Go on with a begun search, and return the exit status, as `train_shown`.

    :param finish: called once it is finished; returns a line to print, or "". :param strict: as in `run_search`.
    """
    search = search_of(directory, plan)
    with events_of(shown, SEARCH) as events:
        watch = _Shown(directory, search, shown, events)
        watch.begins()

        def train(interrupted: Callable[[], bool]) -> dict[str, TaskEnd]:
            return run_search(directory, plan, engine, watch, workers=workers, strict=strict, interrupted=interrupted)

        def close(_: object) -> tuple[Path | None, str]:
            if not is_searched(directory):
                return None, ""
            text, written = shown_search(directory), finish()
            return directory / PAGE, f"{text}\n{written}" if written else text

        def left() -> list[str]:
            return [] if is_searched(directory) else [directory.name]

        return carry_out(directory, train, left, shown, [TUNE, "--resume", "--name", directory.name], close, events)


class _Shown:
    """Prints what a search does, or writes it as events."""

    def __init__(self, directory: Path, search: SearchPlan, shown: Shown, events: StudyEvents | None) -> None:
        self._directory, self._search, self._shown, self._events = directory, search, shown, events
        self._is_printed = events is None and not shown.quiet
        self._warned = set[str]()

    def begins(self) -> None:
        """Show what is searched, and which bars are for what."""
        search, folds = self._search, self._search.folds
        if self._events is not None:
            buckets = [{"bucket": each.bucket, "space": each.space} for each in search.buckets]
            self._events.start(self._directory, buckets=buckets, trials=search.trials, folds=len(folds))
        if not self._is_printed or is_searched(self._directory):
            return
        lines = [f"{self._directory}: {search.trials} trials{' of each bucket' if len(search.buckets) > 1 else ''}."]
        spaces = {each.bucket: [f"{key} {text}" for key, text in each.space.items()] for each in search.buckets}
        lines += [f"{bucket}: {', '.join(texts)}." for bucket, texts in spaces.items()]
        where = f", {folds[0].validate_from[:10]} to {folds[-1].test_from[:10]}," if folds[0].validate_from else ""
        several = f" in {len(folds)} folds" if len(folds) > 1 else ""
        lines.append(
            f"Every other stretch of validation{where}{several} chooses; those between are held back until there is a choice to confirm. "
            "The test part stays unread until one is adopted."
        )
        for line in lines:
            print_text(sentence(line))

    def tasks(
        self, names: Sequence[str], about: str, best: Trial | None, values: Mapping[str, Mapping[str, Any]]
    ) -> AbstractContextManager[Callable[[TaskEvent], object]]:
        """While tasks run: what takes their events."""
        line = about if best is None else f"{about}; best so far: {_described(best)}"
        texts = {name: ", ".join(map(value_text, each.values())) for name, each in values.items()}
        return display(names, self._shown, self._events, line, self._warned, texts)

    def trial(self, about: BucketSearch, trial: Trial) -> None:
        """Show how a trial ended."""
        if self._events is not None:
            values = {key: value for key, value in in_percent(trial, "score").items() if key != "steps"}
            self._events.write("trial", bucket=about.bucket, episodes=trial.episodes, **values)
        if self._is_printed:
            print_text(f"{about.bucket}, {_described(trial)}")

    def choice(self, about: BucketSearch, choice: Choice) -> None:
        """Show what was decided."""
        if self._events is not None:
            self._events.write("choice", bucket=about.bucket, **json_values(choice))
        if self._is_printed:
            print_text(f"{about.bucket}: {choice.why}")


def _described(trial: Trial) -> str:
    values = ", ".join(f"{key} {value_text(value)}" for key, value in trial.values.items())
    which = f"trial {trial.number}" + (" (the settings as they are)" if trial.number == 0 else "")
    pruned = ", given up" if trial.status == "pruned" else ""
    return f"{which}: {profit_text(trial.score)} after {trial.episodes} episodes{pruned}; {values}"
