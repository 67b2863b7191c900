"""Tables out of Parquet and Feather files: only columns of numbers, times and text, and only as many as memory bears."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pyarrow.types as kinds

from progressive_market.bars.kept.packed import MOST_VALUES, reading
from progressive_training import DataError


def parquet_frame(content: bytes, where: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table of a Parquet file, and what is to be noted of it.

    :raise DataError: damaged, or too large.
    """
    with reading(where):
        file = pa.parquet.ParquetFile(pa.BufferReader(content))
        _refuse_too_many(file.metadata.num_rows, len(file.schema_arrow), where)
        return arrow_frame(file.read())


def feather_frame(content: bytes, where: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table of a Feather file, and what is to be noted of it.

    :raise DataError: damaged, or too large.
    """
    with reading(where):
        file = pa.ipc.open_file(pa.py_buffer(content))
        batches, rows = [], 0
        for position in range(file.num_record_batches):
            batches.append(file.get_batch(position))
            rows += batches[-1].num_rows
            _refuse_too_many(rows, len(file.schema), where)
        table = pa.Table.from_batches(batches, file.schema)
        table.validate(full=True)  # offsets and indices that lead out of their buffers are not looked at before
        return arrow_frame(table)


def _refuse_too_many(rows: int, columns: int, where: str) -> None:
    if rows * columns > MOST_VALUES:
        raise DataError(f"{where}: {rows:,} rows of {columns} columns; {MOST_VALUES:,} values at most can be read")


def arrow_frame(table: pa.Table) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A table in pandas, and what is to be noted of it; times are often kept as the index, and every index but a plain count
    is a column."""
    left = []
    for position in reversed(range(table.num_columns)):
        name, kind = table.schema[position].name, table.schema[position].type
        if kinds.is_dictionary(kind):
            kind = kind.value_type
        if kinds.is_binary(kind) or kinds.is_large_binary(kind):
            try:
                text = table.column(position).cast(pa.string())
            except pa.ArrowInvalid:
                left.append(name)
                table = table.remove_column(position)
            else:
                table = table.set_column(position, name, text)
        elif not _is_plain(kind):
            left.append(name)
            table = table.remove_column(position)
    notes = (f"columns of no plain type left out: {', '.join(left[::-1])[:200]}",) if left else ()
    frame = table.to_pandas()
    return frame if isinstance(frame.index, pd.RangeIndex) else index_as_column(frame), notes


def _is_plain(kind: pa.DataType) -> bool:
    plain = (kinds.is_integer, kinds.is_floating, kinds.is_decimal, kinds.is_boolean, kinds.is_temporal, kinds.is_null)
    return any(is_kind(kind) for is_kind in (*plain, kinds.is_string, kinds.is_large_string, kinds.is_string_view))


def index_as_column(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its index as the first column, named `index` where it has no name."""
    index = frame.index.to_frame(index=False)
    index.columns = [str(name) if name not in (None, 0) else "index" for name in frame.index.names]
    rest = frame.reset_index(drop=True)
    taken = {str(name) for name in rest.columns}
    return pd.concat([index[[name for name in index.columns if name not in taken]], rest], axis=1)
