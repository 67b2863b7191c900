"""What `progressive-training challenge` found of a run, read from its file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import evolve

from progressive_plugins.report.challenge.challenge_records import ChallengePart
from progressive_plugins.report.report_files import read_found
from progressive_training import BucketResult, validated

CHALLENGE = "challenge.json"


def challenge_part(directory: Path, results: Sequence[BucketResult]) -> ChallengePart | None:
    """The newest challenge of the run; None where there is none of its finished buckets.

    :raise InvalidValue: it is not what this program writes.
    """
    document = read_found(directory / CHALLENGE)
    if document is None:
        return None
    part = validated(document, ChallengePart, CHALLENGE)
    finished = {result.bucket for result in results}
    known = tuple(evolve(each, part=each.part or part.part) for each in part.buckets if each.bucket in finished)
    return evolve(part, buckets=known) if known else None
