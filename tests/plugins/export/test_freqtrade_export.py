"""`export --to freqtrade`, without freqtrade: what is written, and what is refused. `tests/slow` runs it."""

import ast
import json
from pathlib import Path

import pandas as pd
import pytest
from attrs import evolve

from progressive_front.cli import main
from progressive_integrations.freqtrade.strategy_exporter import export
from progressive_training import Export, ModelError, load_model


def asked(out: Path, bucket: str = "Scalping", **card: object) -> Export:
    """Of a model as a run left it, but for these values of its card."""
    file = Path(f"mine/models/{bucket}/model.safetensors")
    model = load_model(file, policy="strategy")
    model.card = evolve(model.card, **card)
    return Export(
        model=model,
        bucket=bucket,
        file=file,
        policy="strategy",
        run_dir=Path("mine"),
        out=out,
        since=None,
        read_bars=pd.DataFrame,
    )


def of_candles(out: Path) -> tuple[str, ...]:
    """The features that remain without the column `mood`."""
    return tuple(name for name in asked(out).model.card.features if name != "mood")


@pytest.mark.parametrize(
    ("symbol", "sides", "pair", "mode"),
    [
        ("BTCUSDT", "both", "BTC/USDT:USDT", "futures"),
        ("eth-eur", "long", "ETH/EUR", "spot"),
        ("", "long", "BTC/USDT", "spot"),
    ],
)
def test_a_strategy_its_model_and_a_configuration_are_written(
    symbol: str, sides: str, pair: str, mode: str, tmp_path: Path
) -> None:
    given = asked(tmp_path, features=of_candles(tmp_path), symbol=symbol)
    given.model.card = evolve(given.model.card, costs=evolve(given.model.card.costs, allowed=sides))
    files = export(given)
    assert set(files) == {"ProgressiveScalping.py", "model/model.safetensors", "config.json"}
    assert (tmp_path / "model/model.safetensors").read_bytes() == given.file.read_bytes()
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["exchange"]["pair_whitelist"] == [pair] and written["trading_mode"] == mode
    assert (written["fee"], written["tradable_balance_ratio"], written["timeframe"]) == (0.0002, 0.8, "1h")
    assert written["dry_run"] and "key" not in written["exchange"]
    strategy = (tmp_path / "ProgressiveScalping.py").read_text()
    ast.parse(strategy)
    assert f"can_short = {sides == 'both'}\n" in strategy and "self.model(bars, self.held(metadata)" in strategy
    assert ("put yours in place of BTC/USDT" in files["config.json"]) == (not symbol)


def test_a_history_that_freqtrade_does_not_load_is_said(tmp_path: Path) -> None:
    for history, said in ((2_494, False), (2_495, True)):
        (tmp_path / str(history)).mkdir()
        files = export(asked(tmp_path / str(history), features=of_candles(tmp_path), history=history))
        assert ("a dry run refuses it, since freqtrade loads 2,494" in files["ProgressiveScalping.py"]) == said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "have time, prices and volume alone, and it was trained with mood too; train on bars without"),
        ({"features": (), "interval_seconds": 420.0}, "its bars of 420 seconds are no candles of freqtrade"),
        ({"features": (), "costs": "rate"}, "have no column 'rate', which FUNDING names"),
    ],
)
def test_what_candles_of_freqtrade_are_not_is_refused(changed: dict[str, object], said: str, tmp_path: Path) -> None:
    given = asked(tmp_path)
    if "costs" in changed:
        changed = {**changed, "costs": evolve(given.model.card.costs, funding_column="rate")}
    given.model.card = evolve(given.model.card, **changed)
    with pytest.raises(ModelError, match=said):
        export(given)
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_a_trajectory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="models of bucket 'Scalping' have no trajectory"):
        export(evolve(asked(tmp_path), model=object()))


def test_the_command_refuses_in_one_line(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert main(["export", "mine/Short", "--to", "freqtrade", "--out", str(out), "--policy", "strategy"]) == 2
    assert "it was trained with mood too" in capsys.readouterr().err and not out.exists()
