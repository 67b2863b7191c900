"""Bars are taken from whatever Python users hold: paths, frames, tables that speak Arrow, rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from progressive_market.bars import Bars, Source, load_bars, read
from progressive_training import DataError

PLAIN = ["time", "open", "high", "low", "close", "volume"]


class Stream:
    """A table of a library that only speaks Arrow."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


class Batch:
    """One batch of such a table."""

    def __init__(self, table: pa.Table) -> None:
        self._batch = table.combine_chunks().to_batches()[0]

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        return self._batch.__arrow_c_array__(requested_schema)  # type: ignore[no-any-return]


def rows(frame: pd.DataFrame) -> list[list[Any]]:
    """As ccxt's `fetch_ohlcv` gives them."""
    milliseconds = frame["time"].dt.as_unit("ms").astype("int64")
    return frame[PLAIN].assign(time=milliseconds).astype(object).to_numpy().tolist()  # type: ignore[no-any-return]


def arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.table(frame[PLAIN])


def views(frame: pd.DataFrame) -> pa.Table:
    """Times as text of the type that Polars uses."""
    text = pa.array(frame["time"].map(str).tolist(), pa.string_view())
    return pa.table({"time": text, **{name: frame[name].to_numpy() for name in PLAIN[1:]}})


SOURCES: dict[str, Callable[[pd.DataFrame], Source]] = {
    "frame": lambda frame: frame[PLAIN],
    "frame by time": lambda frame: frame[PLAIN].set_index("time"),
    "pyarrow table": arrow,
    "pyarrow batch": lambda frame: arrow(frame).to_batches()[0],
    "pyarrow reader": lambda frame: arrow(frame).to_reader(),
    "pandas index in Arrow": lambda frame: pa.Table.from_pandas(frame[PLAIN].set_index("time")),
    "stream": lambda frame: Stream(arrow(frame)),
    "batch": lambda frame: Batch(arrow(frame)),
    "text in Arrow": lambda frame: Stream(views(frame)),
    "rows": rows,
    "tuples": lambda frame: tuple(map(tuple, rows(frame))),
    "rows of text": lambda frame: [[row[0], *map(str, row[1:])] for row in rows(frame)],
    "dictionaries": lambda frame: [dict(zip("tohlcv", row, strict=True)) for row in rows(frame)],
    "array": lambda frame: np.array(rows(frame), dtype=float),
}


def assert_same(bars: Bars, frame: pd.DataFrame) -> None:
    np.testing.assert_array_equal(bars.time, frame["time"].dt.as_unit("ns").astype("int64"))
    for name in PLAIN[1:]:
        np.testing.assert_array_equal(getattr(bars, name), frame[name], err_msg=name)


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_gives_the_same_bars(kind: str, frame: pd.DataFrame) -> None:
    assert_same(load_bars(SOURCES[kind](frame)), frame)


@pytest.mark.parametrize("kind", ["path", "text"])
def test_a_path_gives_the_same_bars(kind: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    frame[PLAIN].to_parquet(path)
    assert_same(load_bars(path if kind == "path" else str(path)), frame)


@pytest.mark.parametrize("library", ["polars", "duckdb"])
def test_tables_of_other_libraries_give_the_same_bars(library: str, frame: pd.DataFrame) -> None:
    table = pytest.importorskip(library).from_arrow(arrow(frame))
    assert_same(load_bars(table), frame)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_few_rows_stand_in_the_order_of_ccxt(frame: pd.DataFrame, count: int) -> None:
    """By their numbers alone, open and close of so few bars could be taken for one another."""
    few = frame.tail(count)
    assert_same(load_bars(rows(few)), few)


@pytest.mark.parametrize("count", [2, 200])
@pytest.mark.parametrize("first", [0, 50])
def test_rows_of_ccxt_in_a_frame_are_those_of_the_list(frame: pd.DataFrame, count: int, first: int) -> None:
    listed = rows(frame)[first : first + count]
    assert_same(load_bars(pd.DataFrame(rows(frame)).iloc[first : first + count]), frame.iloc[first : first + count])
    assert_same(load_bars(pd.DataFrame(listed)[::-1]), frame.iloc[first : first + count])


def test_columns_that_count_beside_an_index_of_times(frame: pd.DataFrame) -> None:
    listed = pd.DataFrame([row[1:] for row in rows(frame)], index=frame["time"])
    assert_same(load_bars(listed), frame)


def test_numbers_and_text_in_one_column_are_read_alike(frame: pd.DataFrame) -> None:
    mixed = [str(value) if index % 2 else value for index, value in enumerate(frame["close"])]
    assert_same(load_bars(frame[PLAIN].assign(close=pd.Series(mixed, dtype=object))), frame)
    half = frame[PLAIN].assign(note=pd.Series(["\ud800", 1.5] * (len(frame) // 2), dtype=object))
    assert_same(load_bars(half), frame)


@pytest.mark.parametrize("path", ["\0", "bars\0.csv", Path("a\0b")])
def test_no_file_has_such_a_path(path: str | Path) -> None:
    with pytest.raises(DataError, match="no path of a file"):
        load_bars(path)


@pytest.mark.parametrize("order", [["time", "low", "high", "open", "close", "volume"], [*PLAIN[1:], "time"]])
def test_rows_in_another_order_are_known_by_their_numbers(frame: pd.DataFrame, order: list[str]) -> None:
    table = pd.DataFrame(rows(frame), columns=PLAIN)
    assert_same(load_bars(table[order].to_numpy()), frame)


@pytest.mark.parametrize("source", [7, None, b"bars.csv", {"time": [1]}, [1, 2, 3], np.zeros(5), {1, 2}, iter([])])
def test_what_is_no_source_is_refused_with_what_is(source: Any) -> None:
    with pytest.raises(
        DataError, match=r"expected a path, a pandas DataFrame, a table that speaks Arrow .* or a list of"
    ):
        load_bars(source)


@pytest.mark.parametrize("source", [[], np.zeros((0, 6)), [[1, 2, 3]], pa.table({"time": [1]}), pd.DataFrame()])
def test_a_source_without_bars_is_refused(source: Any) -> None:
    with pytest.raises(DataError):
        load_bars(source)


def serving(frame: pd.DataFrame) -> pd.DataFrame:
    """Today's rows, in which nothing can be learned from the extra columns."""
    count = len(frame)
    return frame.assign(
        constant=1.0, sparse=np.where(np.arange(count) < 3, 2.0, np.nan), copy=frame["close"], empty=None, other=3.0
    )


def test_useless_columns_are_left_out_and_named_with_the_reason(frame: pd.DataFrame) -> None:
    reading = read(serving(frame))
    reasons = dict(reading.left_out)
    assert set(reasons) == {"constant", "sparse", "copy", "empty", "other"}
    assert reasons["constant"] == "constant"
    assert "close" in reasons["copy"]
    assert load_bars(serving(frame)).report.left_out == reading.left_out


def test_exactly_the_columns_asked_for_are_kept_whatever_they_hold(frame: pd.DataFrame) -> None:
    asked = {"constant", "sparse", "copy", "empty", "trades", "absent"}
    reading = read(serving(frame), columns=asked)
    assert set(reading.columns) - set(PLAIN) == asked - {"absent"}
    assert reading.left_out == ()
    np.testing.assert_array_equal(reading.columns["copy"], frame["close"])
    assert np.isnan(reading.columns["empty"]).all()
    assert set(read(serving(frame), columns=()).columns) == set(PLAIN[1:])


def test_what_is_derived_keeps_its_name_on_rows_without_trades(frame: pd.DataFrame) -> None:
    """Where nothing was traded, the numbers no longer show which column is the quote volume."""
    names = {"volume": "Volume BTC", "quote_volume": "Volume USDT", "trades": "Number of trades"}
    trained = load_bars(frame.rename(columns=names)).extra
    quiet = frame.tail(20).assign(volume=0.0, quote_volume=0.0, trades=0).rename(columns=names)
    assert {"quote_volume", "trades"} <= set(trained)
    assert set(read(quiet, columns=tuple(trained)).columns) == {*PLAIN[1:], *trained}
