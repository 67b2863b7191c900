"""How large the pages of a Parquet column will be, read from their headers: a page's own header is all that its reader goes by
(parquet.thrift in Thrift's compact protocol)."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq
from attrs import frozen

DICTIONARY_PAGE = 2
DELTA_BYTE_ARRAY = 7
_DEEPEST = 16
_TRUE, _FALSE, _BYTE, _SHORT, _LONG, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 4, 6, 7, 8, 9, 10, 12


@frozen
class Pages:
    """Of one column in one row group: the bytes of all pages `unpacked`; whether values are numbers of a `dictionary`; and the
    bytes that its values can take at most where each repeats the beginning of the one before (`repeated`, 0 where none does)."""

    unpacked: int
    dictionary: bool
    repeated: int


def pages_of(content: bytes, column: pq.ColumnChunkMetaData) -> Pages:
    """Read the headers of a column's pages; nothing is unpacked.

    :raise ValueError: they are no pages.
    """
    if column.num_values == 0:  # no page is read, and where the first would be is not said
        return Pages(0, dictionary=False, repeated=0)
    start = column.data_page_offset
    if column.has_dictionary_page and column.dictionary_page_offset is not None:
        start = min(start, column.dictionary_page_offset) if column.dictionary_page_offset > 0 else start
    end = start + column.total_compressed_size
    if start < 0 or end > len(content):
        raise ValueError("its pages lie outside of the file")
    unpacked = repeated = 0
    dictionary = False
    while start < end:
        header = _Thrift(content, start)
        page = header.struct()
        size, packed = page.get(2), page.get(3)
        if not isinstance(size, int) or not isinstance(packed, int) or min(size, packed) < 0:
            raise ValueError("a page without a size")
        unpacked += size
        dictionary |= page.get(1) == DICTIONARY_PAGE
        for field, encoding in ((5, 2), (8, 4)):  # data page, and data page of version 2
            data = page.get(field)
            if column.physical_type == "BYTE_ARRAY" and data and data.get(encoding) == DELTA_BYTE_ARRAY:
                repeated += size * max(0, data.get(1, 0))
        start = header.position + packed
    return Pages(unpacked, dictionary, repeated)


class _Thrift:
    """Reads values at `position`, which moves on."""

    def __init__(self, content: bytes, position: int) -> None:
        self.content, self.position = content, position

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """The fields of a struct by their numbers."""
        if depth > _DEEPEST:
            raise ValueError("a page's header is nested too deeply")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._whole()
            kind = head & 15
            fields[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (_TRUE, _FALSE, _BYTE):  # in a list a truth value is a byte
            return self._byte()
        if _SHORT <= kind <= _LONG:
            return self._whole()
        if kind == _DOUBLE:
            return self._skip(8)
        if kind == _BINARY:
            return self._skip(self._unsigned())
        if kind in (_LIST, _SET):
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._unsigned()
            for _ in range(count):
                self._value(head & 15, depth + 1)
            return None
        if kind == _STRUCT:
            return self.struct(depth + 1)
        raise ValueError("a page's header has a field of no known kind")

    def _byte(self) -> int:
        if self.position >= len(self.content):
            raise ValueError("its pages lie outside of the file")
        self.position += 1
        return self.content[self.position - 1]

    def _skip(self, count: int) -> None:
        self.position += count

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise ValueError("a page's header has a number that is too long")

    def _whole(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
