"""Bars that a Python caller holds, as the Parquet file that a run keeps of them, so that the run needs the caller no more."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from progressive_app.config.resolve import overlay
from progressive_app.machine.terminal import one_line
from progressive_app.quoting import show
from progressive_app.store.creation import DATA_FILE
from progressive_core.contract.errors import ConfigError, DataError
from progressive_core.contract.setting import Settings

if TYPE_CHECKING:
    import pyarrow as pa

DATA = "DATA"
CCXT_COLUMNS = ("time", "open", "high", "low", "close", "volume")
TAKEN = (
    "a pandas DataFrame, anything that speaks Arrow (Polars, pyarrow, DuckDB), or a list of rows of "
    f"{', '.join(CCXT_COLUMNS)} as ccxt gives them"
)


def is_path(data: Any) -> bool:
    """Whether `data` names a file."""
    return isinstance(data, str | os.PathLike)


def parquet_of(data: Any) -> bytes:
    """`data` as a Parquet file: what `DataFrame.to_parquet` would write, index included.

    :param data: a pandas frame, anything that speaks Arrow, or ccxt's rows. What its columns mean is for the buckets.
    :raise ConfigError: it is none of these. :raise DataError: it holds no rows, or values that Parquet has no type for.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = _table(data)
        if not table.num_rows:
            raise DataError(f"data: a {type(data).__name__} without rows; give bars")
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        why = one_line("; ".join(map(str, error.args)))
        raise DataError(f"data: the {type(data).__name__} cannot be written as Parquet: {why}") from error
    return bytes(sink.getvalue())


def with_data_of_run(directory: Path, settings: Settings, data: bytes | None) -> Settings:
    """`settings` of a run that is to begin in `directory`; where it is to hold `data`, its own file is DATA."""
    if data is None:
        return settings
    return overlay(settings, {DATA: str(directory.absolute() / DATA_FILE)}, "data")


def data_of_run(directory: Path, settings: Settings) -> bytes | None:
    """The content of the file of bars that the run at `directory` holds, where `settings` name that file."""
    file = directory / DATA_FILE
    return file.read_bytes() if settings.get(DATA) == str(file) and file.is_file() else None


def _table(data: Any) -> pa.Table:
    import pandas as pd
    import pyarrow as pa

    if isinstance(data, pd.DataFrame):  # which speaks Arrow too, but its index would be lost
        return pa.Table.from_pandas(data)
    if not isinstance(data, type | pd.Series | pd.Index):
        if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
            return pa.table(data)
        rows = data.tolist() if getattr(data, "ndim", 0) == 2 else data
        if isinstance(rows, list | tuple):
            return _table_of_rows(rows)
    raise ConfigError(f"data is {show(data)} ({type(data).__name__}), expected a path, {TAKEN}")


def _table_of_rows(rows: list[Any] | tuple[Any, ...]) -> pa.Table:
    """Rows by name, or each with its values in the order of ccxt."""
    import pandas as pd
    import pyarrow as pa

    if rows and all(isinstance(row, Mapping) for row in rows):
        return pa.Table.from_pandas(pd.DataFrame(list(rows)))
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list | tuple) or len(row) != len(CCXT_COLUMNS):
            raise ConfigError(
                f"data: row {number} is {show(row)}, expected {TAKEN}; give other columns with their names"
            )
    return pa.table(dict(zip(CCXT_COLUMNS, zip(*rows, strict=True), strict=True)) if rows else {})
