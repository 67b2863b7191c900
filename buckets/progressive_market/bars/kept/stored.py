"""Tables out of Parquet and Feather files: only columns of numbers, times and text, and only as many as DATA_MB allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pyarrow.types as kinds

from progressive_market.bars.kept.bounds import check_header, check_size
from progressive_market.bars.kept.feather_batches import contents_of, footer_bytes
from progressive_market.bars.kept.packed import reading
from progressive_market.bars.kept.parquet_pages import Pages, pages_of
from progressive_training import DataError

OF_A_TEXT = 24
"""Bytes that each text takes beside its letters."""
OF_AN_OBJECT = ((kinds.is_decimal, 120), (kinds.is_time, 64), (kinds.is_date, 48))
"""Bytes that each value of a kind takes in pandas, where it becomes an object."""


def parquet_frame(content: bytes, where: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table of a Parquet file in pandas, and what is to be noted of it.

    :raise DataError: damaged, or too large.
    """
    with reading(where):
        table, left = parquet_table(content, where)
        return arrow_frame(table, where, left)


def parquet_table(content: bytes, where: str) -> tuple[pa.Table, list[str]]:
    """The columns of a Parquet file that hold numbers, times and text, and the names of the others, which are not read.

    :raise DataError: damaged, or too large.
    """
    with reading(where):
        if content[-4:] != content[:4]:
            raise DataError(
                f"{where}: damaged: its end is missing, as after a download that was cut short; get it again"
            )
        check_header(int.from_bytes(content[-8:-4], "little"), where)
        file = pa.parquet.ParquetFile(pa.BufferReader(content))
        plain, left = _plain_columns(file.schema_arrow)
        rows = sum(file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))
        _check_rows(rows, [file.schema_arrow.field(position).type for position in plain], where)
        names = [file.schema_arrow.field(position).name for position in plain]
        pages = list(_pages(file, content, set(names)))
        check_size(sum(each.unpacked for _, each in pages), "its pages, unpacked,", where)
        check_size(sum(each.repeated for _, each in pages), "text that repeats the text before it", where)
        texts = sorted(
            {name for name, each in pages if each.dictionary and _is_text(file.schema_arrow.field(name).type)}
        )
        file = pa.parquet.ParquetFile(pa.BufferReader(content), metadata=file.metadata, read_dictionary=texts)
        table = file.read(columns=names)
        for name in texts:  # each text once so far, and its number in each row
            check_size(_bytes_in_pandas(table.column(name)), f"column {name!r}", where)
            kind = file.schema_arrow.field(name).type.value_type
            table = table.set_column(table.schema.get_field_index(name), name, table.column(name).cast(kind))
        return table, left


def _pages(file: pa.parquet.ParquetFile, content: bytes, names: AbstractSet[str]) -> Iterator[tuple[str, Pages]]:
    """The name of each column, and its pages in one row group."""
    for group in range(file.num_row_groups):
        row_group = file.metadata.row_group(group)
        for number in range(row_group.num_columns):
            column = row_group.column(number)
            name = column.path_in_schema if column.path_in_schema in names else column.path_in_schema.split(".")[0]
            if name in names:
                yield name, pages_of(content, column)


def feather_frame(content: bytes, where: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table of a Feather file, and what is to be noted of it.

    :raise DataError: damaged, or too large.
    """
    with reading(where):
        check_header(footer_bytes(content), where)
        contents = contents_of(content)
        check_size(contents.unpacked, "its batches, unpacked,", where)
        schema = pa.ipc.open_file(pa.py_buffer(content)).schema
        plain, left = _plain_columns(schema)
        _check_rows(contents.rows, [schema.field(position).type for position in plain], where)
        options = pa.ipc.IpcReadOptions(included_fields=plain)
        file = pa.ipc.open_file(pa.py_buffer(content), options=options)
        table = pa.Table.from_batches(
            (file.get_batch(number) for number in range(file.num_record_batches)), file.schema
        )
        table.validate(full=True)  # offsets and indices that lead out of their buffers are not looked at before
        return arrow_frame(table, where, left)


def stream_frame(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, where: str
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table of batches that come one after the other, and what is to be noted of it; read until they are too many.

    :raise DataError: damaged, or too large.
    """
    with reading(where):
        taken: list[pa.RecordBatch] = []
        rows = held = 0
        for batch in batches:
            taken.append(batch)
            rows, held = rows + batch.num_rows, held + batch.get_total_buffer_size()
            _check_rows(rows, schema.types, where)
            check_size(held, "its batches", where)
        return arrow_frame(pa.Table.from_batches(taken, schema), where)


def arrow_frame(table: pa.Table, where: str, left: Sequence[str] = ()) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A table in pandas, and what is to be noted of it; times are often kept as the index, and every index but a plain count
    is a column.

    :param left: columns that were left out before.
    :raise DataError: it is too large.
    """
    plain, others = _plain_columns(table.schema)
    table = table.select(plain)
    check_size(sum(map(_bytes_in_pandas, table.columns)), f"its table of {table.num_rows:,} rows", where)
    unread = []
    for position in reversed(range(table.num_columns)):
        name, kind = table.schema[position].name, _value_type(table.schema[position].type)
        if kinds.is_binary(kind) or kinds.is_large_binary(kind):
            try:
                text = table.column(position).cast(pa.large_string())
            except pa.ArrowInvalid:
                unread.append(name)
                table = table.remove_column(position)
            else:
                table = table.set_column(position, name, text)
    left_out = [*left, *others, *unread[::-1]]
    notes = (f"columns of no plain type left out: {', '.join(left_out)[:200]}",) if left_out else ()
    # Column by column, each let go of once it is in pandas: of a table that nobody else holds, there is never a second one.
    frame = table.to_pandas(split_blocks=True, self_destruct=True)
    return frame if isinstance(frame.index, pd.RangeIndex) else index_as_column(frame), notes


def _check_rows(rows: int, types: Sequence[pa.DataType], where: str) -> None:
    """Refuse so many rows of these columns, each text as if it were empty."""
    check_size(rows * sum(map(_width, types)), f"{rows:,} rows of {len(types):,} columns", where)


def _bytes_in_pandas(column: pa.ChunkedArray) -> int:
    """Bytes that a column takes once it is made of numbers, objects and whole texts."""
    size = len(column) * _width(column.type)
    return size + sum(map(_letters, column.chunks)) if _is_text(_value_type(column.type)) else size


def _letters(chunk: pa.Array) -> int:
    """Bytes of the texts in all rows."""
    if kinds.is_dictionary(chunk.type):
        lengths = _lengths(chunk.dictionary)
        rows = np.bincount(chunk.indices.drop_null().cast(pa.int64()).to_numpy(), minlength=len(lengths))
        return int(rows.astype(np.float64) @ lengths)
    return int(_lengths(chunk).sum())


def _lengths(texts: pa.Array) -> np.ndarray:
    """Bytes of each text, float64 so that no sum of them runs over."""
    if len(texts) and (kinds.is_string_view(texts.type) or kinds.is_binary_view(texts.type)):
        views = np.frombuffer(texts.buffers()[1], dtype=np.int32)[
            ::4
        ]  # length, then the first letters and where the text is
        lengths = views[texts.offset : texts.offset + len(texts)]
        return np.where(texts.is_valid().to_numpy(zero_copy_only=False), lengths, 0).astype(np.float64)
    return np.asarray(pc.fill_null(pc.binary_length(texts), 0), dtype=np.float64)


def _width(kind: pa.DataType) -> int:
    """Bytes of one value in pandas, without the letters of a text."""
    kind = _value_type(kind)
    of_objects = (size for is_kind, size in OF_AN_OBJECT if is_kind(kind))
    return OF_A_TEXT if _is_text(kind) else next(of_objects, 8)


def _plain_columns(schema: pa.Schema) -> tuple[list[int], list[str]]:
    """The positions of the columns that can be read, and the names of the others."""
    plain = [position for position, kind in enumerate(schema.types) if _is_plain(_value_type(kind))]
    return plain, [field.name for position, field in enumerate(schema) if position not in set(plain)]


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if kinds.is_dictionary(kind) else kind


def _is_text(kind: pa.DataType) -> bool:
    is_kinds = (
        *(kinds.is_string, kinds.is_large_string, kinds.is_string_view),
        *(kinds.is_binary, kinds.is_large_binary, kinds.is_binary_view),
    )
    return any(is_kind(kind) for is_kind in is_kinds)


def _is_plain(kind: pa.DataType) -> bool:
    plain = (kinds.is_integer, kinds.is_floating, kinds.is_decimal, kinds.is_boolean, kinds.is_temporal, kinds.is_null)
    return any(is_kind(kind) for is_kind in plain) or (_is_text(kind) and not kinds.is_binary_view(kind))


def index_as_column(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its index as the first column, named `index` where it has no name."""
    index = frame.index.to_frame(index=False)
    index.columns = [str(name) if name not in (None, 0) else "index" for name in frame.index.names]
    rest = frame.reset_index(drop=True)
    taken = {str(name) for name in rest.columns}
    return pd.concat([index[[name for name in index.columns if name not in taken]], rest], axis=1)
