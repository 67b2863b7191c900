"""Bounds on reading bars: a reader knows the size of what it will make before it makes it, since a few kilobytes can ask for terabytes."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import psutil

from progressive_market.market_settings import DATA_MB
from progressive_training import DataError

MB = 1_000_000
MOST_HEADER = 16 << 20
"""Bytes of a file's own account of what it holds: names of columns and other keys, each of which becomes an object."""
TIMES_A_TABLE = 4
"""Copies of a table at once: as it was read, in pandas, as numbers, and cleaned."""
SPARSE, SPARSE_AND_SMALL = 20, 1_000_000
"""A table may have so many cells for each value that the file has, and so many in all whatever it has."""
_NO_MEMORY = ("not enough memory", "llocation error", "bad_alloc", "new thread", "Resource temporarily unavailable")

_most_mb: ContextVar[int] = ContextVar("MB that reading bars may take", default=DATA_MB.default)


@contextmanager
def reading_at_most(megabytes: int) -> Iterator[None]:
    """Within it, no reader makes anything larger."""
    before = _most_mb.set(megabytes)
    try:
        yield
    finally:
        _most_mb.reset(before)


def most_bytes() -> int:
    """What a reader may make at most: the text that is unpacked, or the table that is read from it."""
    return _most_mb.get() * MB


def check_size(size: float, what: str, where: str) -> None:
    """Refuse to make `what` of `size` bytes where that is more than DATA_MB allows, or than a limited address space has room for.

    :raise DataError: it is.
    """
    room = _room()
    if room is not None and TIMES_A_TABLE * size > room:  # before: where it runs out, Arrow may abort the process
        raise DataError(
            f"{where}: memory would run out while it is read: {what} would take {size / MB:,.0f} MB, some {TIMES_A_TABLE} times that until "
            f"they are bars, and {max(room, 0) / MB:,.0f} MB of address space are left (ulimit -v); give fewer bars or columns, or more memory"
        )
    if size > most_bytes():
        raise DataError(
            f"{where}: {what} would take {size / MB:,.0f} MB of memory, and DATA_MB allows {_most_mb.get():,}; "
            "give fewer bars or columns, or raise DATA_MB"
        )


def fits(size: float) -> bool:
    """Whether `check_size` would let so many bytes be made."""
    room = _room()
    return size <= most_bytes() and (room is None or TIMES_A_TABLE * size <= room)


def check_cells(rows: int, columns: int, values: int, where: str) -> None:
    """Refuse a table that is mostly empty, or too large.

    :param values: that the file has for it.
    :raise DataError: it is.
    """
    cells = rows * columns
    if cells > SPARSE * values + SPARSE_AND_SMALL:
        raise DataError(
            f"{where}: {rows:,} rows of up to {columns:,} columns, with {values:,} values in all: no table of bars, whose rows "
            "have the same columns"
        )
    check_size(8 * cells, f"its table of {rows:,} rows and {columns:,} columns", where)


def check_header(size: int, where: str) -> None:
    """Refuse a file whose own account of what it holds is longer than any table of bars needs.

    :raise DataError: it is.
    """
    if not 0 <= size <= MOST_HEADER:
        raise DataError(
            f"{where}: its header has {size:,} bytes, {MOST_HEADER:,} at most can be read; write the table anew"
        )


def ran_out(error: BaseException) -> bool:
    """Whether memory ran out: Python's, numpy's and Arrow's errors, and what libraries below Arrow say in their own."""
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or any(words in str(error) for words in _NO_MEMORY)
    )


def _room() -> int | None:
    """Bytes of address space that this process may still take; None where there is no limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else int(limit - psutil.Process().memory_info().vms)


@contextmanager
def memory_of_reading(where: str) -> Iterator[None]:
    """Around all that reads bars: where memory runs out there, it is the bars that are too many and no setting of training.

    :raise DataError: memory ran out.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        if not ran_out(error):
            raise
        reason = (str(error).splitlines() or [""])[0][:200].strip()
        # no cause: what it was raised from would count as memory that ran out in training
        raise DataError(
            f"{where}: memory ran out while it was read{f' ({reason})' if reason else ''}; give fewer bars or columns, or more memory"
        ) from None
