"""What `export --to freqtrade` writes, run by freqtrade itself without a network: its backtesting, and its bot in a dry run."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from progressive_front.cli import main
from progressive_training import load_model
from progressive_training.market import synthetic_bars

pytest.importorskip("freqtrade", reason="needs an environment of its own: .ci/slow")
time_machine = pytest.importorskip("time_machine", reason="needs an environment of its own: .ci/slow")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # freqtrade writes pandas as it was
]

TINY = {
    "DEVICE": "cpu",
    "SEQUENCE": ["Scalping", "Short", "Committee"],
    "HORIZON_RANGE": [2, 24],
    "EPISODES": 2,
    "DATA": "bars.csv",
    "REGIMES": "hmm",
    "FEE": 0.0001,
    "SLIPPAGE": 0.0001,
    "CAPITAL_ALLOCATION": 0.9,
}
RIDGE = {"SEQUENCE": ["Ridge"], "EPISODES": 8, "RIDGE_PENALTY": 10.0}
"""By which the ridge regression trades on these bars."""
CANDLES = 100
"""That the bot sees come."""
SIGNS = {"flat": 0, "long": 1, "short": -1}


@pytest.fixture(scope="module")
def _ridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The example of a bucket with a learner of its own, installed."""
    package = Path(__file__).parents[2] / "examples/ridge_bucket"
    site = tmp_path_factory.mktemp("site")
    (site / "ridge_bucket-0.1.dist-info").mkdir()
    (site / "ridge_bucket-0.1.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: ridge-bucket\nVersion: 0.1\n"
    )
    points = "[progressive_training.buckets]\nRidge = ridge_bucket.bucket:bucket\n"
    (site / "ridge_bucket-0.1.dist-info/entry_points.txt").write_text(points)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(package)
        patch.syspath_prepend(site)
        yield
    for name in [each for each in sys.modules if each.startswith("ridge_bucket")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def candles() -> pd.DataFrame:
    bars = synthetic_bars(6_000, seed=11)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"date": pd.to_datetime(bars.time, utc=True), **columns})


@pytest.fixture(scope="module")
def exported(
    _ridge: None, candles: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Path]:
    """`exported(bucket, sides)`: the directory that the command writes, of a run that is trained when it is first needed."""
    runs: dict[tuple[str, bool], Path] = {}

    def export(bucket: str, sides: str) -> Path:
        own = RIDGE if bucket == "Ridge" else {}
        run = runs.get((sides, not own))
        if run is None:
            run = runs[sides, not own] = tmp_path_factory.mktemp(sides)
            with chdir(run):
                candles.to_csv("bars.csv", index=False)
                Path("config.json").write_text(json.dumps(TINY | own | {"SIDES": sides}))
                assert main(["--run-dir", "mine", "-p", "no:report", "-p", "no:console"]) == 0
                Path("config.json").unlink()
        with chdir(run):
            if not Path(bucket).exists():
                words = ["--to", "freqtrade", "--out", bucket, "--policy", "strategy"]
                assert main(["export", f"mine/{bucket}", *words]) == 0
        return run / bucket

    return export


def configured(strategy: Path, mode: str, directory: Path) -> dict[str, Any]:
    """What freqtrade makes of the configuration that was exported."""
    from freqtrade.configuration import Configuration
    from freqtrade.enums import RunMode

    given = {
        "config": [str(strategy / "config.json")],
        "strategy_path": str(strategy),
        "user_data_dir": str(directory),
        "datadir": str(directory / "data"),
        "db_url": f"sqlite:///{directory / 'trades.sqlite'}",
        "export": "none",
    }
    (directory / "data/futures").mkdir(parents=True)
    config: dict[str, Any] = Configuration(given, RunMode(mode)).get_config()
    return config


def changes(rows: pd.DataFrame) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex, list[bool]]:
    """The bars at whose open a trajectory enters, those at whose open it leaves, and which entries are short."""
    side = rows["position"].map(SIGNS)
    before = side.shift(fill_value=0)
    entries, exits = (rows.index[(side != before) & (each != 0)] for each in (side, before))
    return entries, exits, list(side[entries] < 0)


def backtested(
    strategy: Path, candles: pd.DataFrame, directory: Path, binance: Callable[..., Any]
) -> tuple[pd.DataFrame, float]:
    """The trades of freqtrade's backtesting, and what it made of one unit of money."""
    from freqtrade.data.history import get_datahandler
    from freqtrade.enums import CandleType
    from freqtrade.optimize.backtesting import Backtesting
    from freqtrade.resolvers import ExchangeResolver

    config = configured(strategy, "backtest", directory)
    (pair,) = config["exchange"]["pair_whitelist"]
    futures = ":" in pair
    exchange = ExchangeResolver.load_exchange(config, validate=False, load_leverage_tiers=False)
    exchange._markets = {pair: binance(candles, pair).market}
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
    Backtesting.cleanup()
    (content,) = backtesting.all_bt_content.values()
    return content["results"], content["final_balance"] / config["dry_run_wallet"]


@pytest.mark.parametrize(
    ("bucket", "sides"), [("Scalping", "both"), ("Scalping", "long"), ("Committee", "both"), ("Ridge", "both")]
)
def test_freqtrade_trades_on_the_bars_on_which_the_model_does(
    bucket: str,
    sides: str,
    exported: Callable[[str, str], Path],
    candles: pd.DataFrame,
    tmp_path: Path,
    binance: Callable[..., Any],
    capsys,
) -> None:
    strategy = exported(bucket, sides)
    trades, became = backtested(strategy, candles, tmp_path, binance)
    model = load_model(strategy / "model", policy="strategy")
    rows = model.trajectory(candles, candles["date"].iloc[model.history])
    entries, exits, short = changes(rows.iloc[:-1])  # on the last candle freqtrade enters nothing
    trades = trades.sort_values("open_date")
    by_signal = trades[trades["exit_reason"] == "exit_signal"]
    with capsys.disabled():
        print(
            f"\nbacktesting {bucket} {sides}: {len(entries)} entries, of freqtrade {len(trades)}, the same "
            f"{len(set(entries) & set(trades['open_date']))}; {sum(short)} short; 1 became {rows['equity'].iloc[-1]:.6f} and {became:.6f}"
        )
    assert len(entries) > 20 and any(short) == (sides == "both")
    assert list(trades["open_date"]) == list(entries) and list(trades["is_short"]) == short
    assert list(by_signal["close_date"]) == list(exits)
    assert len(trades) - len(by_signal) <= 1  # what is open at the end is sold on the last candle
    assert np.isclose(became, rows["equity"].iloc[-1], rtol=1e-3)


@pytest.fixture
def _quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize(
    ("bucket", "sides"), [("Short", "both"), ("Short", "long"), ("Committee", "both"), ("Ridge", "both")]
)
def test_the_bot_of_freqtrade_decides_as_the_model_candle_by_candle(
    bucket: str,
    sides: str,
    exported: Callable[[str, str], Path],
    candles: pd.DataFrame,
    tmp_path: Path,
    binance: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys,
) -> None:
    from freqtrade.enums import State
    from freqtrade.exchange import Exchange
    from freqtrade.freqtradebot import FreqtradeBot
    from freqtrade.persistence import Trade

    strategy = exported(bucket, sides)
    config = configured(strategy, "dry_run", tmp_path)
    config["exchange"]["enable_ws"] = False
    (pair,) = config["exchange"]["pair_whitelist"]
    monkeypatch.setattr(Exchange, "_init_ccxt", binance(candles, pair).api)
    monkeypatch.setattr(Exchange, "check_time_offset", lambda _: None)
    model = load_model(strategy / "model", policy="strategy")
    begin, wanted, bot = model.history + 100, {}, None
    for bar in range(begin, begin + CANDLES):
        with time_machine.travel((candles["date"].iloc[bar] + pd.Timedelta("3s")).to_pydatetime(), tick=False):
            if bar in (begin, begin + CANDLES // 2):  # restarted in the middle, where it may hold something
                if bot is not None:
                    bot.cleanup()
                bot = FreqtradeBot(deepcopy(config))
                bot.state = State.RUNNING
                bot.startup()
            for _ in range(2):  # it looks several times a candle
                bot.process()
            frame, _ = bot.dataprovider.get_analyzed_dataframe(pair, config["timeframe"])
            wanted[frame["date"].iloc[-1]] = frame["wanted"].iloc[-1]
    # What is no network of the shared learner is not asked with a position: it has traded all that the bot loaded, and the bot
    # joins what it holds.
    since = candles["date"].iloc[0 if bucket == "Ridge" else begin - 1]
    rows = model.trajectory(candles.iloc[: begin + CANDLES], since)
    differ = [time for time, action in wanted.items() if action != rows["action"][time]]
    rows = rows.loc[candles["date"].iloc[begin] :]
    entries, _, short = changes(rows)
    trades = Trade.get_trades().all()
    opened = [pd.Timestamp(trade.open_date_utc).floor("h") for trade in trades]
    paid = [trade.open_rate for trade in trades]
    gained = sum(trade.close_profit_abs or 0.0 for trade in trades) / config["dry_run_wallet"]
    with capsys.disabled():
        print(
            f"\ndry run {bucket} {sides}: {len(differ)} of {len(wanted)} decisions differ; {len(entries)} entries, of freqtrade "
            f"{len(trades)}, the same {len(set(entries) & set(opened))}; {sum(short)} short; closed trades {100 * gained:+.4f} %"
        )
    assert len(wanted) == CANDLES and not differ
    assert opened == list(entries) and [trade.is_short for trade in trades] == short and len(entries) > 1
    assert paid == pytest.approx(rows["open"][entries].tolist(), rel=1e-9)
    if bucket != "Ridge" and not trades[-1].is_open:
        assert 1 + gained == pytest.approx(rows["equity"].iloc[-1], rel=1e-4)
    bot.cleanup()
