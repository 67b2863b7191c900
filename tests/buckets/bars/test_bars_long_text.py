"""Long text files: the types of columns are guessed from some rows, and come out as if every row had been tried."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest

from progressive_market.bars.kept.bounds import reading_at_most
from progressive_market.bars.layouts.bar_files import HEAD_BYTES, PLACES, read_table, table_of
from progressive_training import DataError

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


def test_whole_numbers_beside_short_decimals_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, read, parsed = file_with(short_decimals, tmp_path / "bars.csv"), pa.csv.read_csv, []

    def counted(rows: pa.Buffer, **options: object) -> pa.Table:
        parsed.append(rows.size)
        return read(rows, **options)

    monkeypatch.setattr(pa.csv, "read_csv", counted)
    mood = read_table(file).frame["mood"]
    assert mood.tolist() == [float(short_decimals(row)) for row in range(ROWS)]
    assert sum(parsed) < 1.6 * file.stat().st_size


def short_decimals(row: int) -> str:
    return str(row % 500) if row % 2 else f"{row % 500}.25"


@pytest.mark.parametrize("late", ["1.272", "0.5"])
def test_what_may_be_thousands_in_the_rows_looked_at_remains_text(late: str, tmp_path: Path) -> None:
    def thousands(row: int) -> str:
        return late if row == UNSEEN else f"{row % 9 + 1}.{row % 1000:03}" if row % 2 else str(row % 999)

    mood = read_table(file_with(thousands, tmp_path / "bars.csv")).frame["mood"]
    assert mood.tolist() == [thousands(row) for row in range(ROWS)]


def test_lines_that_are_no_rows_are_counted_once_and_the_first_is_named(tmp_path: Path) -> None:
    bad = (ROWS // PLACES - 1_500, ROWS // 2 + 500, UNSEEN)  # the second is among the rows looked at
    table = read_table(file_with(lambda row: "1,2" if row in bad else short_decimals(row), tmp_path / "bars.csv"))
    assert (table.skipped, len(table.frame)) == (3, ROWS - 3)
    assert f"the first: '{1_500_000_000_000 + 60_000 * bad[0]}," in table.notes[0]


def test_the_lines_of_old_macs_and_of_windows_are_read_and_counted(tmp_path: Path) -> None:
    files = [file_with(str, tmp_path / f"{number}.csv", end) for number, end in enumerate(("\n", "\r\n", "\r"))]
    tables = [read_table(file).frame for file in files]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])
    for file in files:
        with reading_at_most(2), pytest.raises(DataError, match=f"table of up to {ROWS + 2:,} rows and 6 columns"):
            table_of(file.read_bytes(), "bars")
