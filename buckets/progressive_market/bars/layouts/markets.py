"""Which of the markets in a table is read: bars are those of one."""

from __future__ import annotations

import pandas as pd

from progressive_market.bars.layouts.column_names import role
from progressive_training import DataError

MOST_NAMED = 8  # markets in an error


def one_market(frame: pd.DataFrame, market: str | None, where: str) -> tuple[pd.DataFrame, str]:
    """The part of `frame` that is of one market, and the market's name ("" where the table names none).

    :param market: which one to take; None where there is one.
    :raise DataError: there are several and none is chosen, or the one chosen is not there.
    """
    for label in frame.columns:
        if role(label) != "symbol" or (market is None and frame[label].dtype.kind in "iuf"):
            continue
        names = frame[label].astype("str").str.strip().where(frame[label].notna())
        there = {plain_name(name): name for name in names.dropna().unique()}
        if market is not None:
            if plain_name(market) not in there:
                raise DataError(
                    f"{where}: no market {market!r}; {listed(there.values())} are there, in column {label!r}"
                )
            rows = names.map(plain_name, na_action="ignore") == plain_name(market)
            return frame[rows.to_numpy(dtype=bool)].reset_index(drop=True), there[plain_name(market)]
        if len(there) > 1:
            raise DataError(
                f"{where}: column {label!r} names {len(there)} markets ({listed(there.values())}); choose one with "
                f"--market {min(there.values())} (MARKET)"
            )
        if there:
            return frame, next(iter(there.values()))
    if market is not None:
        raise DataError(f"{where}: market {market!r} is asked for, and no market is named there; leave it out")
    return frame, ""


def plain_name(name: str) -> str:
    """The name without what writers disagree on: BTC-USD, BTC/USD and btcusd are one market."""
    return "".join(letter for letter in name.upper() if letter not in "/-_: ")


def listed(names: object) -> str:
    """The first few names, for an error."""
    known = sorted(map(str, names))  # type: ignore[call-overload]
    return ", ".join(known[:MOST_NAMED]) + ", ..." * (len(known) > MOST_NAMED)
