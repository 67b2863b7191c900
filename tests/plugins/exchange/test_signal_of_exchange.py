"""`signal --exchange`: the bars that a model asks for, of an exchange."""

import json
from contextlib import chdir
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from loopback import BEGIN, HOUR

from progressive_front.cli import main
from progressive_training import load_model
from progressive_training.market import synthetic_bars

TINY = {
    "SEQUENCE": ["Scalping"],
    "EPISODES": 1,
    "DATA": "trained.csv",
    "PARALLEL_EPISODES": 4,
    "EPISODE_BARS": 16,
    "BATCH_SIZE": 32,
    "UPDATES_PER_EPISODE": 1,
    "DEVICE": "cpu",
}
COUNT = 3_000


def bars() -> pd.DataFrame:
    made = synthetic_bars(COUNT, seed=0)
    columns = {name: getattr(made, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"time": pd.to_datetime(made.time), **columns})


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("workplace")
    with chdir(directory):
        bars().assign(symbol="BTCUSDT").to_csv("trained.csv", index=False)
        Path("config.json").write_text(json.dumps(TINY))
        assert main(["--run-dir", "mine", "-p", "no:report", "-p", "no:console"]) == 0
    return directory


def test_an_exchange_gives_what_a_file_of_the_same_bars_gives(
    exchanges: Any, workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workplace)
    table = bars()
    table["time"] = table["time"].astype("datetime64[ms]").astype("int64")
    rows = table.to_numpy().tolist()
    exchanges.hours = COUNT
    exchanges.bars = lambda base, since, limit: (
        rows[-limit:] if since is None else [row for row in rows if row[0] >= since][:limit]
    )
    now = (BEGIN + COUNT * HOUR - 60_000) * 1_000_000  # the last one is forming
    monkeypatch.setattr("progressive_market.serving.served_bars.time_ns", lambda: now)
    monkeypatch.setattr("progressive_front.commands.show_signal.time_ns", lambda: now)
    history = load_model("mine/models/Scalping").history
    bars()[-history - 1 : -1].assign(symbol="BTC/USDT").to_csv("now.csv", index=False)
    capsys.readouterr()
    assert main(["signal", "mine", "--json", "--data", "now.csv"]) == 0
    expected = json.loads(capsys.readouterr().out)
    for symbol in ([], ["--symbol", "BTC/USDT"]):
        assert main(["signal", "mine", "--json", "--exchange", "binance", *symbol]) == 0
        assert json.loads(capsys.readouterr().out) == expected
    assert expected[0]["bars"] == history and expected[0]["market"] == "BTC/USDT" and expected[0]["warnings"] == []
    assert main(["signal", "mine", "--exchange", "binance"]) == 0
    assert "closed bars of BTC/USDT in binance, from" in " ".join(capsys.readouterr().out.split())
    assert main(["signal", "mine", "--exchange", "binance", "--symbol", "XRP/USDT"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--symbol XRP/USDT: binance has no such market" in line
