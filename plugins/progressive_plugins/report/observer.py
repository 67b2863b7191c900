"""The report: when a run ends, RUN/report.html shows what came of it, and report.json holds the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from progressive_plugins.report.report_files import attempt
from progressive_training import BucketResult, RunError, RunInfo, get_logger, hookimpl, place_for_reports, replacing

if TYPE_CHECKING:
    from progressive_training.market import StrategyAccount

log = get_logger()


class ReportPlugin:
    """Writes the report of a run of which a bucket is finished, whatever ended it.

    It needs the run's files, its results and its settings, and nothing of the process that trained: `progressive-training report`
    calls it again. A report that cannot be written is one warning, since the run is worth more than its report.
    """

    @hookimpl
    def on_run_end(self, run: RunInfo, results: tuple[BucketResult, ...], error: BaseException | None) -> None:
        """Write both files."""
        if results:
            attempt("report.html", lambda: _write_page(run, results, error))


def _write_page(run: RunInfo, results: Sequence[BucketResult], error: BaseException | None) -> None:
    from progressive_plugins.report.document import document_of
    from progressive_plugins.report.page import page_of

    accounts = {result.bucket: _readable_account(run, result.bucket) for result in results}
    document = document_of(run, results, error, accounts)
    page = page_of(document, accounts).encode("utf-8", "replace")  # names of files may hold what is no letter
    place = place_for_reports(run.run_dir)
    with replacing(place / "report.json", place / "report.html") as (for_programs, for_people):
        for_programs.write_text(json.dumps(document, allow_nan=False) + "\n", "utf-8")
        for_people.write_bytes(page)


def _readable_account(run: RunInfo, bucket: str) -> StrategyAccount | None:
    """The account of a bucket. One that is damaged is a warning: the rest of the report is worth having without it."""
    from progressive_training.market import account_of

    try:
        return account_of(run.run_dir, bucket)
    except RunError as damage:
        log.warning("the report leaves out an account that is damaged", bucket=bucket, reason=str(damage))
        return None


report = ReportPlugin()
