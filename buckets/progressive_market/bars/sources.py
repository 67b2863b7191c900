"""What bars may be read from: a file, a pandas DataFrame, a table that speaks Arrow, or rows as ccxt gives them."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from progressive_market.bars.kept.bounds import memory_of_reading, reading_at_most
from progressive_market.bars.kept.packed import reading
from progressive_market.bars.kept.stored import index_as_column, stream_frame
from progressive_market.bars.layouts.bar_files import Table, read_table, refuse_too_large, table_of
from progressive_market.bars.layouts.columns import Reading, understand
from progressive_market.bars.layouts.numbers import numbers
from progressive_market.bars.layouts.times import looks_like_time
from progressive_market.bars.layouts.trees import table_of_tree
from progressive_market.market_settings import DATA_MB
from progressive_training import DataError, RunInput

CCXT = ("time", "open", "high", "low", "close", "volume")


@runtime_checkable
class ArrowStream(Protocol):
    """A table that speaks Arrow, as those of Polars, pyarrow and DuckDB do."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


@runtime_checkable
class ArrowArray(Protocol):
    """One batch of such a table."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...


Rows: TypeAlias = "Sequence[Sequence[Any]] | Sequence[Mapping[str, Any]] | NDArray[Any]"
Source: TypeAlias = "str | os.PathLike[str] | RunInput | pd.DataFrame | ArrowStream | ArrowArray | Rows"
"""A path; a file of a run, held to what the run was begun on; a pandas DataFrame with the times in a column or as its index; a
table that speaks Arrow; or rows, each with its values in the order of ccxt (milliseconds, open, high, low, close, volume) or by
name."""


def read(
    source: Source,
    *,
    market: str | None = None,
    columns: Collection[str] | None = None,
    until: int | None = None,
    data_mb: int = DATA_MB.default,
) -> Reading:
    """Read the rows of `source`, whatever its layout: nothing is dropped or sorted yet.

    :param market: which one to take, where several are in the source.
    :param columns: names of the extra columns to keep, as a model's card records them, whatever their rows hold; None keeps
        those that can teach something.
    :param until: as if rows of this time and later were not there, in nanoseconds since 1970.
    :param data_mb: MB that a file, unpacked, and the table that is made may each take.
    :raise DataError: no source of bars; the message says what was expected.
    """
    with reading_at_most(data_mb), memory_of_reading(_called(source)):
        table, where = _table_of(source)
        return understand(table, where, market=market, columns=columns, until=until)


def _called(source: Source) -> str:
    if isinstance(source, RunInput):
        return str(source.path)
    return str(source) if isinstance(source, str | os.PathLike) else f"the {type(source).__name__} given"


def _table_of(source: Source) -> tuple[Table, str]:
    """The table in `source`, and what to call it in reports and errors.

    :raise DataError: it holds no table, or is none of these kinds.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return read_table(path), str(path)
    if isinstance(source, RunInput):
        refuse_too_large(source.size or 0, source.path)
        return table_of(source.read(), str(source.path)), str(source.path)
    if isinstance(source, pd.DataFrame):  # which speaks Arrow too, but its index would be lost
        return _of_frame(source), str(source.attrs.get("source", "the frame given"))
    if isinstance(source, ArrowStream | ArrowArray):
        return _of_arrow(source, "the table given"), "the table given"
    if isinstance(source, np.ndarray) and source.ndim == 2:
        return _of_rows(source.tolist(), "the array given"), "the array given"
    if isinstance(source, Sequence) and all(isinstance(row, Mapping | Sequence | np.ndarray) for row in source):
        return _of_rows(source, "the rows given"), "the rows given"
    raise DataError(
        f"a {type(source).__name__} is no source of bars; expected a path, a pandas DataFrame, a table that speaks Arrow "
        "(Polars, pyarrow, DuckDB) or a list of rows [milliseconds, open, high, low, close, volume]"
    )


def _of_frame(frame: pd.DataFrame) -> Table:
    """Columns that count from 0, as those of pd.DataFrame(rows), are no names."""
    unnamed = frame.columns.dtype.kind == "i" and np.array_equal(frame.columns, range(frame.shape[1]))
    if isinstance(frame.index, pd.RangeIndex) or (unnamed and not looks_like_time(frame.index.to_series())):
        frame = frame.reset_index(drop=True)
    else:
        frame = index_as_column(frame)
    return (
        _unnamed(frame.set_axis(range(frame.shape[1]), axis="columns")) if unnamed else Table(frame=frame, named=True)
    )


def _unnamed(frame: pd.DataFrame) -> Table:
    if _is_ccxt(frame):
        return Table(frame=frame.set_axis(list(CCXT), axis="columns"), named=True)
    return Table(frame=frame, named=False)


def _of_arrow(source: ArrowStream | ArrowArray, where: str) -> Table:
    with reading(where):
        if isinstance(source, ArrowStream):
            stream = pa.RecordBatchReader.from_stream(source)
            frame, notes = stream_frame(stream, stream.schema, where)
        else:
            batch = pa.record_batch(source)
            frame, notes = stream_frame([batch], batch.schema, where)
    return Table(frame=frame, named=True, notes=notes)


def _of_rows(rows: Sequence[Any], where: str) -> Table:
    if not len(rows):
        raise DataError(f"{where}: no rows")
    with reading(where):
        frame, named = table_of_tree([dict(row) if isinstance(row, Mapping) else list(row) for row in rows], where)
    return Table(frame=frame, named=True) if named else _unnamed(frame)


def _is_ccxt(frame: pd.DataFrame) -> bool:
    """Whether unnamed columns stand in the order of ccxt, which a few rows do not show by their numbers alone."""
    if frame.shape[1] != len(CCXT) or not looks_like_time(frame[0]):
        return False
    opened, high, low, close = (numbers(frame[position], ".") for position in range(1, 5))
    with np.errstate(invalid="ignore"):
        bar = (high >= np.fmax(opened, close)) & (low <= np.fmin(opened, close))
    return bool(bar.mean() > 0.5)
