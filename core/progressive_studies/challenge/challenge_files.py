"""The files of a challenge in the run's directory, written together or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from progressive_app.machine.durable_files import place_for_reports
from progressive_app.store.atomic_files import as_document, atomic_writes
from progressive_core.contract.errors import RunError
from progressive_studies.challenge.challenge_tables import sections_of
from progressive_studies.transfer_report.tables import as_markdown

FORMAT = 1
"""Of `challenge.json`: it grows by one when a key is removed or means something else."""
RESULT, TEXT = "challenge.json", "challenge.md"


def write_challenge(document: dict[str, Any], directory: Path) -> list[Path]:
    """Write the document for programs and for people into the run's directory, or `reports/NAME` of the working directory where nothing may
    be written there.

    :raise RunError: it cannot be written.
    """
    text = as_markdown(f"How the strategies of {document['run']} break", sections_of(document))
    place = place_for_reports(directory)
    try:
        atomic_writes({place / TEXT: text.encode(), place / RESULT: as_document(document)})
    except OSError as error:
        raise RunError(f"{error.filename or place}: the challenge cannot be written ({error.strerror})") from error
    return [place / RESULT, place / TEXT]


def test_reads(directory: Path) -> int:
    """How often the test part was challenged before, as the newest challenge of the run has it."""
    try:
        document = json.loads((place_for_reports(directory) / RESULT).read_bytes())
        reads = document["test_reads"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0
    return reads if type(reads) is int and reads >= 0 else 0
