"""How long a run takes where every bucket of a stage has a worker of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from progressive_core.contract.records import BucketResult


def critical_path(sequence: Iterable[str | Sequence[str]], results: Iterable[BucketResult]) -> float:
    """Seconds of the longest way through a run: of each stage those of its longest member, and of the exchange at its end, where one
    member is merged after the other.

    :param sequence: as SEQUENCE holds it: without stages this is the time of all buckets together. :param results: of the finished ones.
    """
    found = {result.bucket: result for result in results}
    seconds = 0.0
    for stage in sequence:
        members = [found[name] for name in ((stage,) if isinstance(stage, str) else stage) if name in found]
        seconds += max((each.seconds - each.exchange_seconds for each in members), default=0.0)
        seconds += sum(each.exchange_seconds for each in members)
    return seconds
