"""Numbers as text: thousands separators, decimal commas, units in front."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from progressive_market.bars.bar_records import Floats

BLANKS = "\\s_'’\u00a0\u2009\u202f"  # between thousands: the last three are blanks that do not break
_DECORATION = rf"[,{BLANKS}$€£₮]|(?:usdt?|eur|btc)$"
_NUMBER = r"^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$"
_SIZES = {"k": 1e3, "m": 1e6, "b": 1e9}


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
    bare = pd.Series(text.to_pandas(), dtype="str").str.lower().str.replace(_DECORATION, "", regex=True)
    size = bare.str[-1:].map(_SIZES).fillna(1.0).to_numpy(dtype=np.float64)
    bare = as_text(bare.str.removesuffix("%").str.rstrip("kmb"))
    return _floats(pc.if_else(pc.match_substring_regex(bare, _NUMBER), bare, None)) * size


def as_text(values: pd.Series) -> pa.Array:
    """The values as text, null where there is none."""
    if isinstance(values.dtype, pd.StringDtype):
        text = pa.array(values, type=pa.large_string(), from_pandas=True)
        return text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
    missing = values.isna().to_numpy()
    return pa.array(
        [None if gone else str(value) for value, gone in zip(values, missing, strict=True)], type=pa.large_string()
    )


def _floats(text: pa.Array) -> Floats:
    return np.asarray(pc.fill_null(pc.cast(text, pa.float64()), np.nan))
