"""The transfer report of a run: collect its parts, and write it into the run's directory."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
from attrs import frozen

from progressive_app.machine.durable_files import place_for_reports
from progressive_app.machine.logs import get_logger
from progressive_app.store.atomic_files import as_document, atomic_write
from progressive_app.store.documents import read_json_lines
from progressive_app.store.progress import finished_results
from progressive_core.contract.errors import ProgressiveTrainingError, RunError
from progressive_core.contract.profit import percent
from progressive_core.contract.records import LedgerEntry
from progressive_studies.transfer_report.account import Account, account_of
from progressive_studies.transfer_report.matrix import ResultMatrix, made_of_others, result_matrix
from progressive_studies.transfer_report.tables import COMMAND, as_markdown, sections_of
from progressive_studies.transfer_report.worth import Worth, times_cheaper, worths_of

log = get_logger()

FORMAT = 2
"""Of transfer.json: in that of format 1, which did not say so, scores and profits were log returns."""
LOG_RETURNS = frozenset(
    "after asymptote backward before curve error errors forward gained jumpstart scores scratch_asymptote scratch_curve "
    "scratch_test test threshold".split()
)
"""The fields of the report that hold log returns, or differences of two."""


@frozen(kw_only=True)
class TransferReport:
    """What knowledge transfer was worth in one run. `notes` name what is missing, and how to get it."""

    run: str
    worths: tuple[Worth, ...]
    times_cheaper: float
    matrix: ResultMatrix | None
    account: Account
    notes: tuple[str, ...]


def transfer_report(directory: Path) -> TransferReport:
    """Measure what transfer was worth in the run at `directory`.

    :raise RunError: no bucket of it is finished.
    """
    results = finished_results(directory)
    lines = read_json_lines(directory / "ledger.jsonl", LedgerEntry)
    ledger = [line for line in lines if line["phase"] != "choice"]  # a bucket's own choice is no transfer
    resting = made_of_others(directory)
    worths = tuple(attrs.evolve(worth, trains=worth.bucket not in resting) for worth in worths_of(directory, ledger))
    notes = []
    if bare := [worth.bucket for worth in worths if worth.scratch_curve is None]:
        notes.append(
            f"{', '.join(bare)}: nothing to be held against; train the scratch arms with\n"
            f"{COMMAND}progressive-training --resume --run-dir {directory} --scratch-arms"
        )
    if not ledger:
        notes.append("no transfer was tried in this run (one bucket, or USE_CROSS_BUCKET_TRANSFER is false)")
    matrix = None
    try:
        matrix = result_matrix(directory)
        notes += [f"not in the R-matrix: {reason}" for reason in matrix.left_out]
    except ProgressiveTrainingError as error:
        notes.append(f"no R-matrix: {error}")
    return TransferReport(
        run=directory.name,
        worths=worths,
        times_cheaper=times_cheaper(worths),
        matrix=matrix,
        account=account_of(ledger, sum(result.seconds for result in results)),
        notes=tuple(notes),
    )


def for_programs(report: TransferReport) -> dict[str, Any]:
    """The report as JSON values: scores and profits in per cent, an infinite number of episodes "never", an unknown number null."""
    return {"format": FORMAT, **attrs.asdict(report, value_serializer=_serialized)}


def _serialized(_record: Any, field: attrs.Attribute[Any] | None, value: Any) -> Any:
    if field is not None and field.name in LOG_RETURNS:
        return _in_percent(value)
    return "never" if value == math.inf else value


def _in_percent(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_in_percent, value))
    return None if value is None else percent(value)


def write_report(report: TransferReport, directory: Path) -> list[Path]:
    """Write the report: for programs, for people, and as a picture where matplotlib is there.

    Its place is the run's directory, or `reports/NAME` of the working directory where nothing may be written there.

    :raise RunError: it cannot be written there.
    """
    text = as_markdown(f"What transfer was worth in {report.run}", sections_of(report))
    files = {"transfer.json": as_document(for_programs(report)), "transfer.md": text.encode()}
    if find_spec("matplotlib") is None:
        log.info("no transfer.png: matplotlib is missing; pip install 'progressive-training[report]'")
    else:
        from progressive_studies.transfer_report.curves import png

        files["transfer.png"] = png(report)
    for name, content in files.items():
        try:
            place = place_for_reports(directory)
            atomic_write(place / name, content)
        except OSError as error:
            raise RunError(
                f"{error.filename or directory / name}: the report cannot be written ({error.strerror})"
            ) from error
    return [place / name for name in files]
