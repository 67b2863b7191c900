"""Bars are those of one market: a file of several is refused by their names, and one of them can be chosen."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from progressive_market.bars import Bars, configured_bars, load_bars
from progressive_training import DataError

PLAIN = ["time", "open", "high", "low", "close", "volume"]


def of_market(frame: pd.DataFrame, factor: float) -> pd.DataFrame:
    """The bars of another market, whose prices and volumes stand in this proportion to those of `frame`."""
    return frame[PLAIN].assign(**{name: frame[name] * factor for name in PLAIN[1:]})


def long(markets: dict[Any, pd.DataFrame], column: str) -> pd.DataFrame:
    """Markets below one another, by time, each row with the name of its market."""
    return pd.concat([bars.assign(**{column: name}) for name, bars in markets.items()]).sort_values(
        "time", kind="stable"
    )


def assert_same(bars: Bars, frame: pd.DataFrame) -> None:
    np.testing.assert_array_equal(bars.time, frame["time"].dt.as_unit("ns").astype("int64"))
    for name in PLAIN[1:]:
        np.testing.assert_array_equal(getattr(bars, name), frame[name], err_msg=name)


def test_a_market_of_a_symbol_column_is_chosen_however_it_is_spelt(frame: pd.DataFrame) -> None:
    table = long({"BTC/USD": of_market(frame, 1), "ETH/USD": of_market(frame, 0.05)}, "symbol")
    with pytest.raises(DataError, match=r"names 2 markets \(BTC/USD, ETH/USD\).*--market BTC/USD \(MARKET\)"):
        load_bars(table)
    for spelling in ("ETH/USD", "eth-usd", "ETHUSD"):
        bars = load_bars(table, market=spelling)
        assert_same(bars, of_market(frame, 0.05))
        assert bars.report.market == "ETH/USD"


def test_a_market_that_is_not_there_is_refused_with_those_that_are(frame: pd.DataFrame) -> None:
    table = long({"BTC/USD": of_market(frame, 1), "ETH/USD": of_market(frame, 0.05)}, "symbol")
    with pytest.raises(DataError, match=r"no market 'SOL-USD' .*BTC/USD, ETH/USD"):
        load_bars(table, market="SOL-USD")
    with pytest.raises(DataError, match="market 'SOL-USD' is asked for, and no market is named there"):
        load_bars(frame, market="SOL-USD")


def test_the_only_market_is_named_in_the_report(frame: pd.DataFrame) -> None:
    assert load_bars(frame.assign(symbol="BTCUSDT")).report.market == "BTCUSDT"
    assert load_bars(frame.assign(symbol="BTCUSDT"), market="BTC-USDT").report.market == "BTCUSDT"
    assert load_bars(frame).report.market == ""


def test_the_setting_chooses(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    long({"BTC": of_market(frame, 1), "ETH": of_market(frame, 0.5)}, "symbol").to_csv(path, index=False)
    settings = {"DATA": str(path), "FREQUENCY": None, "FILL_MINUTES": 10, "SYNTHETIC_BARS": 500, "SEED": 3}
    for market, factor in (("BTC", 1), ("ETH", 0.5), ("BTC", 1)):
        bars = configured_bars(settings | {"MARKET": market})
        assert_same(bars, of_market(frame, factor))
        assert bars.report.market == market


@pytest.mark.parametrize(
    ("column", "names"),
    [("Asset_ID", (1, 6)), ("asset", (3, 14)), ("code", ("b", "e")), ("unnamed thing", (0.0, 1.0)), ("x", ("1", "2"))],
)
def test_rows_of_two_markets_are_parted_by_whatever_column_names_them(
    column: str, names: tuple[Any, Any], frame: pd.DataFrame, tmp_path: Path
) -> None:
    markets = {name: of_market(frame, factor) for name, factor in zip(names, (1, 0.05), strict=True)}
    path = tmp_path / "bars.csv"
    long(markets, column).assign(regime=1).to_csv(path, index=False)
    texts = [f"{name:g}" if isinstance(name, float) else str(name) for name in names]
    with pytest.raises(DataError) as caught:
        load_bars(path)
    assert f"column {column!r} names 2 markets ({', '.join(texts)})" in str(caught.value)
    assert f"--market {texts[0]}" in str(caught.value)
    assert "more bars" not in str(caught.value)
    for text, name in zip(texts, names, strict=True):
        bars = load_bars(path, market=text)
        assert_same(bars, markets[name])
        assert bars.report.market == text
    with pytest.raises(DataError, match=f"no market 'other' in column {column!r}; expected one of {', '.join(texts)}"):
        load_bars(path, market="other")


def test_rows_without_names_are_parted_as_well(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    markets = {1: of_market(frame, 1), 6: of_market(frame, 0.05)}
    table = long(markets, "id").assign(time=lambda rows: rows["time"].dt.as_unit("s").astype("int64"))
    table[["time", "id", *PLAIN[1:]]].to_csv(path, index=False, header=False)
    with pytest.raises(DataError, match=r"names 2 markets \(1, 6\)"):
        load_bars(path)
    assert_same(load_bars(path, market="6"), markets[6])


def test_a_model_is_served_with_the_rows_of_its_market_alone(frame: pd.DataFrame) -> None:
    bars = load_bars(of_market(frame, 1).assign(Asset_ID=6), market="6")
    assert_same(bars, of_market(frame, 1))
    assert bars.report.market == "6"


def test_a_time_of_day_that_is_not_read_is_no_market(frame: pd.DataFrame) -> None:
    """Its values part the rows as those of markets do, but in their order each bar opens where the last one closed."""
    days = frame["time"].dt.strftime("%Y-%m-%d")
    watch = frame["time"].dt.hour.map("hour no. {}".format)
    with pytest.raises(DataError, match=r"column 'Uhr' \(such as 'hour no. 0'\) holds the time of day"):
        load_bars(frame[PLAIN].assign(time=days, Uhr=watch))
    with pytest.raises(DataError, match="holds the time of day"):
        load_bars(frame[PLAIN].assign(time=days, Uhr=watch).iloc[::-1])


def test_conflicts_that_no_column_explains_are_shown(frame: pd.DataFrame) -> None:
    table = pd.concat([of_market(frame, 1), of_market(frame, 1.001).iloc[50:60]])
    with pytest.raises(DataError) as caught:
        load_bars(table)
    assert "10 of 210 rows (5 %) repeat a time with other prices, first at 2024-02-01T02:00:00Z (open" in str(
        caught.value
    )
    assert "more bars" not in str(caught.value)


def test_rows_that_mostly_come_again_are_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"200 of 600 rows are left: 0 are not bars, and 400 come again"):
        load_bars(pd.concat([frame, frame, frame]))
    assert load_bars(pd.concat([frame, frame])).report.duplicates == 200


HONEST: dict[str, Any] = {
    "a bar written again": lambda frame: pd.concat([frame, frame.tail(2).assign(close=frame["close"] - 0.01)]),
    "a constant name": lambda frame: frame.assign(symbol="BTCUSDT", exchange="Binance", interval="1h"),
    "a regime": lambda frame: frame.assign(regime=np.arange(len(frame)) // 50 % 2),
    "a regime and a bar written again": lambda frame: pd.concat([frame, frame.iloc[[7]]]).assign(
        regime=lambda rows: np.arange(len(rows)) % 2
    ),
    "prices of another market beside": lambda frame: frame.assign(
        **{f"ETH_{name}": frame[name] / 20 for name in ("open", "high", "low", "close")}
    ),
    "averaged prices beside": lambda frame: frame.rename(columns={n: f"BTC-USD {n}" for n in PLAIN[1:]}).assign(
        **{f"ha_{name}": frame[name] + 1 for name in ("open", "high", "low", "close")}
    ),
    "the close of another market beside": lambda frame: frame.rename(
        columns={name: f"{name}_BTC-USD" for name in PLAIN[1:]}
    ).assign(**{"close_ETH-USD": frame["close"] / 20}),
    "forecasts beside": lambda frame: frame.rename(columns={n: f"{n} BTC" for n in PLAIN[1:]}).assign(
        **{f"{name}_forecast_20": frame[name] + 1 for name in ("open", "high", "low", "close")}
    ),
    "a currency behind each": lambda frame: frame.rename(columns={name: f"{name} (USDT)" for name in PLAIN[1:5]}),
}  # fmt: skip


@pytest.mark.parametrize("case", HONEST)
def test_bars_of_one_market_are_never_refused(case: str, frame: pd.DataFrame) -> None:
    bars = load_bars(HONEST[case](frame.drop(columns=["quote_volume", "trades"])))
    np.testing.assert_array_equal(bars.open, frame["open"])
    np.testing.assert_array_equal(bars.volume, frame["volume"])


def test_other_prices_beside_those_of_the_market_are_columns(frame: pd.DataFrame) -> None:
    bars = load_bars(HONEST["prices of another market beside"](frame))
    np.testing.assert_array_equal(bars.extra["eth_close"], frame["close"] / 20)


@pytest.mark.parametrize("form", ["two levels", "two levels, market first", "flat", "as text"])
@pytest.mark.parametrize("pair", ["BTC-USD", "BTCUSDT", "ETH-EUR", "SOLUSDT"])
def test_the_volume_of_a_pair_is_in_its_base(form: str, pair: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    assert_same(load_bars(wide({pair: of_market(frame, 1)}, form, tmp_path)), of_market(frame, 1))


def test_volumes_named_by_one_asset_stay_what_they_are(frame: pd.DataFrame) -> None:
    names = {"volume": "Volume BTC", "quote_volume": "Volume USDT"}
    bars = load_bars(frame.rename(columns=names).assign(symbol="BTC/USDT"))
    np.testing.assert_array_equal(bars.volume, frame["volume"])
    np.testing.assert_array_equal(bars.extra["quote_volume"], frame["quote_volume"])
    bars = load_bars(frame[PLAIN].rename(columns={"volume": "Volume BTC-USD"}))
    np.testing.assert_array_equal(bars.volume, frame["volume"])


def test_a_market_that_began_later_reads_from_its_beginning(frame: pd.DataFrame, tmp_path: Path) -> None:
    later = of_market(frame, 0.05).tail(40).reset_index(drop=True)
    table = wide({"BTC-USD": of_market(frame, 1), "SOL-USD": later}, "two levels", tmp_path)
    bars = load_bars(table, market="SOL-USD")
    assert_same(bars, later)
    assert (bars.report.rows, bars.report.bad) == (40, 0)


def test_markets_side_by_side_without_names_are_refused(frame: pd.DataFrame, tmp_path: Path) -> None:
    table = wide({"BTC-USD": of_market(frame, 1), "ETH-USD": of_market(frame, 0.05)}, "two levels", tmp_path)
    table.to_csv(tmp_path / "bars.csv", header=False)
    with pytest.raises(DataError, match="markets side by side; add a header line"):
        load_bars(tmp_path / "bars.csv")


def test_exchanges_of_one_market_are_chosen_as_markets_are(frame: pd.DataFrame) -> None:
    table = long({"Binance": of_market(frame, 1), "Kraken": of_market(frame, 1.0001)}, "exchange").assign(symbol="BTC")
    with pytest.raises(DataError, match=r"column 'exchange' names 2 markets \(Binance, Kraken\)"):
        load_bars(table)
    assert_same(load_bars(table, market="kraken"), of_market(frame, 1.0001))


def test_named_objects_in_a_list_are_markets_and_a_sample_beside_is_none(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "bars.json"
    markets = {"BTC": of_market(frame, 1), "ETH": of_market(frame, 0.05)}
    path.write_text(json.dumps([{"pair": name, "candles": rows_of(bars)} for name, bars in markets.items()]))
    with pytest.raises(DataError, match=r"2 markets \(BTC, ETH\)"):
        load_bars(path)
    assert_same(load_bars(path, market="ETH"), markets["ETH"])
    path.write_text(json.dumps({"bars": rows_of(markets["BTC"]), "newest": rows_of(markets["BTC"])[-1:]}))
    assert_same(load_bars(path), markets["BTC"])


def wide(markets: dict[str, pd.DataFrame], form: str, folder: Path, shuffle: Any = list) -> Any:
    """Markets side by side: as pandas and yfinance hold them, or in files that other programs wrote."""
    columns = [(name.title(), market) for market in markets for name in PLAIN[1:]]
    table = pd.concat([bars.set_index("time")[PLAIN[1:]] for bars in markets.values()], axis=1)
    table = table.set_axis(pd.MultiIndex.from_tuples(columns), axis=1)
    table = table[shuffle(list(table.columns))].rename_axis(index="Date")
    if form == "two levels":
        return table
    if form == "two levels, market first":
        return table.swaplevel(axis=1)
    if form == "as text":
        arrow = pa.Table.from_pandas(table.reset_index().set_axis(["Date", *map(str, table.columns)], axis=1))
        return arrow.replace_schema_metadata(None)
    if form in ("two lines", "two lines, market first"):
        written = table if form == "two lines" else table.swaplevel(axis=1)
        written.rename_axis(columns=["one", "two"]).to_csv(folder / "bars.csv")
        return folder / "bars.csv"
    label = {
        "camel": "{1}{0}",
        "flat": "{0} {1}",
        "market first": "{1} {0}",
        "underscore": "{0}_{1}",
        "small": "{1}.{0}",
    }[form]
    names = [label.format(name.lower() if form == "small" else name, market) for name, market in table.columns]
    table.set_axis(names, axis=1).reset_index().to_csv(folder / "bars.csv", index=False)
    return folder / "bars.csv"


def rows_of(frame: pd.DataFrame) -> list[list[float]]:
    milliseconds = frame["time"].dt.as_unit("ms").astype("int64")
    return frame.assign(time=milliseconds).astype(object).to_numpy().tolist()  # type: ignore[no-any-return]


NAMES = st.one_of(
    st.sampled_from(["BTC-USD", "ETHUSDT", "SOL/USD", "xrpusdt", "BTC", "ETH", "DOGE-EUR"]),
    st.from_regex(r"[A-Z]{3,5}(-USD|/USDT|USDT|_EUR)", fullmatch=True),
)


def apart(names: list[str]) -> bool:
    return len({re.sub("[^A-Z0-9]", "", name.upper()) for name in names}) == len(names)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.data())
def test_every_market_of_a_table_reads_back_to_the_digit(
    data: st.DataObject, frame: pd.DataFrame, tmp_path: Path
) -> None:
    names = data.draw(st.lists(NAMES, min_size=1, max_size=3, unique=True).filter(apart))
    factors = data.draw(st.permutations([1.0, 0.05, 3.0]))
    markets = {name: of_market(frame, factor) for name, factor in zip(names, factors, strict=False)}
    form = data.draw(
        st.sampled_from(
            ["long", "long, by number", "two levels", "two levels, market first", "flat", "market first", "underscore",
             "small", "camel", "as text", "two lines", "two lines, market first", "json"]
        )
    )  # fmt: skip
    if form.startswith("long"):
        if form == "long, by number":
            markets = {
                str(number): bars for number, bars in enumerate(markets.values(), data.draw(st.integers(0, 300)))
            }
        column = data.draw(st.sampled_from(["Asset_ID", "ident", "symbol", "crypto", "what"]))
        table = long(markets, column)
        order = data.draw(st.permutations(list(table.columns)))
        rows = data.draw(st.sampled_from([slice(None), slice(None, None, -1)]))
        table[order].iloc[rows].to_csv(tmp_path / "bars.csv", index=False)
        source: Any = tmp_path / "bars.csv"
    elif form == "json":
        source = tmp_path / "bars.json"
        source.write_text(json.dumps({"data": {name: rows_of(bars) for name, bars in markets.items()}}))
    else:
        source = wide(markets, form, tmp_path, lambda columns: data.draw(st.permutations(columns)))
    if len(markets) == 1:
        assert_same(load_bars(source), next(iter(markets.values())))
        return
    with pytest.raises(DataError) as caught:
        load_bars(source)
    assert all(name in str(caught.value) for name in markets)
    for name, expected in markets.items():
        bars = load_bars(source, market=name)
        assert_same(bars, expected)
        assert bars.report.market == name


def test_a_second_quote_volume_does_not_take_the_name_of_the_first(frame: pd.DataFrame) -> None:
    bars = load_bars(frame.assign(**{"Volume USDT": 7.0 + frame.index % 5}))
    np.testing.assert_array_equal(bars.extra["quote_volume"], frame["quote_volume"])
    np.testing.assert_array_equal(bars.extra["quote_volume_again"], 7.0 + frame.index % 5)


@pytest.mark.parametrize("form", ["flat", "market first", "underscore", "two levels"])
def test_a_market_whose_name_begins_as_that_of_another_is_not_mixed_up(
    form: str, frame: pd.DataFrame, tmp_path: Path
) -> None:
    markets = {"BTC": of_market(frame, 1), "BTC-USD": of_market(frame, 0.05), "USDX": of_market(frame, 2)}
    source = wide(markets, form, tmp_path)
    for name, expected in markets.items():
        assert_same(load_bars(source, market=name), expected)


def test_markets_named_by_numbers_stand_side_by_side(frame: pd.DataFrame) -> None:
    table = pd.concat({number: of_market(frame, number).set_index("time") for number in (1, 6)}, axis=1)
    with pytest.raises(DataError, match=r"the header names 2 markets \(1, 6\)"):
        load_bars(table)
    assert_same(load_bars(table, market="6"), of_market(frame, 6))
