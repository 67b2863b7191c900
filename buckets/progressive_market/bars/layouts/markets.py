"""Which of the markets in a table is read, where its names show them: bars are those of one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from progressive_market.bars.bar_records import PRICES
from progressive_market.bars.layouts.column_names import CURRENCIES, PRICE, role, split
from progressive_training import DataError

MOST_LISTED = 8  # markets in an error
IDENTIFIERS = frozenset(
    "id symbol ticker pair market instrument asset coin crypto currency name code exchange venue interval timeframe".split()
)
KINDS_OF_PRICE = frozenset("price prices px mid bid ask spot".split())
NO_MARKETS = frozenset(
    "ha heikin ashi mark index prev previous lag adj adjusted raw norm scaled log next forecast predicted prediction future "
    "target change diff delta pct ret return returns mean median std sma ema ma zscore".split()
)
_PART = re.compile(r"[\s_.:|/()\[\]<>,-]+")


def one_market(frame: pd.DataFrame, market: str | None, where: str) -> tuple[pd.DataFrame, str]:
    """The part of `frame` that is of one market, and that market's name ("" where the names show none).

    :param market: which one to take, if the names show it; None where there is one.
    :raise DataError: there are several and none is chosen, or the one chosen is not there.
    """
    alone = None
    for label in (label for label in frame.columns if role(label) == "symbol" and frame[label].dtype.kind not in "iuf"):
        there = markets_in(frame[label])
        if len(there) > 1:
            name = chosen(market, there, f"column {label!r}", where)
            return frame[rows_of(frame[label], name)].reset_index(drop=True), name
        if there and (market is None or plain_name(market) in there):
            return frame, next(iter(there.values()))
        alone = (there, label) if there else alone
    if market is not None:
        for label in (label for label in frame.columns if IDENTIFIERS & set(split(label))):
            there = markets_in(frame[label])
            if plain_name(market) in there:
                rows = rows_of(frame[label], market)
                return frame[rows].drop(columns=label).reset_index(drop=True), there[plain_name(market)]
        if alone is not None:
            chosen(market, alone[0], f"column {alone[1]!r}", where)
    return _one_of_wide(frame, market, where)


def markets_in(values: pd.Series) -> dict[str, str]:
    """The names in a column, by their plain name."""
    return {plain_name(name): name for name in as_names(values).dropna().unique()}


def rows_of(values: pd.Series, market: str) -> NDArray[np.bool_]:
    """Which rows of a column name the market."""
    return (as_names(values).map(plain_name, na_action="ignore") == plain_name(market)).to_numpy(dtype=bool)


def chosen(market: str | None, there: dict[str, str], place: str, where: str) -> str:
    """The one of the markets `there` (plain name: name) that is asked for, or the only one.

    :raise DataError: it is not there, or several are and none is chosen.
    """
    if market is not None:
        if plain_name(market) not in there:
            raise DataError(f"{where}: no market {market!r} in {place}; expected one of {listed(there.values())}")
        return there[plain_name(market)]
    if len(there) > 1:
        known = _sorted(there.values())
        raise DataError(
            f"{where}: {place} names {len(known)} markets ({listed(known)}), and bars are those of one; choose it with "
            f"--market {shlex.quote(known[0])} (MARKET)"
        )
    return next(iter(there.values()))


def as_names(values: pd.Series) -> pd.Series:
    """Names as text, None where there is none; a whole number without its decimals."""
    codes, known = factorized(values)
    names = [re.sub(r"^(\d+)\.0+$", r"\1", str(name).strip()) for name in known]
    return pd.Series(np.array([*names, None], dtype=object)[codes], index=values.index, dtype=object)


def factorized(values: pd.Series) -> tuple[NDArray[np.intp], pd.Index]:
    """The place of each value among the distinct ones, -1 where there is none, and these."""
    if values.dtype.kind == "O":  # whose values may be of any type
        values = values.astype("str").where(values.notna())
    codes, known = pd.factorize(values)
    return codes, pd.Index(known)


def plain_name(name: str) -> str:
    """The name without what writers disagree on: BTC-USD, BTC/USD and btcusd are one market."""
    return re.sub(r"[-/_: ]", "", str(name).upper())


def listed(names: Iterable[str]) -> str:
    """The first few names, for an error."""
    known = _sorted(names)
    return ", ".join(known[:MOST_LISTED]) + ", ..." * (len(known) > MOST_LISTED)


def _sorted(names: Iterable[str]) -> list[str]:
    """By name, numbers by their size."""
    return sorted(names, key=lambda name: (len(name) if name.isdigit() else 0, name))


def _one_of_wide(frame: pd.DataFrame, market: str | None, where: str) -> tuple[pd.DataFrame, str]:
    """The columns of one market under their plain names, where the four prices come with the name of a market; those of
    the other markets are dropped. Prices without a name are the market's own, and named ones beside them extra columns."""
    prices: dict[str, set[str]] = {}
    names: dict[str, str] = {}
    unnamed = set()
    for label in frame.columns:
        found = _price_and_market(label)
        if found is None:
            continue
        price, name = found
        if not name:
            unnamed.add(price)
        else:
            prices.setdefault(plain_name(name), set()).add(price)
            names.setdefault(plain_name(name), name)
    there = {key: names[key] for key, found in prices.items() if found == set(PRICES)}
    if not there or unnamed == set(PRICES):
        return frame, ""
    name = chosen(market, there, "the header", where)
    own, dropped = {}, []
    for label in frame.columns:
        # BTC-USD Open begins with BTC as well, which may be a market of its own: the longest name is meant.
        whose = max((each for each in there.values() if _without(label, each)), key=len, default=None)
        if whose == name:
            own[label] = _without(label, name)
        elif whose is not None:
            dropped.append(label)
    renamed = {label: field for label, field in own.items() if field not in frame.columns}
    rows = frame.drop(columns=dropped).rename(columns=renamed)
    if len(there) > 1:  # rows from before the market began, or after its end
        rows = rows[rows[[label for label in rows.columns if role(label) in PRICES]].notna().any(axis="columns")]
    return rows.reset_index(drop=True), name


def _price_and_market(label: str) -> tuple[str, str] | None:
    """Which price a column is, and the name of its market ("" where it has none); None where it is no price.

    The price is the first or the last word: `Open BTC-USD`, `ethusdt_close`.
    """
    words = [word for word in _PART.split(_parted(label)) if word]
    if not words or role(label) not in {*PRICES, "extra"}:
        return None
    for word in sorted((words[0], words[-1]), key=lambda word: word.lower() not in PRICES):
        if word.lower() in PRICE:
            rest = _without(label, word) or ""
            other = set(split(rest))
            if other & NO_MARKETS and all(word in NO_MARKETS | KINDS_OF_PRICE or word.isdigit() for word in other):
                return None
            return PRICE[word.lower()], "" if other <= KINDS_OF_PRICE | CURRENCIES else rest
    return None


def _without(label: str, name: str) -> str | None:
    """What is left of a label that begins or ends with `name`, None where it does neither."""
    place = re.escape(name)
    part = r"[\s_.:|/()\[\]<>,-]"
    pattern = rf"{part}*{place}{part}+(.+?){part}*|{part}*(.+?){part}+{place}{part}*"
    found = re.fullmatch(pattern, _parted(label), re.IGNORECASE)
    return (found[1] or found[2]) if found else None


def _parted(label: str) -> str:
    """`closeBTCUSDT` and `BTCUSDTClose` in two words."""
    label = re.sub(r"^([Oo]pen|[Hh]igh|[Ll]ow|[Cc]lose|[Vv]olume)(?=[A-Z])", r"\1 ", label)
    return re.sub(r"(?<=[A-Za-z])(Open|High|Low|Close|Volume)$", r" \1", label)
