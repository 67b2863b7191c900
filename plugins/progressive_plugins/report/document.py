"""The report of a run as one document: what its files, results and settings say, put together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from progressive_plugins.report.account_part import account_part
from progressive_plugins.report.bucket_part import bucket_part
from progressive_plugins.report.challenge.challenge_part import challenge_part
from progressive_plugins.report.report_files import readable
from progressive_plugins.report.report_records import Report
from progressive_plugins.report.run_part import run_part
from progressive_plugins.report.transfer_part import transfer_part
from progressive_training import BucketResult, RunInfo, read_run

if TYPE_CHECKING:
    from progressive_training.market import StrategyAccount


def document_of(
    run: RunInfo,
    results: Sequence[BucketResult],
    error: BaseException | None,
    accounts: Mapping[str, StrategyAccount | None],
) -> dict[str, Any]:
    """The report of the run as `report.json` holds it (`report_records`).

    :param accounts: by bucket, None where one has none.
    :raise RunError: a file of the run is damaged. :raise InvalidValue: as above, in a value that only the report reads.
    """
    recorded = read_run(run.run_dir)
    is_scratch = run.run_dir.name == "scratch" and (run.run_dir.parent / "state.json").is_file()
    buckets = tuple(
        bucket_part(
            result,
            recorded.episodes.get(result.bucket, ()),
            account_part(account, result.evaluation) if (account := accounts[result.bucket]) else None,
            scratch_arm=is_scratch,
        )
        for result in results
    )
    dates = [part for account in accounts.values() if account for part in account.parts]
    report = Report(
        run=run_part(run, recorded, results, error, dates),
        buckets=buckets,
        transfers=transfer_part(recorded, results),
        challenge=readable(lambda: challenge_part(recorded.directory, results), "challenge"),
        notes=tuple(_notes(run, results, [name for name, account in accounts.items() if account is None])),
    )
    document: dict[str, Any] = as_json(report)
    return document


def _notes(run: RunInfo, results: Sequence[BucketResult], without_account: Sequence[str]) -> list[str]:
    finished = {result.bucket: result for result in results}
    notes = []
    if unfinished := [bucket for bucket in run.sequence if bucket not in finished]:
        notes.append(f"not finished: {', '.join(unfinished)}")
    if waiting := [name for name, result in finished.items() if result.evaluation is None]:
        notes.append(f"not judged yet, which is done at the end of the run: {', '.join(waiting)}")
    if missing := [name for name in without_account if (own := finished[name].evaluation) and own.test]:
        notes.append(
            f"no candles, trades and equity of {', '.join(missing)}: its evaluator writes no account, its account is "
            "damaged, or the run is older than accounts; a new run has them"
        )
    return notes


def as_json(value: Any) -> Any:
    """Records as objects, and numbers that are not finite as null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if attrs.has(type(value)):
        return {field.name: as_json(getattr(value, field.name)) for field in attrs.fields(type(value))}
    return value
