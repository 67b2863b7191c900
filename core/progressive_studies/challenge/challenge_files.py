"""The files of a challenge in the run's directory, written together or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from progressive_app.machine.durable_files import place_for_reports
from progressive_app.store.atomic_files import as_document, atomic_writes
from progressive_app.store.progress import finished_results
from progressive_core.contract.errors import RunError
from progressive_studies.challenge.challenge_tables import sections_of
from progressive_studies.transfer_report.tables import as_markdown

FORMAT = 1
"""Of `challenge.json`: it grows by one when a key is removed or means something else."""
RESULT, TEXT = "challenge.json", "challenge.md"


def write_challenge(document: dict[str, Any], directory: Path) -> list[Path]:
    """Write the document for programs and for people into the run's directory, or `reports/NAME` of the working directory where nothing may
    be written there. Buckets that were challenged before stay, while their models are the same.

    :raise RunError: it cannot be written.
    """
    place = place_for_reports(directory)
    document = {**document, "buckets": _with_others(document, place / RESULT, models_of(directory))}
    text = as_markdown(f"How the strategies of {document['run']} break", sections_of(document))
    try:
        atomic_writes({place / TEXT: text.encode(), place / RESULT: as_document(document)})
    except OSError as error:
        raise RunError(f"{error.filename or place}: the challenge cannot be written ({error.strerror})") from error
    return [place / RESULT, place / TEXT]


def models_of(directory: Path) -> dict[str, str]:
    """The SHA-256 of the model of each finished bucket, in the order of the run."""
    files = {result.bucket: result.model_path for result in finished_results(directory)}
    return {name: sha256(file.read_bytes()).hexdigest() for name, file in files.items() if file.is_file()}


def test_reads(directory: Path) -> int:
    """How often the test part was challenged before, as the newest challenge of the run has it."""
    reads = _before(place_for_reports(directory) / RESULT).get("test_reads")
    return reads if type(reads) is int and reads >= 0 else 0


def _with_others(document: dict[str, Any], file: Path, models: Mapping[str, str]) -> list[dict[str, Any]]:
    """The buckets of a challenge and of the ones before it, in the order of the run."""
    found = {each["bucket"]: each for each in document["buckets"]}
    before = _before(file).get("buckets")
    for each in before if isinstance(before, list) else []:
        try:
            if each["bucket"] not in found and each["model"] == models.get(each["bucket"]):
                sections_of({**document, "buckets": [each]})
                found[each["bucket"]] = each
        except (LookupError, TypeError, ValueError, AttributeError):  # a damaged one is not kept
            continue
    order = [*models, *found]
    return sorted(found.values(), key=lambda each: order.index(each["bucket"]))


def _before(file: Path) -> dict[str, Any]:
    """The newest challenge of the run; empty where there is none, or it is damaged."""
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
