"""The time that a caller names, from which on a model trades."""

from __future__ import annotations

import re
from datetime import date

import pandas as pd

from progressive_training import ModelError

YEAR_FIRST = re.compile(r"\d{4}(-|$)")
"""How a time is written: of 07/01 nobody knows which is the month."""


def moment_of(since: str | pd.Timestamp) -> pd.Timestamp:
    """The time that `since` means, in UTC where it names no zone.

    :raise ModelError: it is none.
    """
    try:
        if isinstance(since, str) and not YEAR_FIRST.match(since):
            raise ValueError
        if not isinstance(since, str | date) or pd.isna(since):
            raise TypeError
        time = pd.Timestamp(since)
        return time.tz_localize("UTC") if time.tz is None else time
    except (TypeError, ValueError):
        raise ModelError(f'since is {since!r:.60}, expected a time like "2024-01-31"') from None
