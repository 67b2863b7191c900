"""Files of bars load without options, however they are laid out."""

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from progressive_market.bars import Bars, read
from progressive_market.bars.cleaning import clean

PLAIN = ["time", "open", "high", "low", "close", "volume"]


def load(path: Path) -> Bars:
    reading = read(path)
    return clean(reading.time, reading.columns, source=reading.source, notes=reading.notes)


def epoch(frame: pd.DataFrame, unit: str) -> pd.Series:
    return frame["time"].dt.tz_localize(None).astype(f"datetime64[{unit}]").astype("int64")


def plain(frame: pd.DataFrame, time: pd.Series | None = None) -> pd.DataFrame:
    return frame[PLAIN].assign(time=epoch(frame, "s") if time is None else time)


def csv(text_of: Callable[[pd.DataFrame], str]) -> Callable[[pd.DataFrame, Path], Path]:
    def write(frame: pd.DataFrame, folder: Path) -> Path:
        path = folder / "bars.csv"
        path.write_text(text_of(frame), encoding="utf-8")
        return path

    return write


def json_of(tree_of: Callable[[pd.DataFrame], object]) -> Callable[[pd.DataFrame, Path], Path]:
    def write(frame: pd.DataFrame, folder: Path) -> Path:
        path = folder / "bars.json"
        path.write_text(json.dumps(tree_of(frame)))
        return path

    return write


def renamed(names: list[str]) -> Callable[[pd.DataFrame], str]:
    return lambda frame: plain(frame).set_axis(names, axis=1).to_csv(index=False)


def timed(pattern: str, name: str = "date") -> Callable[[pd.DataFrame], str]:
    return lambda frame: (
        plain(frame, frame["time"].dt.strftime(pattern)).rename(columns={"time": name}).to_csv(index=False)
    )


def swapped(order: list[str]) -> Callable[[pd.DataFrame], str]:
    return lambda frame: plain(frame)[order].to_csv(index=False, header=False)


def rows(frame: pd.DataFrame) -> list[list[object]]:
    return plain(frame, epoch(frame, "ms")).astype(object).to_numpy().tolist()


def texts(frame: pd.DataFrame) -> list[list[object]]:
    return [[row[0], *(str(value) for value in row[1:])] for row in rows(frame)]


def thousands(frame: pd.DataFrame) -> str:
    prices = {name: frame[name].map("{:,.2f}".format) for name in ("open", "high", "low", "close")}
    return plain(frame).assign(**prices).to_csv(index=False)


def newest_and_mixed_units(frame: pd.DataFrame) -> str:
    time = np.where(np.arange(len(frame)) < 90, epoch(frame, "s"), epoch(frame, "ms"))
    return plain(frame, pd.Series(time)).iloc[::-1].to_csv(index=False)


def split_clock(frame: pd.DataFrame) -> str:
    text = frame["time"].dt
    return pd.DataFrame(
        {"<DATE>": text.strftime("%Y.%m.%d"), "<TIME>": text.strftime("%H:%M:%S")}
        | {f"<{name.upper()}>": frame[name] for name in PLAIN[1:]}
    ).to_csv(index=False, sep="\t")


def yahoo_like(frame: pd.DataFrame) -> str:
    return (
        frame[["time", "open", "high", "low", "close", "close", "volume"]]
        .set_axis(["Datetime", "Open", "High", "Low", "Close", "Adj Close", "Volume"], axis=1)
        .to_csv(index=False)
    )


def european(frame: pd.DataFrame) -> str:
    return plain(frame, frame["time"].dt.strftime("%d.%m.%Y %H:%M")).to_csv(index=False, sep=";", decimal=",")


def records(frame: pd.DataFrame, names: list[str]) -> list[dict[str, object]]:
    return [dict(zip(names, row, strict=True)) for row in texts(frame)]


def json_lines(frame: pd.DataFrame, folder: Path) -> Path:
    path = folder / "bars.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in records(frame, ["t", "o", "h", "l", "c", "v"])))
    return path


def parquet_index(frame: pd.DataFrame, folder: Path) -> Path:
    frame[PLAIN].set_index("time").to_parquet(folder / "bars.parquet")
    return folder / "bars.parquet"


def unnamed_index_feather(frame: pd.DataFrame, folder: Path) -> Path:
    plain(frame, frame["time"].dt.tz_localize(None)).to_feather(folder / "bars.feather")
    return folder / "bars.feather"


def excel_utf16(frame: pd.DataFrame, folder: Path) -> Path:
    (folder / "bars.txt").write_bytes(plain(frame).to_csv(index=False, sep="\t").encode("utf-16"))
    return folder / "bars.txt"


def byte_order_mark(frame: pd.DataFrame, folder: Path) -> Path:
    (folder / "bars.csv").write_bytes(plain(frame).to_csv(index=False).encode("utf-8-sig"))
    return folder / "bars.csv"


def gzipped(frame: pd.DataFrame, folder: Path) -> Path:
    (folder / "bars.csv.gz").write_bytes(gzip.compress(plain(frame).to_csv(index=False).encode()))
    return folder / "bars.csv.gz"


def zipped(frame: pd.DataFrame, folder: Path) -> Path:
    with zipfile.ZipFile(folder / "bars.zip", "w") as archive:
        archive.writestr("BTCUSDT-1h.csv", plain(frame).to_csv(index=False, header=False))
    return folder / "bars.zip"


SAME_BARS = {
    "short names": csv(renamed(["t", "o", "h", "l", "c", "v"])),
    "capitals": csv(renamed(["Date", "Open", "High", "Low", "Close", "Volume"])),
    "camel case": csv(renamed(["openTime", "openPrice", "highPrice", "lowPrice", "closePrice", "baseVolume"])),
    "numbered": csv(renamed(["timestamp", "1. open", "2. high", "3. low", "4. close", "5. volume"])),
    "with units": csv(renamed(["Timestamp", "Open (USD)", "High (USD)", "Low (USD)", "Close (USD)", "Volume_(BTC)"])),
    "cryptocompare": csv(renamed(["time", "open", "high", "low", "close", "volumefrom"])),
    "coinapi": csv(
        renamed(["time_period_start", "price_open", "price_high", "price_low", "price_close", "volume_traded"])
    ),
    "investing.com": csv(
        lambda frame: (
            plain(frame)[["time", "close", "open", "high", "low", "volume"]]
            .set_axis(["Date", "Price", "Open", "High", "Low", "Vol."], axis=1)
            .assign(**{"Change %": "0.5%"})
            .to_csv(index=False)
        )
    ),
    "yahoo": csv(yahoo_like),
    "index column": csv(lambda frame: plain(frame).to_csv()),
    "time as the index": csv(lambda frame: plain(frame, frame["time"]).set_index("time").rename_axis(None).to_csv()),
    "comment header": csv(lambda frame: "# made by hand\n#" + plain(frame).to_csv(index=False)),
    "banner and blank": csv(lambda frame: "Source: X, all times UTC\n\n" + plain(frame).to_csv(index=False)),
    "repeated header": csv(lambda frame: plain(frame)[:90].to_csv(index=False) + plain(frame)[90:].to_csv(index=False)),
    "no header o h l c": csv(swapped(PLAIN)),
    "no header o c h l": csv(swapped(["time", "open", "close", "high", "low", "volume"])),
    "no header l h o c": csv(swapped(["time", "low", "high", "open", "close", "volume"])),
    "no header, volume first": csv(swapped(["time", "volume", "close", "high", "low", "open"])),
    "no header, newest first": csv(lambda frame: plain(frame).iloc[::-1].to_csv(index=False, header=False)),
    "trailing delimiter": csv(lambda frame: plain(frame).to_csv(index=False).replace("\n", ",\n")),
    "semicolon": csv(lambda frame: plain(frame).to_csv(index=False, sep=";")),
    "bar": csv(lambda frame: plain(frame).to_csv(index=False, sep="|")),
    "blanks": csv(lambda frame: plain(frame).to_string(index=False)),
    "windows lines": csv(lambda frame: plain(frame).to_csv(index=False, lineterminator="\r\n")),
    "quoted": csv(lambda frame: plain(frame).to_csv(index=False, quoting=1)),
    "european": csv(european),
    "thousands": csv(thousands),
    "newest first, two units": csv(newest_and_mixed_units),
    "date and time apart": csv(split_clock),
    "milliseconds": csv(lambda frame: plain(frame, epoch(frame, "ms")).to_csv(index=False)),
    "microseconds": csv(lambda frame: plain(frame, epoch(frame, "us")).to_csv(index=False)),
    "nanoseconds": csv(lambda frame: plain(frame, epoch(frame, "ns")).to_csv(index=False)),
    "seconds with fraction": csv(lambda frame: plain(frame, epoch(frame, "s").astype(float)).to_csv(index=False)),
    "iso": csv(timed("%Y-%m-%dT%H:%M:%SZ")),
    "iso with zone": csv(
        lambda frame: plain(frame, frame["time"].dt.tz_convert("Europe/Berlin").map(lambda t: t.isoformat())).to_csv(
            index=False
        )
    ),
    "year first, no zone": csv(timed("%Y/%m/%d %H:%M")),
    "compact": csv(timed("%Y%m%d %H%M%S")),
    "day first": csv(timed("%d/%m/%Y %H:%M:%S")),
    "month first": csv(timed("%m/%d/%Y %H:%M")),
    "half days": csv(timed("%m/%d/%Y %I:%M %p")),
    "half days, hours only": csv(timed("%Y-%m-%d %I-%p")),
    "month names": csv(timed("%d %b %Y %H:%M:%S")),
    "american names": csv(timed("%b %d, %Y %H:%M")),
    "dukascopy": csv(timed("%d.%m.%Y %H:%M:%S.000 GMT+0000", "Gmt time")),
    "arrays": json_of(rows),
    "arrays of text": json_of(texts),
    "array with a header": json_of(lambda frame: [PLAIN, *rows(frame)]),
    "objects": json_of(lambda frame: records(frame, ["time", "open", "high", "low", "close", "volume"])),
    "object of columns": json_of(
        lambda frame: {"s": "ok"} | dict(zip("tohlcv", (list(c) for c in zip(*rows(frame), strict=True)), strict=True))
    ),
    "kraken": json_of(
        lambda frame: {
            "error": [],
            "result": {
                "XXBTZUSD": [[r[0] // 1000, *r[1:5], str(frame["high"][i]), r[5], 7] for i, r in enumerate(texts(frame))],
                "last": 1,
            },
        }
    ),
    "bybit": json_of(lambda frame: {"retCode": 0, "result": {"list": texts(frame)[::-1]}, "time": 1}),
    "okx": json_of(lambda frame: {"code": "0", "data": [[str(row[0]), *row[1:]] for row in texts(frame)]}),
    "coinbase": json_of(
        lambda frame: {
            "candles": [
                {"start": str(r[0] // 1000), "low": r[3], "high": r[2], "open": r[1], "close": r[4], "volume": r[5]}
                for r in texts(frame)
            ]
        }
    ),
    "coinbase arrays": json_of(lambda frame: [[r[0] // 1000, r[3], r[2], r[1], r[4], r[5]] for r in rows(frame)][::-1]),
    "alpha vantage": json_of(
        lambda frame: {
            "Meta Data": {"1. Information": "x"},
            "Time Series": {
                str(time)[:19]: {"1. open": r[1], "2. high": r[2], "3. low": r[3], "4. close": r[4], "5. volume": r[5]}
                for time, r in zip(frame["time"], texts(frame), strict=True)
            },
        }
    ),
    "pandas columns": json_of(lambda frame: json.loads(plain(frame).to_json())),
    "pandas split": json_of(lambda frame: json.loads(plain(frame).to_json(orient="split"))),
    "pandas split by time": json_of(
        lambda frame: json.loads(plain(frame).set_index("time").to_json(orient="split"))
    ),
    "json lines": json_lines,
    "parquet, time as index": parquet_index,
    "feather": unnamed_index_feather,
    "utf-16": excel_utf16,
    "byte order mark": byte_order_mark,
    "gzip": gzipped,
    "zip": zipped,
}  # fmt: skip


@pytest.mark.parametrize("layout", SAME_BARS)
def test_a_layout_loads_as_the_same_bars(layout: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    bars = load(SAME_BARS[layout](frame, tmp_path))
    np.testing.assert_array_equal(bars.time, epoch(frame, "ns"))
    for name in PLAIN[1:]:
        np.testing.assert_allclose(getattr(bars, name), frame[name], rtol=1e-12, err_msg=name)
    assert set(bars.extra) <= {"vwap"}


def test_only_the_end_of_each_bar_is_given(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    plain(frame, epoch(frame, "ms") + 3_599_999).rename(columns={"time": "close_time"}).to_csv(path, index=False)
    np.testing.assert_array_equal(load(path).time, epoch(frame, "ns"))


NAMES = {
    "time": ["time", "Timestamp", "open_time", "unix", "Date (UTC)", "Open time", "datetime", "ts"],
    "open": ["open", "Open", "o", "OPEN", "open_price", "Open (USDT)", "<OPEN>", "btc_usd_open"],
    "high": ["high", "High", "h", "HIGH", "high_price", "High (USDT)", "<HIGH>", "btc_usd_high"],
    "low": ["low", "Low", "l", "LOW", "low_price", "Low (USDT)", "<LOW>", "btc_usd_low"],
    "close": ["close", "Close", "c", "CLOSE", "close_price", "Close (USDT)", "<CLOSE>", "btc_usd_close"],
    "volume": ["volume", "Volume", "v", "VOL", "volume_btc", "Volume (BTC)", "<VOL>", "base_volume"],
    "quote_volume": ["quote_volume", "Volume USD", "turnover", "Quote asset volume", "quoteVolume"],
    "trades": ["trades", "count", "Number of trades", "tradeCount"],
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.data())
def test_any_mixture_of_these_habits_loads_as_the_same_bars(
    data: st.DataObject, frame: pd.DataFrame, tmp_path: Path
) -> None:
    kept = data.draw(st.permutations([*PLAIN, *data.draw(st.sets(st.sampled_from(["quote_volume", "trades"])))]))
    names = [data.draw(st.sampled_from(NAMES[name])) for name in kept]
    unit = data.draw(st.sampled_from(["s", "ms", "us", "ns", "iso", "day first"]))
    text = {"iso": "%Y-%m-%d %H:%M:%S", "day first": "%d.%m.%Y %H:%M"}
    time = frame["time"].dt.strftime(text[unit]) if unit in text else epoch(frame, unit)
    order = data.draw(st.sampled_from([slice(None), slice(None, None, -1)]))
    table = frame.assign(time=time)[kept].set_axis(names, axis=1).iloc[order]
    how = data.draw(
        st.sampled_from(["csv", "headerless", "semicolon", "tab", "parquet", "feather", "records", "columns"])
    )
    path = tmp_path / "bars"
    if how in ("csv", "headerless", "semicolon", "tab"):
        quoting = data.draw(st.sampled_from([0, 1]))
        delimiter = {"semicolon": ";", "tab": "\t"}.get(how, ",")
        if how == "headerless":
            table = frame.assign(time=time)[PLAIN].iloc[order]
        table.to_csv(path, index=False, header=how != "headerless", sep=delimiter, quoting=quoting)
    elif how in ("parquet", "feather"):
        getattr(table, f"to_{how}")(path)
    else:
        table.reset_index(drop=True).to_json(path, orient=how, double_precision=15)
    bars = load(path)
    np.testing.assert_array_equal(bars.time, epoch(frame, "ns"))
    for name in PLAIN[1:]:
        np.testing.assert_allclose(getattr(bars, name), frame[name], rtol=1e-12, err_msg=name)
    if how != "headerless":
        assert set(bars.extra) == set(kept) - set(PLAIN)
        for name, values in bars.extra.items():
            np.testing.assert_allclose(values, frame[name], rtol=1e-12)
