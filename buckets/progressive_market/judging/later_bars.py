"""The validation bars that a model of another run cannot have seen."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from progressive_market.judging.excerpt import excerpt
from progressive_market.split import SMALLEST_PART

if TYPE_CHECKING:
    from progressive_market.market import Part


def later_part(validation: Part, moment: str, longest: int) -> Part | None:
    """The bars of the `validation` part that open at `moment` or later, or an excerpt of them.

    :param moment: an ISO time. :param longest: the bucket's longest horizon in bars.
    :return: None where they are fewer than a validation part of its own would need: 200, and the longest horizon twice.
    """
    nanoseconds = int(datetime.fromisoformat(moment).timestamp() * 1e6) * 1000
    seen = int(np.searchsorted(validation.times, nanoseconds))
    if len(validation) - seen < max(SMALLEST_PART, 2 * longest):
        return None
    return excerpt(validation.taken(slice(seen, len(validation))))[0]
