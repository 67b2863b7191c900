"""Tables out of files: CSV and its kin, Parquet, Feather and JSON, recognised by their contents."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from attrs import define, frozen

from progressive_market.bars.kept.bounds import check_size, fits, memory_of_reading
from progressive_market.bars.kept.packed import reading, unpacked
from progressive_market.bars.kept.stored import arrow_frame, feather_frame, parquet_frame
from progressive_market.bars.layouts.decimal_signs import doubtful_floats, likely_sign, shows_sign
from progressive_market.bars.layouts.headers import fields, find_rows
from progressive_market.bars.layouts.trees import table_of_tree, tree_of_text
from progressive_training import DataError

HEAD_BYTES = 64 * 1024  # looked at to find delimiter, banner and header
PARQUET, FEATHER = b"PAR1", b"ARROW1"
SAMPLE = 200  # rows looked at for the decimal sign
PLACES = 8  # in a file, whose rows show the likely types of its columns
LINE_END = re.compile(rb"\r\n|\r|\n")
NEWLINE, RETURN = b"\n\r"


@frozen(kw_only=True)
class Table:
    """A table as it was in the file. Where the file gave no names, `named` is false and the columns count from 0;
    `decimal` is the likely decimal sign of text, which its floats were read with ("" where it may be either, "." was read);
    `skipped` lines gave no row, `notes` say what they were."""

    frame: pd.DataFrame
    named: bool
    decimal: str | None = None
    skipped: int = 0
    notes: tuple[str, ...] = ()


def read_table(path: Path) -> Table:
    """Read the one table in a file, gzip and zip unpacked.

    :raise DataError: the file is not there, not of these kinds, or damaged.
    """
    try:
        if not path.is_file():
            path.stat()  # says why, where there is nothing
            raise DataError(f"{path}: {'a directory' if path.is_dir() else 'no file'}; name a file of bars")
        refuse_too_large(path.stat().st_size, path)
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise DataError(f"{str(path)!r} is no path of a file: {error}; name a file of bars") from error
    return table_of(content, str(path))


def refuse_too_large(size: int, path: Path) -> None:
    """Check that a file of `size` bytes is not more than can be read.

    :raise DataError: it is.
    """
    check_size(size, "the file", str(path))


def table_of(content: bytes, where: str) -> Table:
    """The one table in the content of a file, gzip and zip unpacked.

    :raise DataError: it is not of these kinds, damaged, or too large.
    """
    content = unpacked(content, where)
    if content.startswith((PARQUET, FEATHER)):
        frame, notes = (parquet_frame if content.startswith(PARQUET) else feather_frame)(content, where)
        return Table(frame=frame, named=True, notes=notes)
    content = _utf8(content, where)
    head = content[:HEAD_BYTES].lstrip()
    if not head:
        raise DataError(f"{where}: the file is empty")
    if head[:1] in (b"[", b"{"):
        with reading(where):
            frame, named = table_of_tree(tree_of_text(content, where), where)
        return Table(frame=frame, named=named)
    with memory_of_reading(where):
        return _delimited(content, where)


def _utf8(content: bytes, where: str) -> bytes:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        with reading(where):
            content = content.decode("utf-16").encode()
    if b"\0" in content[:HEAD_BYTES]:
        raise DataError(f"{where}: neither text nor Parquet nor Feather; give CSV, Parquet, Feather or JSON")
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        content[:HEAD_BYTES].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < HEAD_BYTES - 4:
            return content.decode("latin-1").encode()
    return content


def _delimited(content: bytes, where: str) -> Table:
    """Read rows of text: find the delimiter, where the rows begin, and whether the line before them names them."""
    lines = [line.decode("utf-8", errors="ignore") for line in LINE_END.split(content[:HEAD_BYTES])]
    if len(content) > HEAD_BYTES and len(lines) > 1:
        lines.pop()  # cut in two
    rows = find_rows(lines, where)
    delimiter, first, width, names = rows.delimiter, rows.first, rows.width, rows.names
    sample = [field for line in lines[first : first + SAMPLE] for field in fields(line, delimiter)]
    decimal = likely_sign(sample, delimiter)
    if delimiter == " ":
        start = _offset(content, first)
        content = content[:start] + re.sub(rb"[ ]{2,}", b" ", re.sub(rb"(?m)^ +| +$", b"", content[start:]))
    skipped = _Skipped()
    columns = [str(i) for i in range(width)]
    begin = _offset(content, first)
    if not fits(8 * (len(content) + 1)):  # each field takes a byte at least
        rows_at_most = _line_ends(content) + 1
        check_size(8 * width * rows_at_most, f"its table of up to {rows_at_most:,} rows and {width:,} columns", where)

    def read(rows: bytes | pa.Buffer, types: Mapping[str, pa.DataType], only: Sequence[str] = ()) -> pa.Table:
        skipped.count = 0
        return pa.csv.read_csv(
            pa.py_buffer(rows),
            read_options=pa.csv.ReadOptions(column_names=columns),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, invalid_row_handler=skipped),
            convert_options=pa.csv.ConvertOptions(
                decimal_point=decimal or ".", strings_can_be_null=True, column_types=types, include_columns=only
            ),
        )

    def read_all() -> pa.Table:
        body, sample = pa.py_buffer(content).slice(begin), _sample(content, begin)
        table = _of_likely_types(read, body, sample)
        doubtful = doubtful_floats(table)
        if doubtful and sample:  # nearly always some rows decide it, and all of them need not be read again
            lines, first = skipped.count, skipped.first
            text = read(sample, dict.fromkeys(doubtful, pa.string()), doubtful)
            doubtful = [name for name in doubtful if not shows_sign(text[name].combine_chunks(), decimal or ".")]
            skipped.count, skipped.first = lines, first
        if doubtful:
            text = read(body, dict.fromkeys(doubtful, pa.string()), doubtful)
            for name in doubtful:
                table = table.set_column(int(name), name, text[name])
        return table

    with reading(where):
        frame, _ = arrow_frame(read_all(), where)
    notes = []
    if rows.banner:
        notes.append(f"skipped before the rows: {'; '.join(line[:60] for line in rows.banner[:3])}")
    if skipped.count:
        notes.append(f"lines without {width} fields skipped, the first: {skipped.first[:60]!r}")
    frame.columns = pd.Index(names) if names else pd.RangeIndex(width)
    return Table(frame=frame, named=bool(names), decimal=decimal, skipped=skipped.count, notes=tuple(notes))


@define
class _Skipped:
    """Skips lines that give no row: how many, and the first of them."""

    count: int = 0
    first: str = ""

    def __call__(self, row: pa.csv.InvalidRow) -> str:
        if not self.count:
            self.first = row.text
        self.count += 1
        return "skip"


def _of_likely_types(read: Callable[..., pa.Table], body: pa.Buffer, sample: bytes) -> pa.Table:
    """The table of all rows, as if its types were found by trying one after the other on each of them.

    That way pyarrow keeps the text of the whole file until the last row is seen, and takes half as long again. But the first type
    that takes every field of some rows is that of all rows, if it takes these too: those before it do not even take the some.
    """
    if sample:
        with suppress(pa.ArrowInvalid):
            likely = read(sample, {}).schema
            return read(body, dict(zip(likely.names, likely.types, strict=True)))
    return read(body, {})


def _sample(content: bytes, begin: int) -> bytes:
    """Whole lines from all over the rows, which begin at `begin`; none of a file so small that looking twice costs more."""
    room = len(content) - begin
    if room < 4 * PLACES * HEAD_BYTES:
        return b""
    parts = []
    for place in range(begin, begin + room - HEAD_BYTES, room // PLACES):
        start = content.find(b"\n", place) + 1
        if not start:
            break
        parts.append(content[start : content.rfind(b"\n", start, start + HEAD_BYTES) + 1])
    return b"".join(parts)


def _line_ends(content: bytes) -> int:
    """How many line ends of all three kinds; in pieces that a processor's cache holds, where bytes.count goes from hit to hit."""
    letters, count = np.frombuffer(content, dtype=np.uint8), 0
    for start in range(0, len(letters), HEAD_BYTES):
        piece = letters[start : start + HEAD_BYTES + 1]  # and the first of the next one
        newline, returned = piece == NEWLINE, piece == RETURN
        count += int(np.count_nonzero(newline[:HEAD_BYTES]))
        if returned.any():
            count += int(np.count_nonzero(returned[:HEAD_BYTES]) - np.count_nonzero(returned[:-1] & newline[1:]))
    return count


def _offset(content: bytes, line: int) -> int:
    """Where line number `line` (from 0) begins."""
    ends = LINE_END.finditer(content)
    return next(islice(ends, line - 1, None)).end() if line else 0
