"""What exchanges answer: their volumes are told apart by the numbers, and what else they send becomes features."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from progressive_market.bars import configured_bars, load_bars

PLAIN = ["time", "open", "high", "low", "close", "volume"]


def epoch(frame: pd.DataFrame, unit: str) -> pd.Series:
    return frame["time"].dt.tz_localize(None).astype(f"datetime64[{unit}]").astype("int64")


def texts(frame: pd.DataFrame) -> list[list[object]]:
    """A row of time in milliseconds, then prices and volume as text."""
    table = frame[PLAIN].assign(time=epoch(frame, "ms")).astype(object).to_numpy().tolist()
    return [[row[0], *(str(value) for value in row[1:])] for row in table]


def objects(frame: pd.DataFrame, names: list[str], values: list[pd.Series | str]) -> list[dict[str, object]]:
    return pd.DataFrame(dict(zip(names, values, strict=True))).to_dict("records")


Of = Callable[[pd.DataFrame], object]
WITH_EXTRAS: dict[str, tuple[set[str], Of]] = {
    "binance": (
        {"quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume"},
        lambda f: [
            [t, *p, str(v), t + 3_599_999, str(q), n, str(v * 0.4), str(q * 0.4), "0"]
            for (t, *p, v), q, n in zip(texts(f), f["quote_volume"], f["trades"].tolist(), strict=True)
            for v in [float(v)]
        ],
    ),
    "kucoin": (
        {"quote_volume"},
        lambda f: [[str(r[0] // 1000), r[1], r[4], r[2], r[3], r[5], str(q)] for r, q in zip(texts(f), f["quote_volume"], strict=True)][::-1],
    ),
    "gate.io": (
        {"quote_volume"},
        lambda f: [[str(r[0] // 1000), str(q), r[4], r[2], r[3], r[1], r[5], "true"] for r, q in zip(texts(f), f["quote_volume"], strict=True)],
    ),
    "huobi": (
        {"quote_volume", "trades"},
        lambda f: {
            "status": "ok",
            "data": objects(
                f,
                ["id", "open", "close", "low", "high", "amount", "vol", "count"],
                [epoch(f, "s"), f["open"], f["close"], f["low"], f["high"], f["volume"], f["quote_volume"], f["trades"]],
            ),
        },
    ),
    "bitmex": (
        {"trades", "last_size"},
        lambda f: objects(
            f,
            ["timestamp", "symbol", "open", "high", "low", "close", "trades", "volume", "lastSize"],
            [
                f["time"].dt.strftime("%Y-%m-%dT%H:%M:%S.000Z"), pd.Series(["XBTUSD"] * len(f)), f["open"], f["high"],
                f["low"], f["close"], f["trades"], f["volume"], f["trades"] % 17,
            ],
        ),
    ),
    "deribit": (
        {"cost"},
        lambda f: {
            "result": {name: f[name].tolist() for name in PLAIN[1:]}
            | {"ticks": epoch(f, "ms").tolist(), "cost": f["quote_volume"].tolist(), "status": "ok"}
        },
    ),
    "symbol and time frame": (
        set(),
        lambda f: [["BTCUSDT", "1h", *row] for row in texts(f)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("exchange", WITH_EXTRAS)
def test_what_else_an_exchange_sends_becomes_features(exchange: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    extras, tree_of = WITH_EXTRAS[exchange]
    (tmp_path / "answer.json").write_text(json.dumps(tree_of(frame)))
    bars = configured_bars({"DATA": str(tmp_path / "answer.json"), "FREQUENCY": None, "FILL_MINUTES": 10})
    np.testing.assert_array_equal(bars.time, epoch(frame, "ns"))
    for name in PLAIN[1:]:
        np.testing.assert_allclose(getattr(bars, name), frame[name], rtol=1e-12, err_msg=name)
    assert set(bars.extra) == extras
    for name in extras & {"quote_volume", "trades"}:
        np.testing.assert_allclose(bars.extra[name], frame[name], rtol=1e-12)


def named(frame: pd.DataFrame, **volumes: pd.Series | int) -> pd.DataFrame:
    """The bars with volumes of other names."""
    return frame[PLAIN[:5]].assign(**volumes)


PAIRS = [
    ("qty", "amount"),
    ("size", "volume"),
    ("VolumeCoin", "Volume"),
    ("baseTokenVolume", "usdVolume"),
    ("coin_volume", "usd_volume"),
    ("amount", "volume"),
    ("quantity", "turnover"),
    ("Volumen BTC", "Volumen EUR"),
]


@pytest.mark.parametrize(("base", "quote"), PAIRS)
@pytest.mark.parametrize("quote_first", [False, True])
def test_the_volume_is_in_the_base_asset_whatever_the_names(
    base: str, quote: str, quote_first: bool, frame: pd.DataFrame
) -> None:
    volumes = {base: frame["volume"], quote: frame["quote_volume"]}
    bars = load_bars(named(frame, **(dict(reversed(volumes.items())) if quote_first else volumes)))
    np.testing.assert_array_equal(bars.volume, frame["volume"])
    np.testing.assert_array_equal(bars.extra["quote_volume"], frame["quote_volume"])
    assert set(bars.extra) == {"quote_volume"}


@pytest.mark.parametrize("contract", [0.01, 100.0])
def test_contracts_are_no_volume_where_coins_and_their_cost_are_given(contract: float, frame: pd.DataFrame) -> None:
    contracts = frame["volume"] / contract
    bars = load_bars(named(frame, vol=contracts, volCcy=frame["volume"], volCcyQuote=frame["quote_volume"]))
    np.testing.assert_array_equal(bars.volume, frame["volume"])
    np.testing.assert_array_equal(bars.extra["quote_volume"], frame["quote_volume"])
    np.testing.assert_array_equal(bars.extra["vol"], contracts)


@pytest.mark.parametrize(
    ("empty", "filled"),
    [
        ("<VOL>", "<TICKVOL>"),
        ("real_volume", "tick_volume"),
        ("volume", "vol"),
        ("Volume", "size"),
        ("base volume", "vol"),
    ],
)
@pytest.mark.parametrize("empty_first", [False, True])
def test_a_volume_of_0_in_all_rows_gives_way_to_one_that_is_not(
    empty: str, filled: str, empty_first: bool, frame: pd.DataFrame
) -> None:
    volumes = {filled: frame["volume"], empty: 0}
    bars = load_bars(named(frame, **(dict(reversed(volumes.items())) if empty_first else volumes)))
    np.testing.assert_array_equal(bars.volume, frame["volume"])
    assert any(empty in note and filled in note for note in bars.report.notes)


@pytest.mark.parametrize("name", ["<TICKVOL>", "tick_volume", "size", "lastSize"])
def test_ticks_and_sizes_beside_a_volume_are_features(name: str, frame: pd.DataFrame) -> None:
    bars = load_bars(named(frame, **{name: frame["trades"]}, volume=frame["volume"]))
    np.testing.assert_array_equal(bars.volume, frame["volume"])
    (extra,) = bars.extra.values()
    np.testing.assert_array_equal(extra, frame["trades"])


def test_a_market_without_trades_has_no_volume(frame: pd.DataFrame) -> None:
    bars = load_bars(named(frame, volume=0, quote_volume=0, tick_volume=0))
    assert not bars.volume.any()


@pytest.mark.parametrize(
    "names",
    [
        ["Datum", "Eröffnung", "Hoch", "Tief", "Schluss", "Volumen"],
        ["Datum", "Eröffnungskurs", "Höchstkurs", "Tiefstkurs", "Schlusskurs", "Volumen"],
        ["Fecha", "Apertura", "Máximo", "Mínimo", "Cierre", "Volumen"],
        ["Fecha", "Apertura", "Máximo", "Mínimo", "Último", "Vol."],
    ],
)
def test_german_and_spanish_headers(names: list[str], frame: pd.DataFrame, tmp_path: Path) -> None:
    table = frame[PLAIN].assign(time=frame["time"].dt.strftime("%d.%m.%Y %H:%M"))
    table.set_axis(names, axis="columns").to_csv(tmp_path / "bars.csv", index=False, sep=";", decimal=",")
    bars = load_bars(tmp_path / "bars.csv")
    for name in PLAIN[1:]:
        np.testing.assert_array_equal(getattr(bars, name), frame[name], err_msg=name)
