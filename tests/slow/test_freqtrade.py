"""What `export --to freqtrade` writes, backtested by freqtrade itself, without a network."""

import json
from contextlib import chdir
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from progressive_front.cli import main
from progressive_training import load_model
from progressive_training.market import synthetic_bars

pytest.importorskip("freqtrade", reason="needs an environment of its own: .ci/slow")
pytestmark = pytest.mark.slow

TINY = {
    "DEVICE": "cpu",
    "SEQUENCE": ["Scalping"],
    "HORIZON_RANGE": [2, 24],
    "EPISODES": 2,
    "DATA": "bars.csv",
    "FEE": 0.0001,
    "SLIPPAGE": 0.0001,
    "CAPITAL_ALLOCATION": 0.9,
}


def exported(directory: Path, sides: str) -> tuple[Path, pd.DataFrame]:
    """What the command writes of a tiny run, and the candles that it is tested on."""
    bars = synthetic_bars(6_000, seed=11)
    candles = pd.DataFrame(
        {
            "date": pd.to_datetime(bars.time, utc=True),
            **{name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")},
        }
    )
    with chdir(directory):
        candles.to_csv("bars.csv", index=False)
        Path("config.json").write_text(json.dumps(TINY | {"SIDES": sides}))
        assert main(["--run-dir", "mine", "-p", "no:report", "-p", "no:console"]) == 0
        Path("config.json").unlink()
        assert main(["export", "mine/Scalping", "--to", "freqtrade", "--out", "strategy", "--policy", "strategy"]) == 0
    return directory / "strategy", candles


def backtested(strategy: Path, candles: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """The trades of freqtrade, and what it made of one unit of money. What an exchange would say of its market is given here."""
    from freqtrade.configuration import Configuration
    from freqtrade.data.history import get_datahandler
    from freqtrade.enums import CandleType, RunMode
    from freqtrade.optimize.backtesting import Backtesting
    from freqtrade.resolvers import ExchangeResolver

    given = {
        "config": [str(strategy / "config.json")],
        "strategy_path": str(strategy),
        "user_data_dir": str(strategy.parent),
        "datadir": str(strategy.parent / "data"),
        "export": "none",
    }
    (strategy.parent / "data/futures").mkdir(parents=True)
    config = Configuration(given, RunMode.BACKTEST).get_config()
    (pair,) = config["exchange"]["pair_whitelist"]
    futures = ":" in pair
    exchange = ExchangeResolver.load_exchange(config, validate=False, load_leverage_tiers=False)
    nothing = {"min": 0, "max": None}
    exchange._markets = {
        pair: {
            "symbol": pair,
            "id": pair,
            "base": "BTC",
            "quote": "USDT",
            "settle": "USDT",
            "quoteId": "USDT",
            "type": "swap" if futures else "spot",
            "spot": not futures,
            "swap": futures,
            "future": False,
            "linear": True,
            "active": True,
            "contractSize": 1,
            "precision": {"amount": 1e-8, "price": 1e-8},
            "limits": {"amount": nothing, "price": nothing, "cost": nothing, "leverage": {"max": 1}},
        }
    }
    tier = {"minNotional": 0, "maxNotional": 1e15, "maintenanceMarginRate": 0.0, "maxLeverage": 1, "maintAmt": 0.0}
    exchange._leverage_tiers = {pair: [tier]}
    store = get_datahandler(config["datadir"], "feather").ohlcv_store
    store(pair, config["timeframe"], candles, CandleType.FUTURES if futures else CandleType.SPOT)
    if futures:
        mark = CandleType.from_string(exchange.get_option("mark_ohlcv_price"))
        store(pair, exchange.get_option("mark_ohlcv_timeframe"), candles, mark)
        rates = pd.DataFrame({"date": candles["date"], "funding_rate": 0.0})
        store(pair, exchange.get_option("funding_fee_timeframe"), rates, CandleType.FUNDING_RATE)
    backtesting = Backtesting(config, exchange)
    data, timerange = backtesting.load_bt_data()
    backtesting._load_bt_data_detail()
    backtesting.backtest_one_strategy(backtesting.strategylist[0], data, timerange)
    content = backtesting.all_bt_content["ProgressiveScalping"]
    return content["results"], content["final_balance"] / config["dry_run_wallet"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # freqtrade writes pandas as it was
@pytest.mark.parametrize("sides", ["both", "long"])
def test_freqtrade_trades_on_the_bars_on_which_the_model_does(sides: str, tmp_path: Path, capsys) -> None:
    strategy, candles = exported(tmp_path, sides)
    trades, became = backtested(strategy, candles)
    model = load_model(tmp_path / "mine/models/Scalping", policy="strategy")
    rows = model.trajectory(candles, candles["date"].iloc[model.history])
    side = rows["position"].map({"flat": 0, "long": 1, "short": -1})
    before = side.shift(fill_value=0)
    entries, exits = (rows.index[(side != before) & (each != 0)] for each in (side, before))
    short = side[entries] < 0
    trades = trades.sort_values("open_date")
    by_signal = trades[trades["exit_reason"] == "exit_signal"]
    with capsys.disabled():
        print(
            f"\n{sides}: {len(entries)} entries, of freqtrade {len(trades)}, the same "
            f"{len(set(entries) & set(trades['open_date']))}; {short.sum()} short; 1 became {rows['equity'].iloc[-1]:.6f} and {became:.6f}"
        )
    assert len(entries) > 20 and short.any() == (sides == "both")
    assert list(trades["open_date"]) == list(entries) and list(trades["is_short"]) == list(short)
    assert list(by_signal["close_date"]) == list(exits)[: len(by_signal)]
    assert len(trades) - len(by_signal) <= 1  # what is open at the end is sold on the last candle
    assert np.isclose(became, rows["equity"].iloc[-1], rtol=1e-3)
