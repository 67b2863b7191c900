"""The README's Python, as it stands: train on one's own bars, and use the model live."""

import json
import re
from contextlib import chdir
from pathlib import Path

import pandas as pd
import pytest

from progressive_market.bars import synthetic_bars

README = (Path(__file__).parents[2] / "README.md").read_text()
TINY = {"PARALLEL_EPISODES": 4, "EPISODE_BARS": 16, "BATCH_SIZE": 32, "UPDATES_PER_EPISODE": 1, "DEVICE": "cpu"}


def code_below(title: str) -> str:
    return re.search(rf"^## {title}\n.*?^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)[1]  # type: ignore[index]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What both pieces of code define, run one after the other beside a file of bars, with a config.json that makes it quick."""
    made = synthetic_bars(6000, seed=1)
    columns = {name: getattr(made, name) for name in ("open", "high", "low", "close", "volume")}
    begin = pd.Timestamp("2024-07-01")
    frame = pd.DataFrame({"time": pd.date_range(begin, periods=6000, freq="h"), **columns})
    defined: dict[str, object] = {"print": lambda _: None}
    with chdir(tmp_path_factory.mktemp("readme")):
        frame.to_parquet("btcusdt_1h.parquet")
        Path("config.json").write_text(json.dumps(TINY))
        for title in ("Train on your own bars from Python", "Use it live"):
            exec(compile(code_below(title), title, "exec"), defined)
    return defined


def test_it_trains_on_own_bars(names) -> None:
    result = names["result"]
    assert result.verdict
    assert result.test.loc[0, "strategy"] == "Medium"
    assert 0 < len(result.episodes) <= 100  # early stopping


def test_it_is_used_live(names) -> None:
    answer, model = names["answer"], names["model"]
    assert (answer.action, answer.reason, answer.warnings) == ("flat", model.reason, ())
    assert answer.time == pd.Timestamp("2024-07-01", tz="UTC") + pd.Timedelta("5999h")
    assert set(answer.predictions) == set(model.card.horizons)
    rows = names["strategy"].trajectory(names["bars"])
    assert len(rows) == 6000
    assert rows["equity"].iloc[-1] > 0
