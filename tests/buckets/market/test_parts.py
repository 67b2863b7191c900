"""PARTS: a run trains, validates and tests at given times, and learns nothing from the bars that test it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from progressive_market.bars import sources, synthetic_bars
from progressive_market.bucket_market import check_bucket_market, open_bucket_market
from progressive_market.walk_forward.judged_market import market_with_test
from progressive_training import BucketInfo, ConfigError, DataError, Resources, resolve

BARS, PARTS = 4_000, (500, 1_500, 2_500, 3_500)
RESOURCES = Resources(device="cpu", parallel_episodes=4, batch_size=32)


def frame() -> pd.DataFrame:
    bars = synthetic_bars(BARS, 3)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    time = pd.to_datetime(bars.time, utc=True)
    return pd.DataFrame({"time": time, **columns, "wave": np.sin(np.arange(BARS) / 7), "late": 1.0})


def info_for(file: Path | None, **settings: object) -> BucketInfo:
    times = [f"{time}Z" for time in np.datetime_as_string(np.take(synthetic_bars(BARS, 3).time, PARTS).view("<M8[ns]"))]
    chosen = {"SYNTHETIC_BARS": BARS, "SEED": 3, "DEVICE": "cpu", "PARTS": times, **settings}
    return BucketInfo(
        name="Swing",
        horizons=(1, 24),
        sequence=("Swing",),
        episodes=1,
        seed=1,
        run_dir=Path(),
        settings=resolve(None, chosen | ({"DATA": str(file)} if file else {})),
    )


def test_what_comes_from_the_test_part_on_decides_nothing(tmp_path: Path) -> None:
    written, other = frame(), frame()
    other.loc[PARTS[2] :, ["open", "high", "low", "close"]] *= 1.7
    other.loc[PARTS[2] :, ["volume", "wave"]] = 5.0
    other.loc[PARTS[2] :, "late"] = np.arange(BARS - PARTS[2]) % 3  # was constant, and left out
    markets = []
    for name, table in (("one", written), ("other", other.drop(index=range(2_700, 2_750)))):
        table.to_parquet(tmp_path / name)
        market, split, _ = open_bucket_market(info_for(tmp_path / name), RESOURCES)
        markets.append(market)
        assert (split.train.start, split.validation.start, split.test.start) == PARTS[:3]
        assert len(market.returns) == PARTS[2]
    one, changed = markets
    assert one.names == changed.names
    assert "late" not in one.names
    for name in ("features", "returns", "decidable", "volatility", "segment"):
        assert torch.equal(getattr(one, name), getattr(changed, name))


@pytest.mark.parametrize("from_file", [True, False])
def test_the_test_part_is_read_when_the_bucket_is_judged(from_file: bool, tmp_path: Path) -> None:
    frame().to_parquet(tmp_path / "bars")
    info = info_for(tmp_path / "bars" if from_file else None)
    _, _, evaluator = open_bucket_market(info, RESOURCES)
    always_long = lambda part: torch.ones_like(part.returns)  # noqa: E731
    evaluator.consider(always_long)
    judged = evaluator.evaluate(always_long)
    times = synthetic_bars(BARS, 3).time
    dates = [f"{np.datetime64(int(times[bar]), 'ns').astype('datetime64[s]')}Z" for bar in (PARTS[2], PARTS[3] - 1)]
    assert list(judged.test_dates) == dates
    assert evaluator.card(always_long)["data_until"] == dates[1]
    hold = next(row for row in judged.test if row.strategy == "buy and hold")
    assert judged.test[0].log_return == pytest.approx(hold.log_return, abs=0.01)


def test_data_mb_bounds_the_reading_of_the_test_part_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, bound = [], sources.reading_at_most
    monkeypatch.setattr(sources, "reading_at_most", lambda megabytes: asked.append(megabytes) or bound(megabytes))
    frame().to_parquet(tmp_path / "bars")
    market, split, _ = open_bucket_market(info := info_for(tmp_path / "bars", DATA_MB=7), RESOURCES)
    market_with_test(market, split, info)
    assert asked == [7, 7]


def test_parts_that_hold_too_few_bars_are_refused() -> None:
    info = info_for(None)
    times = [*info.settings["PARTS"][:2], "2020-03-04T00:00:00Z", "2020-05-01"]
    with pytest.raises(DataError, match="Swing: PARTS leaves 0 bars for validation before the 26 that part it"):
        check_bucket_market(info_for(None, PARTS=times), RESOURCES)


@pytest.mark.parametrize(
    "parts",
    [["2020-01-01", "2021-01-01"], ["2021-01-01", "2020-01-01", "2022-01-01", "2023-01-01"], ["a", "b", "c", "d"], 4],
)
def test_parts_are_four_times_in_order(parts: object) -> None:
    with pytest.raises(ConfigError, match="PARTS.*four times in ascending order"):
        resolve(None, {"PARTS": parts})
