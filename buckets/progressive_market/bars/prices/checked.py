"""Bars whose prices can be traded, and agree with the bars around them."""

from __future__ import annotations

from progressive_market.bars.bar_records import CleaningReport, Floats, Times
from progressive_market.bars.prices.bad_prints import without_bad_prints
from progressive_market.bars.prices.first_bars import first_bad_prints
from progressive_market.bars.prices.jumps import jumps
from progressive_market.bars.prices.other_units import refuse_other_units
from progressive_market.bars.prices.price_blocks import smallest_steps
from progressive_market.bars.prices.tradable import refuse_untradable


def checked_prices(
    time: Times, data: dict[str, Floats], interval: int, report: CleaningReport
) -> tuple[Times, dict[str, Floats], CleaningReport]:
    """Leave out bad prints, name jumps that stay, and refuse prices that are in several units or cannot be traded.

    :param time: bar opens in order, once each.
    :raise DataError: it says which bars, and why.
    """
    of_opens, tick = smallest_steps(data["open"], data["close"])
    refuse_untradable(time, data, of_opens, tick, report.source)
    begin = first_bad_prints(time, data, tick, interval)
    rest = {name: values[begin:] for name, values in data.items()}
    at = jumps(rest, tick)
    if not begin and not len(at):
        return time, data, report
    refuse_other_units(time[begin:], rest, at, interval, report.source)
    return without_bad_prints(time, data, begin, at + begin, tick, interval, report)
