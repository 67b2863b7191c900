"""How large the batches of a Feather file will be, read from its footer: the format is Arrow's (Message.fbs, File.fbs)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from attrs import frozen

END = b"ARROW1"
_BLOCK = struct.Struct("<qi4xq")  # offset, bytes of its metadata, bytes of its body
_BUFFER = struct.Struct("<qq")  # offset in the body, bytes
_NOT_PACKED = -1


@frozen
class Contents:
    """The `rows` of all record batches, and the bytes that their buffers and dictionaries have once they are `unpacked`."""

    rows: int
    unpacked: int


@frozen
class _Table:
    """A flatbuffer's table at `position`: fields by number, of which any may be absent."""

    content: memoryview
    position: int

    def field(self, number: int) -> int | None:
        """Where field `number` is; None where it has its default."""
        names = self.position - _int("<i", self.content, self.position)
        place = 4 + 2 * number
        offset = _int("<H", self.content, names + place) if place < _int("<H", self.content, names) else 0
        return self.position + offset if offset else None

    def table(self, number: int) -> _Table | None:
        at = self.field(number)
        return None if at is None else _Table(self.content, at + _int("<I", self.content, at))

    def structs(self, number: int, kind: struct.Struct) -> Iterator[tuple[int, ...]]:
        """The items of a vector of structs."""
        at = self.field(number)
        if at is not None:
            start = at + _int("<I", self.content, at)
            count = _int("<I", self.content, start)
            yield from kind.iter_unpack(_part(self.content, start + 4, count * kind.size))


def footer_bytes(content: bytes) -> int:
    """How long the footer claims to be; what is behind it is its length and `END`.

    :raise struct.error: the file is too short for one.
    """
    return _int("<i", memoryview(content), len(content) - len(END) - 4)


def contents_of(content: bytes) -> Contents:
    """What the file's batches hold, unpacked, of all columns.

    :raise ValueError: it is not laid out as such a file.
    """
    view = memoryview(content)
    try:
        size = footer_bytes(content)
        footer = _root(_part(view, len(view) - len(END) - 4 - size, size))
        rows = unpacked = 0
        for vector in (2, 3):  # dictionaries, record batches
            for offset, metadata, _ in footer.structs(vector, _BLOCK):
                batch = _batch(view, offset)
                body = view[offset + metadata :]
                unpacked += _unpacked(batch, body)
                at = batch.field(0)
                rows += _int("<q", batch.content, at) if vector == 3 and at is not None else 0
    except struct.error as error:
        raise ValueError(f"its footer leads out of the file: {error}") from None
    return Contents(rows, unpacked)


def _batch(view: memoryview, offset: int) -> _Table:
    """The record batch, or the one in a dictionary batch, of the message at `offset`."""
    marked = _int("<I", view, offset) == 0xFFFFFFFF
    start = offset + (8 if marked else 4)
    message = _root(_part(view, start, _int("<I", view, start - 4)))
    header, kind = message.table(2), message.field(1)
    if header is None or kind is None:
        raise ValueError("a message without a header")
    if message.content[kind] == 2:  # a dictionary batch
        header = header.table(1)
    if header is None:
        raise ValueError("a dictionary without values")
    return header


def _unpacked(batch: _Table, body: memoryview) -> int:
    is_packed = batch.field(3) is not None
    total = 0
    for offset, length in batch.structs(2, _BUFFER):
        size = _int("<q", body, offset) if is_packed and length else _NOT_PACKED
        if min(offset, length) < 0 or size < _NOT_PACKED:
            raise ValueError("a buffer of less than no bytes")
        total += length if size == _NOT_PACKED else size
    return total


def _root(content: memoryview) -> _Table:
    return _Table(content, _int("<I", content, 0))


def _part(content: memoryview, start: int, size: int) -> memoryview:
    if min(start, size) < 0 or start + size > len(content):
        raise ValueError("its footer leads out of the file")
    return content[start : start + size]


def _int(kind: str, content: memoryview, position: int) -> int:
    if position < 0:
        raise ValueError("its footer leads out of the file")
    return int(struct.unpack_from(kind, content, position)[0])
