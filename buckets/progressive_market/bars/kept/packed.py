"""What is inside gzip and zip files, within bounds: a few kilobytes can hold terabytes of zeros, or themselves."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from progressive_market.bars.kept.bounds import check_size, memory_of_reading, most_bytes
from progressive_training import DataError

LAYERS = 2  # a zip of a gzip is seen; more is a trick
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
MOST_PACKED = 1032
"""Bytes that one byte of deflate, which both use, can hold."""
MOST_MEMBERS = 1_000
_AT_ONCE = 1 << 20


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Around a library's reader: whatever it raises over a stranger's bytes, they are damaged, unless memory ran out.

    :raise DataError: it raised something.
    """
    try:
        with memory_of_reading(where):
            yield
    except DataError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0][:200].strip() or type(error).__name__
        raise DataError(f"{where}: damaged or not what it looks like: {reason}") from error


def unpacked(content: bytes, where: str) -> bytes:
    """The bytes inside gzip or zip, as they are where nothing is packed.

    :raise DataError: damaged, encrypted, several files, too large, or packed too often.
    """
    for _ in range(LAYERS):
        if not content.startswith((GZIP, ZIP)):
            return content
        with reading(where):
            content = _gunzipped(content, where) if content.startswith(GZIP) else _only_member(content, where)
    if content.startswith((GZIP, ZIP)):
        raise DataError(f"{where}: packed more than {LAYERS} times; unpack it")
    return content


def _gunzipped(content: bytes, where: str) -> bytes:
    if len(content) * MOST_PACKED > most_bytes():
        with gzip.GzipFile(
            fileobj=io.BytesIO(content)
        ) as file:  # counted first, since what gzip says of it may be wrong
            size = 0
            while size <= most_bytes() and (part := file.read(_AT_ONCE)):
                size += len(part)
        check_size(size, "the text in it", where)
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        return file.read()


def _only_member(content: bytes, where: str) -> bytes:
    if (count := content.count(b"PK\x01\x02")) > MOST_MEMBERS:
        raise DataError(f"{where}: a zip with some {count:,} files; expected one, unpack it and give the file meant")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [
            each for each in archive.infolist() if not each.is_dir() and not each.filename.startswith("__MACOSX")
        ]
        if len(members) != 1:
            raise DataError(
                f"{where}: a zip with {len(members)} files; expected one, unpack it and give the file meant"
            )
        (member,) = members
        check_size(member.file_size, "the text in it", where)
        if member.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):  # what the others make knows no bound
            raise DataError(f"{where}: a zip packed in another way than deflate; unpack it and give the file in it")
        with archive.open(member) as file:
            return file.read(member.file_size)  # no more, whatever is in it
