"""What `--folds`, `--every` and `--window` mean."""

from __future__ import annotations

import re

from progressive_app.quoting import show
from progressive_core.contract.errors import ConfigError
from progressive_studies.walk_forward.folding import Folding

FOLDS = 8
"""Where neither --folds nor --every says otherwise."""
MOST_FOLDS = 1_000
EXPANDING = "expanding"
_DURATION = re.compile(r"([1-9][0-9]{0,5}) ?(min|h|d|w)", re.ASCII)
_SECONDS = {"min": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}


def folding_of(folds: str | None, every: str | None, window: str | None) -> Folding:
    """How time is to be cut.

    :raise ConfigError: one is no number of folds, or no duration.
    """
    span = None if window in (None, EXPANDING) else _seconds(str(window), "--window", f", or {EXPANDING}")
    if every is not None:
        return Folding(every=_seconds(every, "--every"), window=span)
    return Folding(folds=FOLDS if folds is None else _count(folds), window=span)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 2 <= int(text[:9]) <= MOST_FOLDS):
        raise ConfigError(f"--folds: expected a whole number from 2 to {MOST_FOLDS:,}, got {show(text)}")
    return int(text)


def _seconds(text: str, flag: str, more: str = "") -> float:
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{flag}: expected a number and a unit min, h, d or w, like 180d{more}, got {show(text)}")
    return int(found[1]) * _SECONDS[found[2]]
