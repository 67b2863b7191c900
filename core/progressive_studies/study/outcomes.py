"""What each bucket of each run of a study came to, taught and from scratch, read from the runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from progressive_app.store.documents import read_json_lines
from progressive_app.store.progress import STATE, read_progress
from progressive_app.store.run_documents import read_manifest
from progressive_app.store.run_store import LEDGER
from progressive_core.contract.errors import RunError
from progressive_core.contract.evaluation import Edge, Performance
from progressive_core.contract.records import BucketResult, LedgerEntry
from progressive_core.contract.store import Status
from progressive_studies.scratch import SCRATCH
from progressive_studies.study.study_plan import PlannedRun, run_directory

TAUGHT, FROM_SCRATCH = "taught", "scratch"
"""The arms of a study: buckets that may learn from others, and the same ones without."""
BUY_AND_HOLD = "buy and hold"


@frozen(kw_only=True)
class BucketOutcome:
    """What one bucket came to in one arm of a run. `profit` (of its strategy on test), `buy_and_hold` and `score` (the best on
    validation) are log returns; `edge_t` is the verdict's t, `test_t` and `sharpe` are those of test; NaN where nobody measured
    them. `is_edge`: an edge is confirmed. `is_same`: a scratch arm that was not trained, since its bucket was taught nothing."""

    bucket: str
    arm: str
    profit: float
    buy_and_hold: float
    edge_t: float
    test_t: float
    sharpe: float
    score: float
    episodes: int
    is_edge: bool
    is_halved: bool = False
    is_same: bool = False


@frozen(kw_only=True)
class RunOutcome:
    """What a run of a study has come to. `status` is that of its files, "missing" where it was not begun; `reason` why it is not
    finished, where that is known; `changed` are settings that were changed since it was begun."""

    name: str
    labels: Mapping[str, Any]
    status: Status | str
    buckets: tuple[BucketOutcome, ...] = ()
    changed: tuple[str, ...] = ()
    reason: str = field(default="", eq=False)

    @property
    def is_finished(self) -> bool:
        """Whether it counts: a run that is not finished has verdicts that may still change."""
        return self.status == "finished"


def outcome_of(study: Path, run: PlannedRun, reason: str = "") -> RunOutcome:
    """Read what a planned run has come to. One that cannot be read is "damaged", with the reason.

    :param reason: why it did not finish, as its worker reported it.
    """
    directory = run_directory(study, run.name)
    labels = run.labels
    if not (directory / STATE).is_file():
        return RunOutcome(name=run.name, labels=labels, status="missing", reason=reason)
    try:
        status, buckets = read_progress(directory).status, _buckets(directory)
        changes = read_manifest(directory)["changes"]
    except RunError as error:
        return RunOutcome(name=run.name, labels=labels, status="damaged", reason=str(error))
    changed = tuple(dict.fromkeys(str(change["key"]) for change in changes))
    if status == "finished":
        return RunOutcome(name=run.name, labels=labels, status=status, buckets=buckets, changed=changed)
    return RunOutcome(name=run.name, labels=labels, status="interrupted", reason=reason)


def _buckets(directory: Path) -> tuple[BucketOutcome, ...]:
    """Both arms of a run. Where a bucket has no scratch arm since nothing that it was taught was kept, the taught one is both."""
    taught = [_outcome(result, TAUGHT) for result in read_progress(directory).results]
    arms: dict[str, BucketOutcome] = {}
    if read_manifest(directory)["scratch_arms"]:
        if (directory / SCRATCH / STATE).is_file():
            results = read_progress(directory / SCRATCH).results
            arms = {result.bucket: _outcome(result, FROM_SCRATCH) for result in results}
        changed = {
            line["target"]
            for line in read_json_lines(directory / LEDGER, LedgerEntry)
            if line["verdict"] == "kept" and line["phase"] != "choice"
        }
        for each in taught:
            if each.bucket not in arms and each.bucket not in changed:
                arms[each.bucket] = evolve(each, arm=FROM_SCRATCH, is_same=True)
    return (*taught, *(arms[each.bucket] for each in taught if each.bucket in arms))


def _outcome(result: BucketResult, arm: str) -> BucketOutcome:
    evaluation = result.evaluation
    rows: tuple[Performance, ...] = evaluation.test if evaluation is not None else ()
    held = [row.log_return for row in rows[1:] if row.strategy == BUY_AND_HOLD]
    return BucketOutcome(
        bucket=result.bucket,
        arm=arm,
        profit=rows[0].log_return if rows else math.nan,
        buy_and_hold=held[0] if held else math.nan,
        edge_t=evaluation.t if evaluation is not None else math.nan,
        test_t=rows[0].t if rows else math.nan,
        sharpe=rows[0].sharpe if rows else math.nan,
        score=result.best_score,
        episodes=result.episodes,
        is_edge=evaluation is not None and evaluation.edge is Edge.CONFIRMED,
        is_halved=result.halved_to is not None,
    )
