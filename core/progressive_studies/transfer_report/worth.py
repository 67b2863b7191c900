"""What transfer was worth to each bucket of a run: its learning curve compared with that of its scratch arm."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from progressive_app.store.documents import read_json_lines
from progressive_app.store.progress import read_progress
from progressive_app.store.run_documents import read_manifest, teachers_in
from progressive_core.contract.errors import RunError
from progressive_core.contract.records import BucketResult
from progressive_core.contract.store import EpisodeLine
from progressive_studies.scratch import SCRATCH, sources_of
from progressive_studies.transfer_report.measures import (
    Curve,
    area_ratio,
    best_so_far,
    delayed,
    episodes_to,
    jumpstart,
    threshold_of,
)


@frozen(kw_only=True)
class Worth:
    """One bucket beside the same bucket from scratch: same seed, same bars, equal episodes.

    `trains` is False for one that makes its model of finished ones: its curve says nothing. `taught_by` are the buckets of which it kept something, directly; `source_episodes` those that they trained for, and all
    that taught them. `curve` and `scratch_curve` hold the best validation score so far, before training and after each
    episode; a bucket that kept nothing is its own control. `threshold` is 90 % of scratch's best score, `episodes` and
    `scratch_episodes` are those to it; `asymptote` is the last of the curve; `test` the log return on test. Unknown
    numbers are NaN, and so are all comparisons where there is no scratch arm.
    """

    bucket: str
    taught_by: tuple[str, ...]
    source_episodes: float
    curve: tuple[float, ...] = field(repr=False)
    scratch_curve: tuple[float, ...] | None = field(repr=False)
    jumpstart: float
    threshold: float
    episodes: float
    scratch_episodes: float
    episodes_with_sources: float
    asymptote: float
    scratch_asymptote: float
    area_ratio: float
    area_ratio_with_sources: float
    test: float
    scratch_test: float
    trains: bool = True


def worths_of(directory: Path, ledger: Sequence[Mapping[str, Any]]) -> tuple[Worth, ...]:
    """Every finished bucket of the run at `directory`, in the order of its sequence."""
    results = {result.bucket: result for result in read_progress(directory).results}
    curves = curves_of(directory)
    arms = directory / SCRATCH
    arms_made = (arms / "state.json").is_file()
    controls = {result.bucket: result for result in read_progress(arms).results} if arms_made else {}
    control_curves = curves_of(arms)
    sources = sources_of(ledger)
    trained = {bucket: float(result.episodes) for bucket, result in results.items()} | _trained_elsewhere(directory)
    if without_curve := [bucket for bucket in results if bucket not in curves]:
        raise RunError(f"{directory / 'metrics.jsonl'}: damaged (it holds no episode of {', '.join(without_curve)})")
    worths = []
    for bucket, result in results.items():
        taught_by = sources.get(bucket, ())
        control, control_curve = controls.get(bucket), control_curves.get(bucket)
        if not taught_by:
            control, control_curve = result, curves[bucket]
        every = _all_sources(bucket, sources)
        worths.append(
            worth_of(
                result,
                control,
                taught_by,
                sum(trained.get(source, math.nan) for source in every),
                curves[bucket],
                control_curve if control else None,
            )
        )
    return tuple(worths)


def worth_of(
    result: BucketResult,
    control: BucketResult | None,
    taught_by: tuple[str, ...],
    source_episodes: float,
    curve: Curve,
    scratch: Curve | None,
) -> Worth:
    """Compare one bucket with its control, if there is one."""
    compares = scratch is not None
    scratch_curve = tuple(scratch) if scratch is not None else (math.nan,)
    threshold = threshold_of(scratch_curve)
    episodes = episodes_to(curve, threshold)
    waited = curve
    if math.isfinite(source_episodes):
        waited = delayed(curve, int(source_episodes), untrained=scratch_curve[0])
    return Worth(
        bucket=result.bucket,
        taught_by=taught_by,
        source_episodes=source_episodes,
        curve=tuple(curve),
        scratch_curve=scratch_curve if compares else None,
        jumpstart=jumpstart(curve, scratch_curve),
        threshold=threshold,
        episodes=episodes,
        scratch_episodes=episodes_to(scratch_curve, threshold),
        episodes_with_sources=episodes + source_episodes,
        asymptote=curve[-1],
        scratch_asymptote=scratch_curve[-1],
        area_ratio=area_ratio(curve, scratch_curve) if compares else math.nan,
        area_ratio_with_sources=(
            area_ratio(waited, scratch_curve) if compares and math.isfinite(source_episodes) else math.nan
        ),
        test=_test_return(result),
        scratch_test=_test_return(control) if control else math.nan,
    )


def times_cheaper(worths: Iterable[Worth]) -> float:
    """How many times fewer episodes the whole sequence takes to every threshold than all buckets from scratch.

    The buckets that were taught nothing count on both sides, as the sources that they are. Buckets without a threshold, and those
    that train nothing, are left out; not a number where none has one.
    """
    counted = [worth for worth in worths if worth.trains and not math.isnan(worth.threshold)]
    taught = sum(worth.episodes for worth in counted)
    scratch = sum(worth.scratch_episodes for worth in counted)
    return scratch / taught if counted and taught > 0 else math.nan


def curves_of(directory: Path) -> dict[str, tuple[float, ...]]:
    """Each bucket's best validation score so far, before training and after each episode, by the run's metrics."""
    scores: dict[str, list[float]] = {}
    for line in read_json_lines(directory / "metrics.jsonl", EpisodeLine):
        if line["bucket"] not in scores:
            scores[line["bucket"]] = [_number(line.get("start_score"))]
        scores[line["bucket"]].append(_number(line["best_score"]))
    return {bucket: best_so_far(of_bucket) for bucket, of_bucket in scores.items()}


def _all_sources(bucket: str, sources: Mapping[str, tuple[str, ...]]) -> set[str]:
    """The sources of `bucket`, their sources, and so on; a source from an earlier run may have the bucket's own name."""
    found: set[str] = set()
    ahead = [*sources.get(bucket, ())]
    while ahead:
        source = ahead.pop()
        if source not in found:
            found.add(source)
            ahead += sources.get(source, ()) if source != bucket else ()
    return found


def _trained_elsewhere(directory: Path) -> dict[str, float]:
    """Episodes of the teachers from other runs; NaN where that run is gone."""
    found = {}
    for teacher in teachers_in(read_manifest(directory)):
        run = Path(teacher.run)
        results = read_progress(run).results if (run / "state.json").is_file() else ()
        episodes = (float(each.episodes) for each in results if each.bucket == teacher.bucket)
        found[teacher.name or teacher.bucket] = next(episodes, math.nan)
    return found


def _test_return(result: BucketResult) -> float:
    return result.evaluation.test[0].log_return if result.evaluation and result.evaluation.test else math.nan


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
