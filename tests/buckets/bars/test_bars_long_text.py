"""Long text files: the types of columns are guessed from some rows, and come out as if every row had been tried."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest

from progressive_market.bars.layouts.bar_files import HEAD_BYTES, PLACES, read_table

ROWS = 44_000
NAMES = ("time", "open", "high", "low", "close", "mood")
LAST = ROWS - 1
UNSEEN = ROWS // 4 * 3 + 1_500
"""A row between the places that are looked at."""


def file_with(mood: Callable[[int], str], path: Path, end: str = "\n") -> Path:
    rows = (
        f"{1_500_000_000_000 + 60_000 * row},30001.8{row % 10},30002.91,29999.04,30001.8{row % 10},{mood(row)}{end}"
        for row in range(ROWS)
    )
    path.write_bytes((",".join(NAMES) + end + "".join(rows)).encode())
    assert path.stat().st_size > 4 * PLACES * HEAD_BYTES
    return path


@pytest.mark.parametrize(
    "mood",
    [
        lambda row: str(row),
        lambda row: "" if row % 7 else "1.25",
        lambda row: "0.5" if row == UNSEEN else str(row),
        lambda row: "n/a?" if row == UNSEEN else f"{row}.5",
        lambda row: "3" if row == LAST else "",
        lambda row: "2" if row == UNSEEN else "1",
        lambda row: "maybe" if row == UNSEEN else "true",
        lambda row: f"2024-01-31 13:{row % 60:02}",
        lambda row: "1706706000" if row == UNSEEN else f"2024-01-31 13:{row % 60:02}:07",
        lambda row: f"2024-01-31T13:{row % 60:02}:07Z",
        lambda row: "2024-01-31 13:00" if row == UNSEEN else "2024-01-31",
        lambda row: "caf\xe9",
    ],
    ids="count gaps float-late text-late number-last ones word-late stamps epoch-late zoned clock-late words".split(),
)
def test_columns_are_what_every_row_makes_them(mood: Callable[[int], str], tmp_path: Path) -> None:
    file = file_with(mood, tmp_path / "bars.csv")
    convert = pa.csv.ConvertOptions(strings_can_be_null=True)
    expected = pa.csv.read_csv(file, convert_options=convert).to_pandas()
    pd.testing.assert_frame_equal(read_table(file).frame, expected, check_column_type=False)


def test_lines_that_are_no_rows_are_counted_once(tmp_path: Path) -> None:
    file = file_with(lambda row: "1,2" if row in (1, UNSEEN) else f"{row / 4}", tmp_path / "bars.csv")
    table = read_table(file)
    assert (table.skipped, len(table.frame)) == (2, ROWS - 2)


def test_the_lines_of_old_macs_and_of_windows_are_read(tmp_path: Path) -> None:
    tables = [read_table(file_with(str, tmp_path / "bars.csv", end)).frame for end in ("\n", "\r\n", "\r")]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])
