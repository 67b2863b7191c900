"""Who taught whom: the offers of a run counted by source and target, and those that were kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen


@frozen
class Pair:
    """What one bucket made of the `offers` of another: its `tries` by verdict, and the one that gained most of those kept."""

    offers: int
    tries: Counter[str]
    best: Mapping[str, Any] | None


@frozen
class Pairs:
    """The buckets that offered, those that were offered something, and what came of it by source and target."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    cells: Mapping[tuple[str, str], Pair]


def transfer_pairs(offers: Sequence[Mapping[str, Any]], sequence: Sequence[str]) -> Pairs:
    """Group the offers of a run by source and target, in the order of its `sequence`; teachers from elsewhere come first."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for offer in offers:
        groups.setdefault((offer["source"], offer["target"]), []).append(offer)
    place = {bucket: number for number, bucket in enumerate(sequence)}
    sources, targets = (
        tuple(sorted({pair[side] for pair in groups}, key=lambda bucket: (place.get(bucket, -1), bucket)))
        for side in (0, 1)
    )
    return Pairs(sources, targets, {pair: _pair(own) for pair, own in groups.items()})


def _pair(offers: Sequence[Mapping[str, Any]]) -> Pair:
    measured = [each for each in kept_transfers(offers) if each["gain"] is not None]
    return Pair(
        offers=len(offers),
        tries=Counter(each["verdict"] for offer in offers for each in offer["strategies"]),
        best=max(measured, key=lambda each: each["gain"], default=None),
    )


def kept_transfers(offers: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each try that was kept, with the offer that it belongs to."""
    return [{**offer, **each} for offer in offers for each in offer["strategies"] if each["verdict"] == "kept"]
