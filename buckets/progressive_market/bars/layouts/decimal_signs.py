"""The decimal sign of a table, decided for all of its columns together and from every row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

from progressive_market.bars.bar_records import PRICES, Floats
from progressive_market.bars.layouts.numbers import BLANKS, as_text, numbers
from progressive_training import DataError

SIGNS = (".", ",")
UNCOMMON = (";", "\t")  # between fields, mostly where commas are decimal ones
SAMPLE = 200
NUMERIC = 0.5  # of a sample of a column of numbers, more than this share must be numbers
ENOUGH = 30  # numbers like 1.272 beside some like 685, none of them with one or two decimals, are whole ones
UNASKED = frozenset({"time", "close_time", "symbol", "ignored"})  # their dots and commas are no decimal signs

_DECORATION = rf"[-+{BLANKS}$€£₮]|(?:usdt?|eur|btc)$|[%kmb]$"
_COMMA = r"^[-+]?\d{1,3}(?:\.\d{3})*,\d+$|^[-+]?\d+,\d+$"
_POINT = r"^[-+]?\d{1,3}(?:,\d{3})*\.\d+$|^[-+]?\d+\.\d+$|^[-+]?\d{1,3}(?:,\d{3})+$"
_NUMBER = r"^[.,]?\d[\d.,]*(?:e\d+)?$"
_WHOLE_BELOW_1000 = r"^[1-9]\d{0,2}$"
_WHOLE_FROM_1000 = r"^\d{4,}$"
_DAY_FIRST = r"^\d{1,2}\.\d{1,2}\.(?:\d{4}|\d{2})\b"  # where dates are written so, decimals have a comma


@frozen(kw_only=True)
class _Column:
    """What a column of text says: `sign` is its decimal sign, "" where it shows none; `grouped` is the sign that would be
    the decimal one if its whole numbers are written in thousands ("" unless they look so); `either` holds the signs that
    may part its thousands as well as its decimals (1.272)."""

    sign: str = ""
    grouped: str = ""
    either: frozenset[str] = frozenset()


def one_sign(
    frame: pd.DataFrame, roles: Mapping[str, str], decimal: str | None, where: str, notes: list[str]
) -> tuple[pd.DataFrame, str]:
    """The decimal sign of all columns of text; those that contradict it are read by their own, and noted.

    :param roles: what each column is, by its name.
    :param decimal: `likely_sign` of the file, which its floats were read with; None where they were no text.
    :return: the frame, with the contradicting columns as floats, and the sign for the others.
    :raise DataError: a column shows both signs, or one might have either and the others do not agree.
    """
    text = [label for label in roles if roles[label] not in UNASKED and _is_numeric_text(frame[label])]
    if not text:
        return frame, decimal or "."
    found = {label: _column(as_text(frame[label].dropna()), f"{where}, column {label!r}") for label in text}
    signs = {label: column.sign for label, column in found.items() if column.sign}
    if decimal is not None:
        signs |= {
            label: decimal or "."
            for label in roles
            if frame[label].dtype.kind == "f" and _has_decimals(frame[label].to_numpy())
        }
    sign = _of_all(signs, found, roles, where) or ("." if decimal is None else decimal)
    if not sign:
        unclear = next(label for label, column in found.items() if column.either)
        raise DataError(
            f"{where}: the commas in column {unclear!r} ({frame[unclear].dropna().iloc[0]!r}) may part decimals as well as "
            "thousands, and no column shows which; write a decimal point, or no thousands signs"
        )
    own = {label: column.sign or column.grouped for label, column in found.items()}
    contrary = [label for label, its in (own | signs).items() if its and its != sign]
    if contrary:
        other = SIGNS[sign == "."]
        notes.append(
            f"numbers have a decimal {sign!r}, but {', '.join(contrary)[:200]} a {other!r}: each read by its own"
        )
    return frame.assign(**{label: numbers(frame[label], own[label]) for label in contrary if label in text}), sign


def likely_sign(fields: list[str], delimiter: str) -> str:
    """A first guess from the fields of a file's first rows, so that most files are read once; "" where every comma may be
    either sign in a file that parts its fields by another one, and its dates do not show where it is from."""
    texts = pd.Series(fields, dtype="str").str.strip()
    commas, points = (int(texts.str.match(sign).sum()) for sign in (_COMMA, _POINT))
    if commas == points and commas and delimiter in UNCOMMON:
        return "," if texts.str.match(_DAY_FIRST).any() else ""
    return SIGNS[int(commas > points)]


def doubtful_floats(table: pa.Table) -> list[str]:
    """Columns of a text file, read as floats, whose decimal sign might part thousands: they need to be read as text.

    These are whole thousandths below 1,000, where another column is written in numbers of both signs or where whole
    numbers are among them.
    """
    floats = {name: table[name] for name in table.column_names if pa.types.is_floating(table.schema.field(name).type)}
    doubtful = {name: values for name, values in floats.items() if _are_thousandths(values)}
    others = [table[name].to_pandas() for name in table.column_names if doubtful and name not in floats]
    whole_too = any(
        pc.any(pc.equal(part, pc.floor(part))).as_py() for each in doubtful.values() for part in each.chunks
    )
    return list(doubtful) if whole_too or any(_is_numeric_text(values) for values in others) else []


def shows_sign(text: pa.Array, sign: str) -> bool:
    """Whether one of these numbers, all read with the decimal sign `sign`, can have no other: 0.5 or 12.34, but not 1.272. Then a
    column of them is what its floats are, whatever else it holds."""
    bare = _undecorated(text)
    shown = bare.filter(pc.match_substring_regex(bare, _decimals(sign, SIGNS[sign == "."])))
    return _any(shown, rf"\{sign}\d*[1-9]\d*$")  # a fraction: of 12.0 the float shows no sign


def _of_all(signs: Mapping[str, str], found: Mapping[str, _Column], roles: Mapping[str, str], where: str) -> str:
    """The sign of the prices, else of most columns; "" where none shows one."""
    prices = [sign for label, sign in signs.items() if roles[label] in PRICES]
    votes = prices or list(signs.values()) or [column.grouped for column in found.values() if column.grouped]
    commas, points = votes.count(","), votes.count(".")
    unclear = [label for label, column in found.items() if column.either and not (column.sign or column.grouped)]
    contradictory = {sign for label in unclear for sign in found[label].either} == set(SIGNS) and not votes
    if unclear and (contradictory or (votes and commas == points)):
        raise DataError(
            f"{where}: in column {unclear[0]!r} dots and commas may part decimals as well as thousands, and the other "
            "columns do not agree; write its numbers without thousands signs"
        )
    return ("," if commas > points else ".") if votes or not unclear else ""


def _is_numeric_text(values: pd.Series) -> bool:
    if values.dtype.kind in "iufbMm":
        return False
    known = values.dropna()
    if not len(known):
        return False
    sample = _undecorated(as_text(known.iloc[np.linspace(0, len(known) - 1, SAMPLE).astype(int)]))
    return bool(pc.mean(pc.match_substring_regex(sample, _NUMBER)).as_py() > NUMERIC)


def _undecorated(text: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(pc.utf8_lower(text), _DECORATION, "")


def _column(text: pa.Array, where: str) -> _Column:
    if _plainly_dotted(text):
        return _Column(sign=".")
    text = _undecorated(text)
    if not _any(text, "[.,]"):
        return _Column()
    shown = [sign for sign in SIGNS if _any(text, _decimals(sign, SIGNS[sign == "."]))]
    if len(shown) == 2:
        examples = " and ".join(
            repr(text.filter(pc.match_substring_regex(text, _decimals(sign, SIGNS[sign == "."])))[0].as_py())
            for sign in SIGNS
        )
        raise DataError(
            f"{where}: numbers with a decimal point and with a decimal comma ({examples}); write them one way"
        )
    if shown:
        return _Column(sign=shown[0])
    either = frozenset(sign for sign in SIGNS if _any(text, rf"^[1-9]\d{{0,2}}\{sign}\d{{3}}$"))
    if len(either) == 1 and _any(text, _WHOLE_BELOW_1000) and not _any(text, _WHOLE_FROM_1000):
        thousands = next(iter(either))
        if pc.sum(pc.match_substring(text, thousands)).as_py() >= ENOUGH:
            return _Column(grouped=SIGNS[thousands == "."], either=either)
    return _Column(either=either)


def _plainly_dotted(text: pa.Array) -> bool:
    """A way around the patterns below, which take a second for a million rows."""
    try:
        values = np.asarray(pc.cast(text, pa.float64()))
    except pa.ArrowInvalid:
        return False
    return _has_decimals(values) and not _whole_thousandths(values)


def _decimals(sign: str, other: str) -> str:
    """What only a number can be whose decimal sign is `sign`: 0.5, 12.34, 1234.5 and 1.2e5; 1,234.5 and 1,234,567."""
    return (
        rf"^(?:0?\{sign}\d+|0\d*\{sign}\d+|\d*\{sign}(?:\d{{1,2}}|\d{{4,}})|\d{{4,}}\{sign}\d*|\d*\{sign}\d*e\d+"
        rf"|\d{{1,3}}(?:\{other}\d{{2,3}})+\{sign}\d*|\d{{1,3}}(?:\{other}\d{{2,3}})+\{other}\d{{3}})$"
    )


def _any(text: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(text, pattern)).as_py())


def _has_decimals(values: Floats) -> bool:
    return bool((values[np.isfinite(values)] % 1 != 0).any())


def _are_thousandths(values: pa.ChunkedArray) -> bool:
    return all(_whole_thousandths(np.asarray(pc.drop_null(part))) for part in values.chunks)


def _whole_thousandths(values: Floats) -> bool:
    size = np.abs(values[np.isfinite(values)])
    if not (size < 1000).all():
        return False
    thousandths = size * 1000
    return bool((np.abs(thousandths - np.round(thousandths)) < 1e-6).all())
