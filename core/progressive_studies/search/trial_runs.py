"""The runs of a search, each of which follows from the plan and the choices so far; and what came of them, read from their directories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen

from progressive_app.config.app_settings import PLUGINS, SEQUENCE
from progressive_app.config.choices import merged_choices
from progressive_app.config.per_bucket import with_own_values
from progressive_app.config.stages import flat
from progressive_app.json_values import json_values
from progressive_app.quoting import show
from progressive_app.store.documents import read_json, read_json_lines
from progressive_app.store.progress import STATE, read_progress
from progressive_app.store.run_store import METRICS
from progressive_core.contract.core_settings import SEED
from progressive_core.contract.errors import RunError
from progressive_core.contract.records import BucketResult
from progressive_core.contract.setting import Settings
from progressive_core.contract.store import EpisodeLine
from progressive_studies.search.search_plan import SearchPlan
from progressive_studies.search.tried import Trial
from progressive_studies.study.study_plan import PlannedRun, run_directory
from progressive_studies.walk_forward.folding import Fold

EVIDENCE = "EVIDENCE"
"""The market's setting that says which bars judge a model."""
HALF, TEST = "half", "test"
LEFT_OUT = ("no:report", "no:picture")
"""Plugins that no trial has: nobody looks at the page of each of thirty."""
LAGS = "it lags behind trials of earlier batches"
"""Why a trial is given up."""
CHOICE = "choice"
"""The run of the choice, and of the two settings that are compared the one that was found."""
Arm = Literal["incumbent", "choice"]


@frozen(kw_only=True)
class TrialRun:
    """A run of a search that is about the last bucket of its sequence, `bucket`.

    It goes on from a copy of the run `base`, which holds the buckets before it, with `changes` of its settings; "": it has none.
    """

    run: PlannedRun
    bucket: str
    base: str = ""
    changes: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class Place:
    """How the search of a bucket ended: the number of the trial that the next bucket's go on from, the arm whose fresh runs theirs go
    on from, and the `settings` that were adopted, none where it stays as it is."""

    trial: int
    arm: Arm
    settings: Mapping[str, Any]


@frozen
class SearchRuns:
    """The runs of a search with the user's `settings`, once the buckets in `places`, the first ones, are chosen for."""

    search: SearchPlan
    settings: Settings
    places: Sequence[Place] = ()

    @property
    def incumbent(self) -> dict[str, Any]:
        """The values that the settings which vary have now, of the bucket that is searched."""
        about = self.search.buckets[len(self.places)]
        own = self.settings.for_bucket(about.bucket)
        return {key: own[key] for key in about.space}

    def name_of_trial(self, number: int) -> str:
        """What a trial is called; so is its run, where it has only one."""
        return self._named(f"trial-{number:02d}")

    def of_trial(self, number: int, values: Mapping[str, Any]) -> tuple[TrialRun, ...]:
        """The runs of a trial, one for each fold."""
        return self._runs(self.name_of_trial(number), self.settings[SEED], values)

    def of_fresh(self, arm: Arm, seed: int, values: Mapping[str, Any]) -> tuple[TrialRun, ...]:
        """The runs with a seed that no trial had, of the incumbent's values or of those that were found."""
        return self._runs(self._named(f"{arm}-seed-{seed}"), seed, values)

    def ahead_of_fresh(self, seed: int) -> tuple[TrialRun, ...]:
        """The runs that those with a fresh seed go on from, in the order in which they are trained; none for the first bucket."""
        return (*self._before.ahead_of_fresh(seed), *self._base(seed)) if self.places else ()

    def of_choice(self) -> PlannedRun:
        """The run of the adopted settings: all buckets of the user's sequence, on the user's bars, or with several folds on those of the
        last. Of what was tuned the test part alone is evidence."""
        names = flat(self.settings[SEQUENCE])
        adopted = {
            each.bucket: {**place.settings, **self._evidence(TEST)}
            for each, place in zip(self.search.buckets, self.places, strict=True)
            if place.settings
        }
        bars = self.search.folds[-1].settings if len(self.search.folds) > 1 else {}
        return PlannedRun(
            name=CHOICE, settings={**self.search.settings, **self._own(adopted, names), **json_values(bars)}
        )

    @property
    def _before(self) -> SearchRuns:
        return SearchRuns(self.search, self.settings, self.places[:-1])

    def _base(self, seed: int) -> tuple[TrialRun, ...]:
        """The runs that those with a seed go on from, one for each fold; none for the first bucket."""
        if not self.places:
            return ()
        place = self.places[-1]
        if seed == self.settings[SEED]:
            return self._before.of_trial(place.trial, place.settings)
        return self._before.of_fresh(place.arm, seed, place.settings)

    def _named(self, name: str) -> str:
        about = self.search.buckets[len(self.places)]
        return f"{about.bucket}-{name}" if len(self.search.buckets) > 1 else name

    def _runs(self, name: str, seed: int, values: Mapping[str, Any]) -> tuple[TrialRun, ...]:
        folds, about = self.search.folds, self.search.buckets[len(self.places)]
        before = self._base(seed)
        runs = []
        for position, fold in enumerate(folds):
            own = self._settings(fold, seed, values)
            base = before[position] if before else None
            changes = {key: own[key] for key in own if base and own[key] != base.run.settings[key]}
            run = PlannedRun(
                name=f"{name}-fold-{fold.number}" if len(folds) > 1 else name,
                settings=own,
                labels={"fold": fold.number},
                after=(base.run.name,) if base else (),
            )
            runs.append(TrialRun(run=run, bucket=about.bucket, base=base.run.name if base else "", changes=changes))
        return tuple(runs)

    def _settings(self, fold: Fold, seed: int, values: Mapping[str, Any]) -> dict[str, Any]:
        """All settings of a run on one fold."""
        names = [each.bucket for each in self.search.buckets[: len(self.places) + 1]]
        own = dict(zip(names, (*(place.settings for place in self.places), values), strict=True))
        forced = {
            SEQUENCE.key: names,
            SEED.key: seed,
            PLUGINS.key: merged_choices(self.settings[PLUGINS], LEFT_OUT),
            **self._evidence(HALF),
            **fold.settings,
        }
        return {**self.search.settings, **self._own(own, names), **json_values(forced)}

    def _own(self, own: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
        """The settings that buckets have values of their own for, as JSON values."""
        keys = {key: None for values in own.values() for key in values}
        each = {key: {bucket: values[key] for bucket, values in own.items() if key in values} for key in keys}
        declared = self.settings.declared
        return {
            key: json_values(with_own_values(declared[key], self.settings[key], value, names))
            for key, value in each.items()
        }

    def _evidence(self, which: str) -> dict[str, str]:
        return {EVIDENCE: which} if EVIDENCE in self.settings.declared else {}


def result_of(study: Path, run: TrialRun) -> BucketResult | None:
    """How the bucket that a run is about ended; None while the run is not finished."""
    directory = run_directory(study, run.run.name)
    if not (directory / STATE).is_file():
        return None
    try:
        progress = read_progress(directory)
    except RunError:  # a worker that takes it up mends it, or says what is wrong
        return None
    found = [each for each in progress.results if each.bucket == run.bucket]
    return found[0] if found and progress.status == "finished" else None


def is_given_up(result: BucketResult) -> bool:
    """Whether a run ended since its trial lagged behind."""
    return result.stopped.endswith(LAGS)


def check_own(study: Path, run: PlannedRun, bucket: str, keys: Iterable[str]) -> None:
    """Check that what stands in a run's place has the settings that were planned for it: the `keys` of a `bucket`, and the seed.

    :raise RunError: another run stands there, or it cannot be read.
    """
    directory = run_directory(study, run.name)
    written = read_json(directory / "config.json")
    for key in (SEED.key, *keys):
        there, planned = (_of_bucket(each.get(key), bucket) for each in (written, run.settings))
        if there != planned:
            raise RunError(
                f"{directory}: another run stands in its place ({key} is {show(there)} there, and {show(planned)} in the search): remove "
                "it, and --resume trains the right one"
            )


def _of_bucket(value: Any, bucket: str) -> Any:
    return value.get(bucket) if isinstance(value, Mapping) else value


def trial_of(study: Path, number: int, values: Mapping[str, Any], runs: Sequence[TrialRun]) -> Trial | None:
    """What came of a trial; None while one of its runs is not finished, unless one before it was given up.

    :raise RunError: the episodes of a finished run cannot be read, or some are missing; or another run stands in its place.
    """
    score, steps = 0.0, list[float]()
    for run in runs:
        result = result_of(study, run)
        if result is None:
            return None
        check_own(study, run.run, run.bucket, values)
        directory = run_directory(study, run.run.name)
        lines = read_json_lines(directory / METRICS, EpisodeLine)
        bests = [score + _number(line["best_score"]) for line in lines if line["bucket"] == run.bucket]
        if len(bests) != result.episodes:
            raise RunError(
                f"{directory / METRICS}: {len(bests)} of {result.episodes} episodes of {run.bucket} are there: remove {directory}, and "
                "--resume trains it anew"
            )
        steps += bests
        score += result.best_score
        if is_given_up(result):
            return Trial(number=number, values=values, status="pruned", score=score, steps=tuple(steps))
    return Trial(number=number, values=values, status="finished", score=score, steps=tuple(steps))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
