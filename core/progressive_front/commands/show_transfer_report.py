"""`transfer-report`: what knowledge transfer was worth in a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from progressive_app.machine.logs import configure_logging
from progressive_app.machine.terminal import print_text
from progressive_front.commands.named_run import run_directory
from progressive_front.output import show_json, stdout_reserved


def show_transfer_report(run: Path, flags: Mapping[str, Any], config: Path | None, *, as_json: bool) -> int:
    """Show what knowledge transfer was worth in a run, and write it beside the run's models.

    :param run: the run's directory, or its name in RUNS_DIR.
    """
    from progressive_studies.transfer_report.build import for_programs, transfer_report, write_report
    from progressive_studies.transfer_report.tables import as_text, sections_of

    configure_logging()
    directory = run_directory(run, config, flags)
    with stdout_reserved():
        report = transfer_report(directory)
    written = write_report(report, directory)
    if as_json:
        return show_json(for_programs(report))
    print_text("\n".join([as_text(sections_of(report)), "", "written:", *map(str, written)]))
    return 0
