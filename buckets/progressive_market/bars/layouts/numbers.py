"""Numbers as text: thousands separators, decimal commas, units in front."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from progressive_market.bars.bar_records import Floats

BLANKS = "\\s_'’\u00a0\u2009\u202f"  # between thousands: the last three are blanks that do not break
_DECORATION = rf"[,{BLANKS}$€£₮]|(?:usdt?|eur|btc|%)$"
_NUMBER = r"^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$"
_SIZES = {"k": "e3", "m": "e6", "b": "e9"}


def numbers(values: pd.Series, decimal: str) -> Floats:
    """Read numbers, NaN where a value is none.

    :param decimal: the decimal sign of the column, "." or ","; the other one, blanks and apostrophes part thousands.
    """
    if values.dtype.kind in "iuf":
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    if values.dtype.kind in "bMm":
        return np.full(len(values), np.nan)
    text = pc.utf8_trim_whitespace(as_text(values))
    if decimal == ",":
        text = pc.replace_substring(pc.replace_substring(text, ".", ""), ",", ".")
    try:
        return _floats(text)
    except pa.ArrowInvalid:
        pass
    bare = pc.replace_substring_regex(pc.utf8_lower(text), _DECORATION, "")
    for size, power in _SIZES.items():
        bare = pc.replace_substring_regex(bare, f"{size}$", power)
    return _floats(pc.if_else(pc.match_substring_regex(bare, _NUMBER), bare, None))


def as_text(values: pd.Series) -> pa.Array:
    """The values as text, null where there is none."""
    if isinstance(values.dtype, pd.StringDtype):
        text = pa.array(values, type=pa.large_string(), from_pandas=True)
        return text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
    missing = values.isna().to_numpy()
    texts = [None if gone else str(value) for value, gone in zip(values, missing, strict=True)]
    try:
        return pa.array(texts, type=pa.large_string())
    except UnicodeEncodeError:  # halves of characters that JSON and frames can hold
        return pa.array([text and text.encode("utf-8", "replace") for text in texts], type=pa.large_string())


def _floats(text: pa.Array) -> Floats:
    return np.asarray(pc.fill_null(pc.cast(text, pa.float64()), np.nan))
