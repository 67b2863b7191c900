"""Numbers as text: thousands separators, decimal commas, units in front."""

from __future__ import annotations

import numpy as np
import pandas as pd

from progressive_market.bars.bar_records import Floats

_AMERICAN = r"^[-+]?\d{1,3}(,\d{3})+(\.\d*)?$"
_DECORATION = r"[,'\s_\u00a0\u202f$€£₮]|(?:usdt?|eur|btc)$"
_SIZES = {"k": 1e3, "m": 1e6, "b": 1e9}


def numbers(values: pd.Series, decimal: str) -> Floats:
    """Read numbers, NaN where a value is none.

    :param decimal: the decimal sign of the file, "." or ","; the other one, blanks and apostrophes part thousands.
    """
    if values.dtype.kind in "iuf":
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    if values.dtype.kind in "bMm":
        return np.full(len(values), np.nan)
    text = values.astype("str").str.strip()
    if decimal == ",":
        text = text.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    plain = pd.to_numeric(text, errors="coerce")
    if plain.isna().any():
        bare = text.str.lower().str.replace(_DECORATION, "", regex=True)
        size = bare.str[-1:].map(_SIZES).fillna(1.0).to_numpy(dtype=np.float64)
        plain = pd.to_numeric(bare.str.removesuffix("%").str.rstrip("kmb"), errors="coerce") * size
    return plain.to_numpy(dtype=np.float64, na_value=np.nan)


def decimal_sign(sample: list[str]) -> str:
    """The decimal sign of a file whose fields look like `sample`: a comma where that is the only way to read some."""
    texts = pd.Series(sample, dtype="str").str.strip().str.lower()
    commas = texts[texts.str.contains(",", regex=False)]
    if commas.empty or commas.str.match(_AMERICAN).all() or texts.str.match(r"^[-+]?\d+\.\d+$").any():
        return "."
    numeric = commas.str.match(r"^[-+]?\d{1,3}(\.\d{3})*,\d+$|^[-+]?\d+,\d+$")
    return "," if numeric.mean() > 0.5 else "."
