"""Times as exchanges and people write them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from progressive_market.bars.bar_records import NO_TIME
from progressive_market.bars.layouts.times import parse_times
from progressive_training import DataError

FIRST, LAST = datetime(2001, 1, 1), datetime(2099, 1, 1)  # noqa: DTZ001  (hypothesis draws times without a zone)


def read(*values: object) -> list[str | None]:
    times = parse_times(pd.Series(list(values)), "bars.csv, column 'time'")
    return [None if time == NO_TIME else str(np.datetime64(int(time), "ns"))[:23] for time in times]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-31T23:59:59.123456789Z", "2024-01-31T23:59:59.123"),
        ("2024-01-03 05:00:00-05:30", "2024-01-03T10:30:00.000"),
        ("2019-10-17 12-AM", "2019-10-17T00:00:00.000"),
        ("Jan 3, 2024 12:00 PM", "2024-01-03T12:00:00.000"),
        ("17-Oct-19 01:30", "2019-10-17T01:30:00.000"),
        ("Wed, 03 Jan 2024 00:00:00 GMT", "2024-01-03T00:00:00.000"),
        ("31.01.2024 00:15", "2024-01-31T00:15:00.000"),
        ("01/31/2024 00:15", "2024-01-31T00:15:00.000"),
        ("20240131 001500", "2024-01-31T00:15:00.000"),
        ("1706659200", "2024-01-31T00:00:00.000"),
        ("2024-02-30", None),
        ("31.01.2024 25:00", None),
        ("2024-01-01 13:00 PM", None),
        ("12345", None),
        ("nonsense", None),
    ],
)
def test_one_text(text: str, expected: str | None) -> None:
    assert read(text) == [expected]


@given(
    st.datetimes(FIRST, LAST),
    st.sampled_from([1, 10**3, 10**6, 10**9]),
)
def test_every_unit_of_every_date_is_told_by_its_size(moment: datetime, unit: int) -> None:
    seconds = int(moment.replace(microsecond=0, tzinfo=UTC).timestamp())
    assert read(seconds * unit) == [f"{moment:%Y-%m-%dT%H:%M:%S}.000"]


@pytest.mark.parametrize("pattern", ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"])
@given(start=st.datetimes(FIRST, LAST))
def test_days_are_told_from_months_where_one_way_is_shorter(pattern: str, start: datetime) -> None:
    moments = [start.replace(minute=0, second=0, microsecond=0) + timedelta(hours=hour) for hour in range(60)]
    assert read(*(moment.strftime(pattern) for moment in moments)) == [f"{m:%Y-%m-%dT%H}:00:00.000" for m in moments]


def test_days_that_could_be_months_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"bars.csv, column 'time': days cannot be distinguished from months .*'01/02/2024'"
    ):
        read("01/02/2024")


def test_a_column_that_changes_its_way_of_writing_midway() -> None:
    assert read("2019-10-17 09-AM", "2019-10-17 10:00:00", None) == [
        "2019-10-17T09:00:00.000",
        "2019-10-17T10:00:00.000",
        None,
    ]
    assert read(1706659200, 1706662800000) == ["2024-01-31T00:00:00.000", "2024-01-31T01:00:00.000"]
