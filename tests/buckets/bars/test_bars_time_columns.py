"""Which column is the time: a date and its clock, open and close time, and what only looks like a time."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from progressive_market.bars import Bars, load_bars
from progressive_training import DataError

VALUES = ["open", "high", "low", "close", "volume"]


def of_length(frame: pd.DataFrame, length: str) -> pd.DataFrame:
    start = frame["time"].iloc[0]
    return frame.assign(time=pd.date_range(start, periods=len(frame), freq=length))


def nanoseconds(frame: pd.DataFrame) -> np.ndarray:
    return frame["time"].dt.tz_localize(None).to_numpy(dtype="datetime64[ns]").view(np.int64)


def same(bars: Bars, frame: pd.DataFrame) -> None:
    np.testing.assert_array_equal(bars.time, nanoseconds(frame))
    for name in VALUES:
        np.testing.assert_array_equal(getattr(bars, name), frame[name], err_msg=name)


def read(table: pd.DataFrame, folder: Path, **kwargs: object) -> Bars:
    table.to_csv(folder / "bars.csv", index=False, **kwargs)  # type: ignore[call-overload]
    return load_bars(folder / "bars.csv")


Part = Callable[[pd.Series], pd.Series]
DATES: dict[str, Part] = {
    "20240131": lambda t: t.dt.strftime("%Y%m%d").astype(int),
    "2024-01-31": lambda t: t.dt.strftime("%Y-%m-%d"),
    "31.01.2024": lambda t: t.dt.strftime("%d.%m.%Y"),
    "a date": lambda t: t.dt.date,
    "a midnight": lambda t: t.dt.normalize(),
}
CLOCKS: dict[str, tuple[str, Part]] = {
    "133000": ("30min", lambda t: t.dt.strftime("%H%M%S").astype(int)),
    "093000 as text": ("30min", lambda t: t.dt.strftime("%H%M%S")),
    "1330": ("30min", lambda t: t.dt.strftime("%H%M").astype(int)),
    "0930 as text": ("15min", lambda t: t.dt.strftime("%H%M")),
    "an hour": ("1h", lambda t: t.dt.hour),
    "hours of long bars": ("4h", lambda t: t.dt.hour),
    "13.30": ("30min", lambda t: t.dt.strftime("%H.%M").astype(float)),
    "13.30 as text": ("15min", lambda t: t.dt.strftime("%H.%M")),
    "13.5": ("30min", lambda t: t.dt.hour + t.dt.minute / 60),
    "part of a day": ("5min", lambda t: (t.dt.hour * 60 + t.dt.minute) / 1440),
    "13:30": ("30min", lambda t: t.dt.strftime("%H:%M")),
    "13:30:00": ("1min", lambda t: t.dt.strftime("%H:%M:%S")),
    "1:30 PM": ("30min", lambda t: t.dt.strftime("%I:%M %p")),
    "13h30": ("30min", lambda t: t.dt.strftime("%Hh%M")),
    "a time of day": ("30min", lambda t: t.dt.time),
    "since midnight": ("30min", lambda t: t - t.dt.normalize()),
}
NAMES = [("<DATE>", "<TIME>"), ("Date", "Time"), ("day", "hour"), ("date", "clock"), ("Datum", "Uhrzeit")]


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("date", DATES)
def test_a_date_and_a_clock_are_joined_whatever_their_types(date: str, clock: str, frame: pd.DataFrame) -> None:
    length, write = CLOCKS[clock]
    frame = of_length(frame, length)
    name = NAMES[len(clock + date) % len(NAMES)]
    table = frame[VALUES].copy()
    table.insert(0, name[0], DATES[date](frame["time"]))
    table.insert(len(clock) % 5, name[1], write(frame["time"]))
    same(load_bars(table), frame)


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("clock", ["133000", "1330", "an hour", "13.30", "13:30:00", "1:30 PM"])
@pytest.mark.parametrize("newest_first", [False, True])
def test_so_are_those_of_a_file(
    names: tuple[str, str], clock: str, newest_first: bool, frame: pd.DataFrame, tmp_path: Path
) -> None:
    length, write = CLOCKS[clock]
    frame = of_length(frame, length)
    table = pd.DataFrame({names[0]: DATES["20240131"](frame["time"]), names[1]: write(frame["time"])}).join(
        frame[VALUES]
    )
    same(read(table[:: -1 if newest_first else 1], tmp_path), frame)


@pytest.mark.parametrize("clock", ["133000", "1330", "an hour", "13:30:00"])
def test_without_a_header_a_clock_is_known_by_regular_steps(clock: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    length, write = CLOCKS[clock]
    frame = of_length(frame, length)
    table = pd.DataFrame({"date": DATES["20240131"](frame["time"]), "clock": write(frame["time"])}).join(frame[VALUES])
    same(read(table, tmp_path, header=False), frame)


@pytest.mark.parametrize("factor", [1, 100])
def test_clocks_from_one_to_twenty_four_are_those_of_the_close(
    factor: int, frame: pd.DataFrame, tmp_path: Path
) -> None:
    table = pd.DataFrame({"date": frame["time"].dt.strftime("%Y%m%d"), "time": (frame["time"].dt.hour + 1) * factor})
    bars = read(table.join(frame[VALUES]), tmp_path)
    same(bars, frame)
    assert any("end is given" in note for note in bars.report.notes)


def test_a_clock_with_a_zone(frame: pd.DataFrame, tmp_path: Path) -> None:
    local = frame["time"].dt.tz_convert("Etc/GMT-2").dt
    table = pd.DataFrame({"date": local.strftime("%Y-%m-%d"), "time": local.strftime("%H:%M:%S+02:00")}).join(
        frame[VALUES]
    )
    same(read(table, tmp_path), frame)


def test_hours_and_minutes_in_two_columns(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame = of_length(frame, "15min")
    time = frame["time"].dt
    table = pd.DataFrame({"date": time.strftime("%Y-%m-%d"), "hour": time.hour, "minute": time.minute}).join(
        frame[VALUES]
    )
    same(read(table, tmp_path), frame)


@pytest.mark.parametrize("length", ["1D", "4h", "1h", "15min"])
def test_year_month_and_day_in_three_columns(length: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    frame = of_length(frame, length)
    time = frame["time"].dt
    parts = {"Year": time.year, "Month": time.month, "Day": time.day, "Hour": time.hour, "Minute": time.minute}
    used = {"1D": 3, "15min": 5}.get(length, 4)
    same(read(pd.DataFrame(dict([*parts.items()][:used])).join(frame[VALUES]), tmp_path), frame)


def test_year_month_and_day_beside_a_time_are_features(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame = of_length(frame, "1D")
    time = frame["time"].dt
    bars = read(frame[["time", *VALUES]].assign(year=2024, month=time.month, day=time.day), tmp_path)
    same(bars, frame)
    np.testing.assert_array_equal(bars.extra["day"], time.day)


def test_the_date_of_daily_bars_needs_no_clock(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame = of_length(frame, "1D")
    table = pd.DataFrame({"date": frame["time"].dt.strftime("%Y%m%d"), "time": 0}).join(frame[VALUES])
    same(read(table, tmp_path), frame)


@pytest.mark.parametrize("name", ["hour", "session_hour", "rank", "trades"])
def test_small_numbers_beside_a_whole_time_are_no_clock(name: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    small = np.random.default_rng(1).integers(0, 24, len(frame))
    bars = read(frame[["time", *VALUES]].assign(**{name: small}), tmp_path)
    same(bars, frame)
    np.testing.assert_array_equal(bars.extra[name], small)


def test_numbers_beside_a_date_are_no_clock_by_their_looks(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame = of_length(frame, "1D")
    small = np.random.default_rng(1).integers(0, 24, len(frame))
    table = frame[["time", *VALUES]].assign(time=frame["time"].dt.strftime("%Y%m%d"))
    table.insert(1, "rank", small)
    bars = read(table, tmp_path)
    same(bars, frame)
    np.testing.assert_array_equal(bars.extra["rank"], small)


ENDS: dict[str, tuple[str, str, Callable[[np.ndarray], object], int]] = {
    "T and t": ("t", "T", lambda ns: ns // 10**6, 3_599_999),
    "close_time first": ("open_time", "close_time", lambda ns: ns // 10**6, 3_599_999),
    "end and start": ("start", "end", lambda ns: ns // 10**9, 3600),
    "one second short": ("Open Time", "Close Time", lambda ns: pd.to_datetime(ns).strftime("%Y-%m-%d %H:%M:%S"), 3599),
    "names that say nothing": ("begin_ts", "stamp_ts", lambda ns: ns // 10**6, 3_600_000),
    "timeOpen and timestamp": ("timeOpen", "timestamp", lambda ns: ns // 10**6, 3_599_999),
}


@pytest.mark.parametrize("way", ENDS)
@pytest.mark.parametrize("end_first", [False, True])
def test_bars_stand_at_their_open(way: str, end_first: bool, frame: pd.DataFrame, tmp_path: Path) -> None:
    start, end, write, length = ENDS[way]
    opens = nanoseconds(frame)
    unit = 10**6 if length > 10**5 else 10**9
    times = {start: write(opens), end: write(opens + length * unit)}
    columns = (dict(reversed(times.items())) if end_first else times) | {n[0]: frame[n].astype("str") for n in VALUES}
    (tmp_path / "bars.json").write_text(pd.DataFrame(columns).to_json(orient="records"))
    bars = load_bars(tmp_path / "bars.json")
    same(bars, frame)
    assert not bars.extra


@pytest.mark.parametrize(
    ("name", "short"), [("close_time", 1), ("closeTime", 0), ("End", 0), ("timestamp", 1), ("kline_close_time", 1000)]
)
def test_bars_stamped_with_their_close_are_moved_and_that_is_noted(
    name: str, short: int, frame: pd.DataFrame, tmp_path: Path
) -> None:
    closes = nanoseconds(frame) // 10**6 + 3_600_000 - short
    bars = read(pd.DataFrame({name: closes}).join(frame[VALUES]), tmp_path)
    same(bars, frame)
    assert any(name in note and "end" in note for note in bars.report.notes)


def test_a_timestamp_that_is_the_close_time_too_is_moved(frame: pd.DataFrame, tmp_path: Path) -> None:
    closes = nanoseconds(frame) // 10**9 + 3600
    same(read(pd.DataFrame({"timestamp": closes, "close_time": closes}).join(frame[VALUES]), tmp_path), frame)


def walk(size: float, count: int) -> np.ndarray:
    return size + np.cumsum(np.random.default_rng(3).normal(0, size / 250, count))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("open_interest_value", walk(2.5e9, 200)),
        ("market_cap", walk(1.2e12, 200).round()),
        ("last_id", np.cumsum(np.random.default_rng(4).integers(1, 900, 200)) + 1_400_000_000),
        ("time_weighted_value", walk(1.6e9, 200)),
        ("supply", np.random.default_rng(5).integers(20_200_101, 20_201_231, 200)),
    ],
)
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("clock", ["timestamp", "stamp"])
def test_numbers_of_the_size_of_a_time_are_features(
    name: str, values: np.ndarray, first: bool, clock: str, frame: pd.DataFrame, tmp_path: Path
) -> None:
    table = pd.DataFrame({clock: nanoseconds(frame) // 10**6}).join(frame[VALUES])
    table.insert(0 if first else 6, name, values)
    bars = read(table, tmp_path)
    same(bars, frame)
    np.testing.assert_array_equal(bars.extra[name], values)


def text(ns: np.ndarray, zone: str = "") -> object:
    return pd.to_datetime(ns).strftime(f"%Y-%m-%d %H:%M:%S{zone}")


ZONES: dict[str, tuple[str, str, Callable[[np.ndarray], object]]] = {
    "seconds": ("date", "unix", lambda ns: ns // 10**9),
    "milliseconds": ("datetime", "timestamp", lambda ns: ns // 10**6),
    "milliseconds as text": ("time", "timestamp", lambda ns: (ns // 10**6).astype(str)),
    "utc in its name": ("local_time", "utc_time", text),
    "utc behind its name": ("time", "time_utc", text),
    "utc in brackets": ("Date (Local)", "Date (UTC)", text),
    "gmt": ("time", "GMT time", text),
    "local beside no zone": ("local_time", "time", text),
    "a Z": ("date", "time", lambda ns: text(ns, "Z")),
    "an offset": ("date", "time", lambda ns: text(ns, "+00:00")),
}


@pytest.mark.parametrize("way", ZONES)
@pytest.mark.parametrize("hours", [-5, 2, 5.5, 9])
@pytest.mark.parametrize("local_first", [False, True])
@pytest.mark.parametrize("length", ["15min", "4h", "1D"])
def test_of_a_local_time_and_one_in_utc_the_latter_counts(
    way: str, hours: float, local_first: bool, length: str, frame: pd.DataFrame, tmp_path: Path
) -> None:
    frame = of_length(frame, length)
    local, utc, write = ZONES[way]
    columns = {utc: write(nanoseconds(frame)), local: text(nanoseconds(frame) + int(hours * 3600 * 10**9))}
    table = pd.DataFrame(dict(reversed(columns.items())) if local_first else columns).join(frame[VALUES])
    same(read(table, tmp_path), frame)


@pytest.mark.parametrize("names", [("date", "time"), ("time", "date")])
def test_times_of_two_zones_are_refused_where_neither_says_which_is_utc(
    names: tuple[str, str], frame: pd.DataFrame, tmp_path: Path
) -> None:
    table = pd.DataFrame({names[0]: text(nanoseconds(frame)), names[1]: text(nanoseconds(frame) + 9 * 3600 * 10**9)})
    with pytest.raises(DataError, match=r"two zones.*UTC"):
        read(table.join(frame[VALUES]), tmp_path)


@pytest.mark.parametrize("late", [137, 3_600_137, 61_000])
@pytest.mark.parametrize("spread", [1, 900])
@pytest.mark.parametrize("late_first", [False, True])
@pytest.mark.parametrize("name", ["open_time", "date"])
def test_a_time_of_arrival_is_not_the_open(
    late: int, spread: int, late_first: bool, name: str, frame: pd.DataFrame, tmp_path: Path
) -> None:
    opens = nanoseconds(frame)
    arrived = opens // 10**6 + late + np.arange(len(opens)) * 7 % spread
    columns = {name: opens // 10**6 if "open" in name else text(opens), "timestamp": arrived}
    table = pd.DataFrame(dict(reversed(columns.items())) if late_first else columns).join(frame[VALUES])
    same(read(table, tmp_path), frame)


@pytest.mark.parametrize("date_first", [False, True])
def test_a_date_beside_the_hour_its_day_ended_is_the_open(
    date_first: bool, frame: pd.DataFrame, tmp_path: Path
) -> None:
    frame = of_length(frame, "1D")
    columns = {
        "timestamp": text(nanoseconds(frame) + 16 * 3600 * 10**9),
        "date": frame["time"].dt.strftime("%Y-%m-%d"),
    }
    table = pd.DataFrame(dict(reversed(columns.items())) if date_first else columns).join(frame[VALUES])
    same(read(table, tmp_path), frame)


def test_a_second_time_is_left_out_as_one(frame: pd.DataFrame) -> None:
    table = frame[["time", *VALUES]].assign(received=nanoseconds(frame) // 10**6 + 250)
    bars = load_bars(table)
    assert not bars.extra


ROUNDED: dict[str, Callable[[np.ndarray], list[str]]] = {
    "1.70407E+12": lambda ns: [f"{time // 10**6:.5E}" for time in ns],
    "1.7067E+09": lambda ns: [f"{time // 10**9:.4E}" for time in ns],
    "minutes cut": lambda ns: [str(time)[:13] + ":00" for time in pd.to_datetime(ns)],
    "clock cut": lambda ns: [str(time)[:10] + " 00:00" for time in pd.to_datetime(ns)],
    "days only": lambda ns: [str(time)[:10] for time in pd.to_datetime(ns)],
}


@pytest.mark.parametrize("way", ROUNDED)
@pytest.mark.parametrize("kind", ["csv", "json", "newest first"])
def test_rounded_times_are_refused_as_such(way: str, kind: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    frame = of_length(frame, "15min")
    table = pd.DataFrame({"open_time": ROUNDED[way](nanoseconds(frame))}).join(frame[VALUES])
    path = tmp_path / "bars"
    if kind == "json":
        path.write_text(json.dumps(table.to_dict("records")))
    else:
        table[:: -1 if kind == "newest first" else 1].to_csv(path, index=False)
    with pytest.raises(DataError, match=r"column 'open_time' are rounded: most bars share one"):
        load_bars(path)


def test_rows_written_twice_are_not_called_rounded(frame: pd.DataFrame, tmp_path: Path) -> None:
    twice = pd.concat([frame, frame]).sort_values("time", kind="stable")
    same(read(twice[["time", *VALUES]], tmp_path), frame)


def test_two_markets_of_near_prices_are_not_called_rounded(frame: pd.DataFrame, tmp_path: Path) -> None:
    other = frame.assign(**{name: frame[name] * 1.0004 for name in VALUES})
    table = pd.concat([frame.assign(place=1), other.assign(place=2)]).sort_values("time", kind="stable")
    try:
        read(table[["time", "place", *VALUES]], tmp_path)
    except DataError as error:
        assert "rounded" not in str(error)
