"""What a study came to: each bucket's numbers over the seeds, and paired differences between arms and between settings.

A pair has the same seed on the same bars. What a row puts together beside the seed (markets, other settings) is averaged for each
seed first: seeds are what was drawn anew, so their number is that of the evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from progressive_app.json_values import json_values
from progressive_core.contract.profit import percent
from progressive_studies.study.grid import DATA, MARKET, SEED_LABEL
from progressive_studies.study.outcomes import FROM_SCRATCH, TAUGHT, BucketOutcome, RunOutcome, outcome_of
from progressive_studies.study.paired_statistics import Spread, spread_of
from progressive_studies.study.study_notes import notes_of
from progressive_studies.study.study_plan import StudyPlan

FORMAT = 1
"""Of summary.json: it grows by one when a key is removed or means something else, not when one is added."""
MEASURES = ("profit", "buy_and_hold", "edge_t", "test_t", "sharpe", "score", "episodes")
"""The fields of a `BucketOutcome` that are averaged."""
COMPARED = ("profit", "edge_t", "test_t", "sharpe", "score", "episodes")
"""Those whose differences are."""
LOG_RETURNS = frozenset({"profit", "buy_and_hold", "score"})
Labels = tuple[tuple[str, str], ...]


@frozen(kw_only=True)
class Level:
    """One bucket in one arm, on one market and with one value of each varied setting: `measures` over the seeds, how many of the
    runs confirm an edge (`edges`), and in how many the scratch arm is the taught bucket itself, since that was taught nothing (`same`)."""

    bucket: str
    arm: str
    market: str | None
    settings: Mapping[str, Any]
    edges: int
    same: int
    measures: Mapping[str, Spread]


@frozen(kw_only=True)
class Difference:
    """What one thing makes of a bucket, all else equal: being taught (`setting` None), or `value` in the place of `reference`.

    `market` is None over all markets of several. `measures` are spreads of the differences, one number a seed.
    """

    bucket: str
    setting: str | None
    value: Any
    reference: Any
    market: str | None
    measures: Mapping[str, Spread]


@frozen(kw_only=True)
class StudySummary:
    """What a study came to. `runs` are all that were planned, of which those that are not finished count nowhere; `notes` are what a
    reader must know: what is missing, and what so few seeds can say."""

    name: str
    kind: str
    varied: tuple[str, ...]
    runs: tuple[RunOutcome, ...] = field(repr=False)
    levels: tuple[Level, ...] = field(repr=False)
    differences: tuple[Difference, ...] = field(repr=False)
    notes: tuple[str, ...]

    @property
    def unfinished(self) -> tuple[RunOutcome, ...]:
        """The runs that are not finished."""
        return tuple(run for run in self.runs if not run.is_finished)


def summary_of(study: Path, plan: StudyPlan, reasons: Mapping[str, str] | None = None) -> StudySummary:
    """Put together what the runs of a study have come to so far.

    :param reasons: why runs did not finish, by name, as far as that is known.
    """
    runs = [outcome_of(study, run, (reasons or {}).get(run.name, "")) for run in plan.runs]
    return put_together(study.absolute().name, plan, runs)


def put_together(name: str, plan: StudyPlan, runs: Sequence[RunOutcome]) -> StudySummary:
    """Make the summary of the study called `name` from what its runs have come to."""
    varied = tuple(plan.about.get("varied", ()))
    rows = [_Row(run.labels, bucket) for run in runs if run.is_finished for bucket in run.buckets]
    levels = tuple(_levels(rows, varied))
    differences = tuple(_differences(rows, varied, runs))
    return StudySummary(
        name=name,
        kind=plan.kind,
        varied=varied,
        runs=tuple(runs),
        levels=levels,
        differences=differences,
        notes=tuple(
            notes_of(
                runs,
                [each.measures["profit"] for each in differences],
                shares_bars=any(run.settings.get(DATA) for run in plan.runs),
            )
        ),
    )


def for_programs(summary: StudySummary) -> dict[str, Any]:
    """The summary as JSON values: profits, scores and their spreads in per cent; no time, so that equal results are equal bytes."""
    document: dict[str, Any] = json_values(
        {
            "format": FORMAT,
            "study": summary.name,
            "kind": summary.kind,
            "varied": summary.varied,
            "notes": summary.notes,
            "levels": [_with_measures(level) for level in summary.levels],
            "differences": [_with_measures(difference) for difference in summary.differences],
            "runs": [{**json_values(run), "buckets": list(map(_bucket_values, run.buckets))} for run in summary.runs],
        }
    )
    return document


@frozen
class _Row:
    """A bucket of a finished run."""

    labels: Mapping[str, Any]
    outcome: BucketOutcome

    def key(self, *left_out: str) -> Labels:
        """All that names it but some labels, to find its pair by."""
        own = {**self.labels, "bucket": self.outcome.bucket, "arm": self.outcome.arm}
        return tuple(sorted((name, repr(value)) for name, value in own.items() if name not in left_out))


def _levels(rows: Sequence[_Row], varied: Sequence[str]) -> Iterator[Level]:
    for same in _grouped(rows, lambda row: row.key(SEED_LABEL)).values():
        first, outcomes = same[0], [row.outcome for row in same]
        yield Level(
            bucket=first.outcome.bucket,
            arm=first.outcome.arm,
            market=first.labels.get(MARKET),
            settings={key: first.labels[key] for key in varied},
            edges=sum(outcome.is_edge for outcome in outcomes),
            same=sum(outcome.is_same for outcome in outcomes),
            measures={name: spread_of([getattr(outcome, name) for outcome in outcomes]) for name in MEASURES},
        )


def _differences(rows: Sequence[_Row], varied: Sequence[str], runs: Sequence[RunOutcome]) -> Iterator[Difference]:
    """Taught less scratch, then each value of a varied setting less its first one; on each market, and over all."""
    markets = list(dict.fromkeys(row.labels.get(MARKET) for row in rows))
    if len(markets) > 1:
        markets.append(None)
    taught = [row for row in rows if row.outcome.arm == TAUGHT]
    learned = {row.outcome.bucket for row in rows if row.outcome.arm == FROM_SCRATCH and not row.outcome.is_same}
    scratch = {row.key("arm"): row for row in rows if row.outcome.arm == FROM_SCRATCH and row.outcome.bucket in learned}
    pairs = [(row, scratch[row.key("arm")]) for row in taught if row.key("arm") in scratch]
    yield from _paired(pairs, None, TAUGHT, FROM_SCRATCH, markets)
    for key in varied:
        values = list({repr(run.labels[key]): run.labels[key] for run in runs}.values())
        others = {row.key(key): row for row in taught if row.labels[key] == values[0]}
        for value in values[1:]:
            pairs = [
                (row, others[row.key(key)]) for row in taught if row.labels[key] == value and row.key(key) in others
            ]
            yield from _paired(pairs, key, value, values[0], markets)


def _paired(
    pairs: Sequence[tuple[_Row, _Row]], setting: str | None, value: Any, reference: Any, markets: Sequence[str | None]
) -> Iterator[Difference]:
    for bucket in dict.fromkeys(row.outcome.bucket for row, _ in pairs):
        for market in markets:
            own = [
                (row, other)
                for row, other in pairs
                if row.outcome.bucket == bucket and market in (None, row.labels.get(MARKET))
            ]
            if own:
                yield Difference(
                    bucket=bucket,
                    setting=setting,
                    value=value,
                    reference=reference,
                    market=market,
                    measures={name: _spread_over_seeds(own, name) for name in COMPARED},
                )


def _spread_over_seeds(pairs: Sequence[tuple[_Row, _Row]], measure: str) -> Spread:
    """The spread of the differences, averaged for each seed. A seed that lacks a pair which others have is left out: its average
    would be one of other markets or settings."""
    by_seed = _grouped(pairs, lambda pair: repr(pair[0].labels.get(SEED_LABEL)))
    cells = {row.key(SEED_LABEL) for row, _ in pairs}
    means = []
    for own in by_seed.values():
        if len(own) == len(cells):
            gains = [getattr(row.outcome, measure) - getattr(other.outcome, measure) for row, other in own]
            means.append(math.fsum(gains) / len(gains))
    return spread_of(means)


def _grouped(rows: Sequence[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _with_measures(record: Level | Difference) -> dict[str, Any]:
    measures = {name: _spread_values(spread, is_log=name in LOG_RETURNS) for name, spread in record.measures.items()}
    return {**json_values(record), "measures": measures}


def _spread_values(spread: Spread, *, is_log: bool) -> dict[str, Any]:
    names = ("mean", "sd", "error", "lowest", "highest", "low", "high")
    values = {name: percent(getattr(spread, name)) if is_log else getattr(spread, name) for name in names}
    written: dict[str, Any] = json_values({"n": spread.n, **values, "t": spread.t, "needed_t": spread.needed_t})
    return written


def _bucket_values(bucket: BucketOutcome) -> dict[str, Any]:
    values: dict[str, Any] = json_values(bucket)
    return {key: percent(value) if key in LOG_RETURNS and value is not None else value for key, value in values.items()}
