"""What `progressive-training challenge` found of a run, read from its file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from attrs import evolve

from progressive_plugins.report.challenge.challenge_records import ChallengePart
from progressive_training import BucketResult, InvalidValue, validated

CHALLENGE = "challenge.json"
MOST_BYTES = 16 << 20
"""Of a document of a run."""


def challenge_part(directory: Path, results: Sequence[BucketResult]) -> ChallengePart | None:
    """The newest challenge of the run; None where there is none of its finished buckets.

    :raise InvalidValue: it is not what this program writes.
    """
    file = directory / CHALLENGE
    if not file.is_file() or file.stat().st_size > MOST_BYTES:
        return None
    try:
        document = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"{file} is not JSON ({error})") from error
    part = validated(document, ChallengePart, CHALLENGE)
    finished = {result.bucket for result in results}
    known = tuple(each for each in part.buckets if each.bucket in finished)
    return evolve(part, buckets=known) if known else None
