"""The bars a run trains on."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from progressive_market.bars import Bars, configured_bars, load_bars
from progressive_training import DataError

SETTINGS: dict[str, Any] = {"DATA": None, "FREQUENCY": None, "FILL_MINUTES": 10, "SYNTHETIC_BARS": 500, "SEED": 3}


def same(one: Bars, other: Bars) -> bool:
    arrays = ("time", "open", "high", "low", "close", "volume", "segment")
    return (
        all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)
        and list(one.extra) == list(other.extra)
        and all(np.array_equal(one.extra[name], other.extra[name], equal_nan=True) for name in one.extra)
        and (one.interval, one.report, one.synthetic) == (other.interval, other.report, other.synthetic)
    )


def test_without_data_the_market_is_made_up() -> None:
    bars = configured_bars(SETTINGS)
    assert bars.synthetic
    assert len(bars) == 500
    assert len(configured_bars(SETTINGS | {"FREQUENCY": "4h"})) == 125


def test_settings_change_what_is_loaded(file: Path) -> None:
    settings = SETTINGS | {"DATA": str(file)}
    assert (len(configured_bars(settings)), configured_bars(settings).report.gaps) == (197, 1)
    assert configured_bars(settings | {"FILL_MINUTES": 180}).report.filled == 3
    assert configured_bars(settings | {"FREQUENCY": "2h"}).interval == 7200 * 10**9


def test_a_frame_in_memory_is_matched_by_name(frame: pd.DataFrame, file: Path) -> None:
    expected = load_bars(frame)
    shuffled = frame[["trades", "close", "volume", "low", "time", "open", "high", "quote_volume"]].assign(note="x")
    for given in (shuffled, frame.set_index("time"), frame.set_index("time").rename_axis(None)):
        bars = load_bars(given)
        assert np.array_equal(bars.time, expected.time)
        assert np.array_equal(bars.close, expected.close)
        assert np.array_equal(bars.extra["trades"], expected.extra["trades"])


def test_frames_as_other_libraries_make_them(frame: pd.DataFrame) -> None:
    expected = load_bars(frame)
    core = frame[["time", "open", "high", "low", "close", "volume"]]
    yahoo = core.set_index("time").rename_axis("Datetime")
    yahoo.columns = pd.MultiIndex.from_tuples([(name.title(), "BTC-USD") for name in yahoo.columns])
    nullable = core.assign(time=frame["time"].dt.as_unit("ms").astype("int64")).convert_dtypes()
    missing = nullable.assign(
        time=nullable["time"].where(nullable.index != 199), open=nullable["open"].mask(nullable.index == 0)
    )
    decimals = core.assign(close=[Decimal(str(value)) for value in frame["close"]])
    for given, part in (
        (yahoo, slice(None)),
        (nullable, slice(None)),
        (missing, slice(1, 199)),
        (decimals, slice(None)),
    ):
        bars = load_bars(given)
        assert np.array_equal(bars.time, expected.time[part])
        assert np.array_equal(bars.close, expected.close[part])


def test_which_of_two_prices_was_taken_is_noted(frame: pd.DataFrame) -> None:
    bars = load_bars(frame.assign(open_price=frame["open"] + 1))
    assert bars.open[0] == frame["open"][0]
    assert "the open price: took 'open' out of 'open', 'open_price'" in bars.report.notes


REFUSED = {
    "open price": ("open price among time, high, low, close, volume", lambda frame: frame.drop(columns="open")),
    "volume": (
        "volume among time, open, high, low, close",
        lambda frame: frame[["time", "open", "high", "low", "close"]],
    ),
    "times": ("no column of times among open, high, low, close", lambda frame: frame.drop(columns="time")),
    "two closes": (
        "columns 'Close ask' and 'close_bid' both look like the close price and differ",
        lambda frame: frame.rename(columns={"close": "Close ask"}).assign(close_bid=frame["close"] - 1),
    ),
    "two opens": (
        "the frame given: 2 columns are named 'open' and differ; drop or rename one",
        lambda frame: pd.concat([frame.assign(open=1), frame["open"]], axis=1),
    ),
    "no rows": ("no rows", lambda frame: frame.head(0)),
    "two markets": (
        "names 2 markets (BTC/USD, ETH/USD)",
        lambda frame: frame.assign(symbol=np.where(frame["trades"] > 4000, "BTC/USD", "ETH/USD")),
    ),
    "mixed up": ("rows are not bars", lambda frame: frame.rename(columns={"high": "low", "low": "high"})),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_of_bars_is_refused_in_one_line(case: str, frame: pd.DataFrame) -> None:
    words, change = REFUSED[case]
    with pytest.raises(DataError) as caught:
        load_bars(change(frame))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


BROKEN = {
    "absent.csv": (None, "cannot be read: No such file"),
    "picture.csv": (b"\x89PNG\0\0", "neither text nor Parquet"),
    "cut.parquet": (b"PAR1" + b"x" * 20, "damaged: its end is missing"),
    "cut.json": (b"[[1, 2, 3],\n [1, 2", "line 2, column"),
    "cut.csv.gz": (b"\x1f\x8b\x08\x00", "damaged"),
    "words.csv": (b"hello, world\nall, well\n", "no rows of bars found"),
    "nothing.csv": (b" \n", "the file is empty"),
    "message.json": (b'{"code": -1121, "msg": "Invalid symbol."}', "no table of bars"),
    "deep.json": (b"[" * 200_000, "nested too deeply"),
    "deep lines.json": (b"{}\n" + b"[" * 200_000, "nested too deeply"),
    "long.json": (b"[[" + b"9" * 5000 + b"]]", "number"),
    "lines.json": (b'{"t": 1}\n{"t": 2]\n', "line 2"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_by_name_in_one_line(name: str, tmp_path: Path) -> None:
    content, words = BROKEN[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        configured_bars(SETTINGS | {"DATA": str(tmp_path / name)})
    assert str(caught.value).startswith(str(tmp_path / name))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_is_enough(file: Path) -> None:
    bars = load_bars(file)
    assert same(bars, configured_bars(SETTINGS | {"DATA": str(file)}))
    assert load_bars(str(file), "2h", 180).interval == 7200 * 10**9
