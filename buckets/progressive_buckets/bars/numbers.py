"""Numbers as text: thousands separators, decimal commas, units in front."""

from __future__ import annotations

import numpy as np
import pandas as pd

from progressive_buckets.bars.records import Floats

_AMERICAN = r"^[-+]?\d{1,3}(,\d{3})+(\.\d*)?$"


def numbers(values: pd.Series, decimal: str) -> Floats:
    """Read numbers, NaN where a value is none.

    :param decimal: the decimal sign of the file, "." or ","; the other one, blanks and apostrophes part thousands.
    """
    if values.dtype.kind in "iuf":
        return values.to_numpy(dtype=np.float64)
    if values.dtype.kind in "bMm":
        return np.full(len(values), np.nan)
    text = values.astype("str").str.strip()
    if decimal == ",":
        text = text.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    plain = pd.to_numeric(text, errors="coerce")
    if plain.isna().any():
        stripped = text.str.replace(r"[,'\s_\u00a0\u202f$€£₮]|(?:usdt?|eur|btc)$", "", regex=True, case=False)
        plain = pd.to_numeric(stripped, errors="coerce")
    return plain.to_numpy(dtype=np.float64, na_value=np.nan)


def decimal_sign(sample: list[str]) -> str:
    """The decimal sign of a file whose fields look like `sample`: a comma where that is the only way to read some."""
    texts = pd.Series(sample, dtype="str").str.strip().str.lower()
    commas = texts[texts.str.contains(",", regex=False)]
    if commas.empty or commas.str.match(_AMERICAN).all() or texts.str.match(r"^[-+]?\d+\.\d+$").any():
        return "."
    numeric = commas.str.match(r"^[-+]?\d{1,3}(\.\d{3})*,\d+$|^[-+]?\d+,\d+$")
    return "," if numeric.mean() > 0.5 else "."
