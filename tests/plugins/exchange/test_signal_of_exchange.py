"""`signal --exchange`: the bars that a model asks for, of an exchange."""

import json
from pathlib import Path
from typing import Any

import pytest
from loopback import BEGIN, HOUR, TRADED, trade, traded_bars

from progressive_front.cli import main
from progressive_training import load_model


def test_an_exchange_gives_what_a_file_of_the_same_bars_gives(
    exchanges: Any, workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workplace)
    trade(exchanges)
    now = (BEGIN + TRADED * HOUR - 60_000) * 1_000_000  # the last one is forming
    monkeypatch.setattr("progressive_market.serving.served_bars.time_ns", lambda: now)
    monkeypatch.setattr("progressive_front.commands.show_signal.time_ns", lambda: now)
    history = load_model("mine/models/Scalping").history
    traded_bars()[-history - 1 : -1].assign(symbol="BTC/USDT").to_csv("now.csv", index=False)
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
