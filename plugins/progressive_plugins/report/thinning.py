"""Thinning of what is too long to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def thinned(items: Sequence[T], most: int, kept: Sequence[bool] = ()) -> list[T]:
    """At most `most` of the items, evenly spread, the first and the last among them, and all that are to be `kept`."""
    if len(items) <= most:
        return list(items)
    places = {place * (len(items) - 1) // (most - 1) for place in range(most)}
    places |= {place for place, keep in enumerate(kept) if keep}
    return [items[place] for place in sorted(places)]
