"""The tables of an account as Parquet files: written whole or not at all, and read as what a stranger may have made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from progressive_market.accounts.candles import MOST_CANDLES, MOST_GAPS
from progressive_training import DataError, PerformanceKind

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

COLUMNS = {
    "candles": ("time", "open", "high", "low", "close", "volume"),
    "gaps": ("before", "after"),
    "trades": ("part", "side", "entry_time", "entry_price", "exit_time", "exit_price", "bars", "profit", "reason"),
    "equity": ("part", "strategy", "kind", "time", "log_equity", "drawdown"),
    "slices": ("part", "by", "slice", "bars", "trades", "held", "profit", "hold_profit", "t"),
}
TEXTS = {"part", "side", "reason", "strategy", "kind", "by", "slice"}
TIMES = {"time", "before", "after", "entry_time", "exit_time"}
MAY_BE_UNKNOWN = {"volume", "t"}
"""Numbers that are NaN where they are not known."""
PRICES = {"open", "high", "low", "close", "entry_price", "exit_price"}
ALLOWED = {
    "part": {"validation", "test"},
    "side": {"long", "short"},
    "kind": set(map(str, PerformanceKind)),
    "by": {"month", "volatility", "hour", "weekday"},
}
ASCENDING = {"candles": "time", "gaps": "before"}
MOST_ROWS = {"candles": MOST_CANDLES, "gaps": MOST_GAPS, "trades": 10_000_000, "equity": 1_000_000, "slices": 100_000}
"""More than any account has, and soon read: a file of a few kB can stand for gigabytes."""


def write_table(frame: pd.DataFrame, file: Path) -> None:
    """Write a table. Only texts repeat themselves: a dictionary of numbers would take time, and room."""
    frame.to_parquet(file, index=False, compression="zstd", use_dictionary=[each for each in frame if each in TEXTS])


def read_table(file: Path, table: str) -> pd.DataFrame:
    """The table in a file.

    :raise ValueError: the file does not hold its columns of texts, times (UTC) and numbers, or what no account holds.
    :raise OSError: it cannot be read.
    """
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    from progressive_market.bars.kept.stored import parquet_table

    if not file.is_file():
        raise ValueError(f"{file.name} is missing")
    try:
        with ParquetFile(file) as source:
            _check_shape(source, file.name, table)
        read, _ = parquet_table(file.read_bytes(), file.name)
        frame: pd.DataFrame = read.to_pandas(ignore_metadata=True)
    except ArrowException as error:
        raise ValueError(f"{file.name}: {error}") from error
    except DataError as error:
        raise ValueError(str(error)) from error
    for name, values in frame.items():
        if not _is_possible(str(name), values):
            raise ValueError(f"{file.name}: {name} holds what no account does")
    if (
        table in ASCENDING
        and not (times := pd.DatetimeIndex(frame[ASCENDING[table]])).is_monotonic_increasing & times.is_unique
    ):
        raise ValueError(f"{file.name}: its rows are not in order of time")
    return frame


def _check_shape(source: ParquetFile, name: str, table: str) -> None:
    schema, rows = source.schema_arrow, source.metadata.num_rows
    if schema.names != list(COLUMNS[table]):
        raise ValueError(f"{name} has the columns {', '.join(schema.names)}")
    if rows > MOST_ROWS[table]:
        raise ValueError(f"{name} has {rows:,} rows, at most {MOST_ROWS[table]:,} expected")
    for column, type_ in zip(schema.names, schema.types, strict=True):
        if not _is_expected(column, type_):
            raise ValueError(f"{name}: {column} is of type {type_}")


def _is_expected(name: str, type_: pa.DataType) -> bool:
    import pyarrow as pa

    if name in TEXTS:
        return bool(
            pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_null(type_)
        )  # of no row
    if name in TIMES:
        return bool(pa.types.is_timestamp(type_) and type_.tz == "UTC")
    return bool(pa.types.is_signed_integer(type_) or pa.types.is_floating(type_))


def _is_possible(name: str, values: pd.Series[Any]) -> bool:
    if name in TEXTS:
        return bool(values.notna().all()) and set(values.unique()) <= ALLOWED.get(name, set(values.unique()))
    if name in TIMES:
        return bool(values.notna().all())
    numbers = values.to_numpy(np.float64)
    known = numbers[~np.isnan(numbers)] if name in MAY_BE_UNKNOWN else numbers
    return bool(np.isfinite(known).all() and (name not in PRICES or (known > 0).all()))
