"""Bars out of files, as exchanges and other programs write them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from progressive_market.bars.kept.stored import index_as_column
from progressive_market.bars.layouts.bar_files import Table, read_table
from progressive_market.bars.layouts.columns import Reading, understand


def read_frame(path: Path) -> Reading:
    """Read the rows of one file, whatever its layout: nothing is dropped or sorted yet.

    :raise DataError: not a file of bars; the message says what was expected.
    """
    return understand(read_table(path), str(path))


def frame_reading(frame: pd.DataFrame, source: str = "the frame given") -> Reading:
    """The same for a table in memory, whose times may be its index.

    :raise DataError: not a table of bars.
    """
    plain = isinstance(frame.index, pd.RangeIndex)
    return understand(Table(frame=frame if plain else index_as_column(frame), named=True), source)
