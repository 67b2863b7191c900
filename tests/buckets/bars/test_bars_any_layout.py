"""Layouts drawn from the habits of exchanges, spreadsheets and people: each reads back as the same bars, to the digit."""

from pathlib import Path

import numpy as np
import pandas as pd
from attrs import frozen
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from progressive_market.bars import load_bars

VALUES = ["open", "high", "low", "close", "volume"]
NAMES = {
    "time": ["time", "Timestamp", "open_time", "unix", "Date (UTC)", "Open time", "datetime", "t"],
    "end": ["close_time", "Close time", "end", "T", "closeTime", "time_period_end"],
    "open": ["open", "Open", "o", "<OPEN>", "open_price", "1. open"],
    "high": ["high", "High", "h", "<HIGH>", "high_price", "2. high"],
    "low": ["low", "Low", "l", "<LOW>", "low_price", "3. low"],
    "close": ["close", "Close", "c", "<CLOSE>", "close_price", "4. close"],
    "volume": ["volume", "Volume", "v", "<VOL>", "Volume (BTC)", "5. volume"],
    "open_interest": ["open_interest"],
    "market_cap": ["market_cap"],
    "rsi": ["rsi"],
}
TEXTS = [
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y %I:%M %p",
    "%Y%m%d %H%M",
    "%d %b %Y %H:%M",
]
DATES = ["%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d"]
CLOCKS = ["%H%M%S", "%H%M", "%H:%M", "%H:%M:%S", "%H.%M", "%I:%M %p"]
CLOCK_NAMES = [("<DATE>", "<TIME>"), ("Date", "Time"), ("day", "hour"), ("date", "clock"), ("Datum", "Uhrzeit")]
UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
GROUPS = {".": ["", "", ",", "'", " "], ",": ["", "", ".", "'", " ", "\u00a0"]}
LENGTHS = ["1min", "5min", "15min", "1h", "4h"]
KNOWN_ORDERS = [VALUES, ["open", "close", "high", "low", "volume"], ["volume", "close", "high", "low", "open"]]


@frozen(kw_only=True)
class Layout:
    """How bars are written."""

    separator: str
    decimal: str
    thousands: str
    stamp: str  # one of UNITS, TEXTS or "split"
    date: str
    clock: str
    clock_names: tuple[str, str]
    end: str  # "none", "both" or "only"
    short: int  # nanoseconds by which an end falls short of the next open
    header: bool
    order: list[str]
    names: dict[str, str]
    whole: bool
    newest_first: bool
    first_empty: bool


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    header = draw(st.sampled_from([True, True, True, False]))
    stamp = draw(st.sampled_from([*UNITS, *TEXTS, "split", "split"]))
    end = draw(st.sampled_from(["none", "none", "both", "only"])) if stamp in UNITS else "none"
    if not header:
        end = "none" if end == "only" else end
    columns = ["time", *VALUES]
    if header:
        columns += draw(st.lists(st.sampled_from(["open_interest", "market_cap", "rsi"]), unique=True))
    if end == "only":
        columns.remove("time")
    order = [c for c in columns if c != "time"] + ["end"] * (end != "none")
    order = (
        draw(st.permutations(order)) if header else [*draw(st.sampled_from(KNOWN_ORDERS)), *["end"] * (end != "none")]
    )
    if end != "only":
        order = list(order)
        order.insert(draw(st.integers(0, len(order))) if header else 0, "time")
    style = draw(st.integers(0, 5))
    names = {
        c: NAMES[c][style] if c in VALUES and draw(st.booleans()) else draw(st.sampled_from(NAMES[c])) for c in order
    }
    if end == "only" and names["end"] == "T":
        names["end"] = "close_time"  # alone, it might be either
    decimal = draw(st.sampled_from([".", ","]))
    separators = [",", ";", "\t", "|"]
    return Layout(
        separator=draw(st.sampled_from(separators)),
        decimal=decimal,
        thousands=draw(st.sampled_from(GROUPS[decimal])),
        stamp=stamp,
        date=draw(st.sampled_from(DATES)),
        clock=draw(st.sampled_from(CLOCKS)),
        clock_names=draw(st.sampled_from(CLOCK_NAMES)),
        end=end,
        short=draw(st.sampled_from([0, 1_000_000 if stamp != "s" else 10**9])),
        header=header,
        order=list(order),
        names=names,
        whole=draw(st.booleans()),
        newest_first=draw(st.booleans()),
        first_empty=header and draw(st.booleans()),
    )


def number(value: float, digits: int, layout: Layout) -> str:
    text = f"{value:,.{digits}f}".replace(",", "\0").replace(".", layout.decimal)
    return text.replace("\0", layout.thousands)


def written(bars: pd.DataFrame, layout: Layout, step: pd.Timedelta) -> tuple[list[str], list[list[str]]]:
    """Names and rows of text."""
    digits = dict.fromkeys(VALUES, 2) | {
        "volume": 0 if layout.whole else 5,
        "open_interest": 1,
        "market_cap": 0,
        "rsi": 6,
    }
    names: list[str] = []
    columns: list[list[str]] = []
    for name in layout.order:
        if name == "time" and layout.stamp == "split":
            names += layout.clock_names
            columns += [[f"{time:{form}}" for time in bars["time"]] for form in (layout.date, layout.clock)]
            continue
        names.append(layout.names[name])
        if name in ("time", "end"):
            times = bars["time"] if name == "time" else bars["time"] + step - pd.Timedelta(layout.short, "ns")
            if layout.stamp in UNITS:
                columns.append([str(time.value // UNITS[layout.stamp]) for time in times])
            else:
                columns.append([f"{time:{layout.stamp}}" for time in times])
        else:
            columns.append([number(value, digits[name], layout) for value in bars[name]])
            if layout.first_empty and name in VALUES:
                columns[-1][0] = ""
    rows = [list(row) for row in zip(*columns, strict=True)]
    return names, rows[::-1] if layout.newest_first else rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(layout=layouts(), length=st.sampled_from(LENGTHS), count=st.integers(60, 200))
def test_any_layout_reads_back_as_the_same_bars(
    layout: Layout, length: str, count: int, frame: pd.DataFrame, tmp_path: Path
) -> None:
    random = np.random.default_rng(count)
    bars = frame[:count].assign(
        time=pd.date_range("2024-01-30", periods=count, freq=length, tz="UTC"),
        volume=(frame["volume"] * 400).round() if layout.whole else frame["volume"],
        open_interest=random.uniform(5e4, 9e4, 200).round(1)[:count],
        market_cap=random.normal(1.6e9, 1e7, 200).cumsum().round()[:count] / 40 + 1.5e9,
        rsi=random.uniform(10, 90, 200).round(6)[:count],
    )
    bars["market_cap"] = bars["market_cap"].round()
    event(f"end {layout.end}, {'split' if layout.stamp == 'split' else 'one stamp'}, header {layout.header}")
    names, rows = written(bars, layout, pd.Timedelta(length))
    table = pd.DataFrame(rows, columns=range(len(names)))
    table.to_csv(tmp_path / "bars", index=False, header=names if layout.header else False, sep=layout.separator)

    read = load_bars(tmp_path / "bars")

    bars = bars[int(layout.first_empty) :]
    np.testing.assert_array_equal(
        read.time, bars["time"].dt.tz_localize(None).to_numpy("datetime64[ns]").view(np.int64)
    )
    for name in VALUES:
        np.testing.assert_array_equal(getattr(read, name), bars[name], err_msg=name)
    assert set(read.extra) == set(layout.order) - {"time", "end", *VALUES}
    for name, values in read.extra.items():
        np.testing.assert_array_equal(values, bars[name], err_msg=name)
