"""A header names the columns, whatever the rows below it hold; a name outranks a look."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from progressive_market.bars import load_bars
from progressive_training import DataError

VALUES = ["open", "high", "low", "close", "volume"]


@pytest.fixture
def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Bars with columns before the prices that look like a volume, and one after them."""
    random = np.random.default_rng(5)
    seconds = frame["time"].dt.tz_localize(None).to_numpy(dtype="datetime64[s]").astype(np.int64)
    table = pd.DataFrame(
        {"open_time": seconds, "open_interest": random.uniform(5e4, 9e4, 200), "rsi_14": random.uniform(10, 90, 200)}
    )
    return table.join(frame[VALUES]).assign(funding_rate=random.normal(1e-4, 1e-5, 200))


@pytest.mark.parametrize("empty", [1, 2, 30])
@pytest.mark.parametrize("nothing", ["", "NaN", "null"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_first_rows_without_prices_leave_the_header_one(
    empty: int, nothing: str, separator: str, table: pd.DataFrame, tmp_path: Path
) -> None:
    written = table.astype(dict.fromkeys(VALUES, object))
    written.loc[: empty - 1, VALUES] = None
    written.to_csv(tmp_path / "bars.csv", index=False, sep=separator, na_rep=nothing)
    bars = load_bars(tmp_path / "bars.csv")
    for name in VALUES:
        np.testing.assert_array_equal(getattr(bars, name), table[name][empty:], err_msg=name)
    assert set(bars.extra) == {"open_interest", "rsi_14", "funding_rate"}
    for name, values in bars.extra.items():
        np.testing.assert_array_equal(values, table[name][empty:], err_msg=name)


@pytest.mark.parametrize("empty", [0, 1, 3])
def test_without_a_header_the_first_rows_are_rows(empty: int, table: pd.DataFrame, tmp_path: Path) -> None:
    written = table[["open_time", *VALUES]].astype(dict.fromkeys(VALUES, object))
    written.loc[: empty - 1, VALUES[1:]] = None
    written.to_csv(tmp_path / "bars.csv", index=False, header=False)
    bars = load_bars(tmp_path / "bars.csv")
    for name in VALUES:
        np.testing.assert_array_equal(getattr(bars, name), table[name][empty:], err_msg=name)


def test_names_with_digits_are_names(table: pd.DataFrame, tmp_path: Path) -> None:
    names = ["time1", "ema20", "rsi_14", "1. open", "2. high", "3. low", "4. close", "5. volume", "8h"]
    table.set_axis(names, axis=1).to_csv(tmp_path / "bars.csv", index=False)
    bars = load_bars(tmp_path / "bars.csv")
    np.testing.assert_array_equal(bars.close, table["close"])
    assert {"ema_20", "rsi_14"} <= set(bars.extra)


def test_the_first_name_may_be_left_out(table: pd.DataFrame, tmp_path: Path) -> None:
    """As R writes tables: the header does not name the first column."""
    text = table[["open_time", *VALUES]].to_csv(index=False, sep=" ").replace("open_time ", "", 1)
    (tmp_path / "bars.csv").write_text(text)
    np.testing.assert_array_equal(load_bars(tmp_path / "bars.csv").close, table["close"])


def test_a_header_of_other_columns_than_the_rows_have_is_refused(table: pd.DataFrame, tmp_path: Path) -> None:
    text = table.to_csv(index=False).replace("rsi_14,", "", 1).replace(",funding_rate", "", 1)
    (tmp_path / "bars.csv").write_text(text)
    with pytest.raises(DataError, match=r"header names 7 columns, but the rows have 9 fields"):
        load_bars(tmp_path / "bars.csv")


@pytest.mark.parametrize("missing", ["volume", "open_time"])
def test_no_named_column_takes_the_place_of_a_missing_one(missing: str, table: pd.DataFrame, tmp_path: Path) -> None:
    table.drop(columns=missing).to_csv(tmp_path / "bars.csv", index=False)
    with pytest.raises(DataError, match="no column (for the volume|of times)"):
        load_bars(tmp_path / "bars.csv")
