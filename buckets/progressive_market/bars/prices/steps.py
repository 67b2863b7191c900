"""Jumps of the price that stay: a real event, another market or another unit, and nobody can say which of them."""

from __future__ import annotations

import numpy as np
from attrs import evolve

from progressive_market.bars.bar_records import FIRST_TIMES, CleaningReport, Times, iso
from progressive_market.bars.prices.jumps import JUMP, Prices, factor_text, jumps, near


def with_steps(
    time: Times, data: Prices, settled: int, tick: float, interval: int, report: CleaningReport
) -> CleaningReport:
    """The report with the bars whose open or close is a factor of `JUMP` or more off the close before, and the factors.

    :param settled: so many bars are looked at; the price may come back from what the others do.
    """
    at = jumps(data, tick)
    at = at[(at < settled) & (time[at] - time[at - 1] <= near(interval))]
    moves = np.log([data["open"][at], data["close"][at]]) - np.log(data["close"][at - 1])
    furthest = np.where(np.abs(moves[0]) >= np.log(JUMP), moves[0], moves[1])
    stays = np.abs(furthest) >= np.log(JUMP)
    at, factors = at[stays], np.exp(furthest[stays])
    if not len(at):
        return report
    named = tuple(
        f"{when} {factor_text(float(factor))}"
        for when, factor in zip(iso(time[at[:FIRST_TIMES]]), factors, strict=False)
    )
    return evolve(report, steps=len(at), first_times={**report.first_times, "steps": named})
