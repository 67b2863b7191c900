"""Prices at which nobody could have traded are refused by name."""

from __future__ import annotations

import numpy as np

from progressive_market.bars.bar_records import Times, iso
from progressive_market.bars.prices.averaged import moving_average, typical_price
from progressive_market.bars.prices.back_adjusted import back_adjusted
from progressive_market.bars.prices.heikin_ashi import heikin_ashi
from progressive_market.bars.prices.jumps import Prices
from progressive_training import DataError


def refuse_untradable(time: Times, data: Prices, of_opens: float, of_closes: float, source: str) -> None:
    """Refuse bars that are computed from prices.

    :param of_opens, of_closes: their smallest steps. :raise DataError: what they are, and from which bar on.
    """
    begins = {
        "Heikin-Ashi bars (each open is the middle of the body before)": heikin_ashi(data, of_opens),
        "averaged (returns and ranges are as smooth as those of a moving average)": moving_average(data),
        "averaged (each close is the typical price of its bar)": typical_price(data, of_closes),
        "back-adjusted by a moving factor (each open is off the close before it by the same ratio)": back_adjusted(
            data
        ),
    }
    for words, start in begins.items():
        if start is not None:
            raise DataError(
                f"{source}: these prices cannot be traded: from {iso(time[np.array([start])])[0]} on they are {words}; "
                "give the bars as they were traded"
            )
