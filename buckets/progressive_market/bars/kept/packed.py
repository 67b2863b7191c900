"""What is inside gzip and zip files, within bounds: a few kilobytes can hold terabytes of zeros, or themselves."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from progressive_training import DataError

LAYERS = 2  # a zip of a gzip is seen; more is a trick
MOST_BYTES = 4 << 30
"""Of a text that is unpacked: some 60 million rows of bars."""
MOST_VALUES = 500_000_000
"""Of a table of numbers: as many rows of eight columns, 4 GB."""
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Around a library's reader: whatever it raises over a stranger's bytes, they are damaged.

    :raise DataError: it raised something.
    """
    try:
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
            content = _gunzipped(content) if content.startswith(GZIP) else _only_member(content, where)
        if len(content) > MOST_BYTES:
            raise DataError(f"{where}: holds more than {MOST_BYTES:,} bytes; give fewer bars, or Parquet")
    if content.startswith((GZIP, ZIP)):
        raise DataError(f"{where}: packed more than {LAYERS} times; unpack it")
    return content


def _gunzipped(content: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        return file.read(MOST_BYTES + 1)


def _only_member(content: bytes, where: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
        if len(names) != 1:
            raise DataError(f"{where}: a zip with {len(names)} files; expected one, unpack it and give the file meant")
        with archive.open(names[0]) as file:
            return file.read(MOST_BYTES + 1)
