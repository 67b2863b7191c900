"""What a bucket says of the data before anything trains."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import structlog
from attrs import evolve

from progressive_app.config.resolve import defaults
from progressive_market.bars import synthetic_bars
from progressive_market.bars.leaks import leak_check
from progressive_market.bars.leaks.leak_targets import further_targets, targets_of
from progressive_training import BucketInfo, DataError, MarketBucket, Resources

BUCKET = MarketBucket(name="Swing", horizons=(1, 6, 24))


def frame(count: int = 3000) -> pd.DataFrame:
    random = np.random.default_rng(3)
    close = 40_000 * np.exp(np.cumsum(0.004 * random.standard_normal(count)))
    opened = np.concatenate([[40_000.0], close[:-1]])
    return pd.DataFrame(
        {
            "time": pd.date_range("2021-01-01", periods=count, freq="h"),
            "open": opened,
            "high": np.maximum(opened, close) * 1.001,
            "low": np.minimum(opened, close) * 0.999,
            "close": close,
            "volume": random.lognormal(2, 1, count),
        }
    )


def check(data: pd.DataFrame | None, folder: Path, **settings: Any) -> list[Any]:
    """Check `data` (or the synthetic market) as a run would, and return what was logged."""
    file = None
    if data is not None:
        file = folder / "bars.csv"
        data.to_csv(file, index=False)
    info = BucketInfo(
        name=BUCKET.name,
        horizons=BUCKET.horizons,
        sequence=(BUCKET.name,),
        episodes=10,
        seed=7,
        run_dir=folder,
        settings={**defaults(), "DATA": file, **settings},
    )
    with structlog.testing.capture_logs() as logs:
        BUCKET.check(info, Resources(device="cpu", parallel_episodes=16, batch_size=64))
    return logs


def test_clean_bars_get_one_line_with_the_whole_report_and_two_to_be_shown(tmp_path: Path) -> None:
    line, *shown = check(frame(), tmp_path)
    assert (line["event"], line["log_level"]) == ("bars read", "info")
    assert (line["bars"], line["interval_seconds"], line["gaps"]) == (3000, 3600.0, 0)
    assert [each["event"] for each in shown] == [
        "bars: 3,000 of 1h from 2021-01-01 00:00 to 2021-05-05 23:00 UTC",
        "features: log_return, absolute_return, volume, range, lean",
    ]
    assert all(each["show"] and each["log_level"] == "info" for each in shown)


def test_what_cleaning_found_is_a_warning(tmp_path: Path) -> None:
    *_, line = check(frame().drop(index=range(1000, 1010)), tmp_path)
    assert line["log_level"] == "warning"
    assert line["event"] == "bars: 1 gap (10 bars missing, the longest 10 from 2021-02-11 16:00 UTC)"


def test_a_synthetic_market_is_a_warning(tmp_path: Path) -> None:
    lines = check(None, tmp_path, SYNTHETIC_BARS=3000)
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == [lines[-1]["event"]]
    assert "synthetic" in lines[-1]["event"]


def test_too_few_bars_are_refused_by_the_name_of_their_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"^{tmp_path}/bars.csv: .*Swing"):
        check(frame(300), tmp_path)


def test_an_average_may_begin_with_blanks(tmp_path: Path) -> None:
    data = frame()
    line, *_ = check(data.assign(sma=data["close"].rolling(200).mean()), tmp_path)
    assert line["filled_extra"] == 0


def test_another_horizon_is_asked_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, evidence = [], leak_check.leak_evidence
    monkeypatch.setattr(leak_check, "leak_evidence", lambda *about: asked.append(about) or evidence(*about))
    bars = frame(2998)
    check(bars, tmp_path)
    further, alone = [], leak_check.explained_alone
    monkeypatch.setattr(leak_check, "explained_alone", lambda *about: further.append(about[-1].names) or alone(*about))
    monkeypatch.setitem(globals(), "BUCKET", evolve(BUCKET, horizons=(1, 6, 30)))
    check(bars, tmp_path)
    check(bars, tmp_path)
    assert len(asked) == 1 and further == [("the return of bar t + 30", "the return of the next 30 bars")]


def test_what_a_further_horizon_asks_is_what_it_would_ask_at_first(tmp_path: Path) -> None:
    bars, rows = synthetic_bars(3000, 0), np.arange(100, 2900)
    whole, known = targets_of(bars, rows, (1, 6, 8, 40)), targets_of(bars, rows, ())
    further = further_targets(bars, rows, (1, 6, 8, 40))
    assert {*known.names, *further.names} == {*whole.names} and not {*known.names} & {*further.names}
    place = [whole.names.index(name) for name in further.names]
    assert np.allclose(whole.values[:, place], further.values, rtol=1e-9, atol=1e-15)
    assert (whole.horizons[place] == further.horizons).all() and (whole.known[:, place] == further.known).all()


def test_of_bars_that_we_made_up_only_what_others_add_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = synthetic_bars(3000, 0)
    asked: list[list[str]] = []
    monkeypatch.setattr(leak_check, "exact_copies", lambda bars, columns: asked.append([*columns]) or iter(()))
    leak_check.check_leaks(bars, lambda part: part.close)
    leak_check.check_leaks(evolve(bars, extra={"own": np.roll(bars.close, 5)}), lambda part: part.close)
    leak_check.check_leaks(evolve(bars, synthetic=False), lambda part: part.close)
    assert asked == [["own"], ["volume"]]
    with pytest.raises(DataError, match="see later bars"):
        leak_check.check_leaks(bars, lambda part: np.roll(part.close, -1))


def test_bars_without_a_leak_are_asked_once_and_others_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, evidence = [], leak_check.leak_evidence
    monkeypatch.setattr(leak_check, "leak_evidence", lambda *about: asked.append(about) or evidence(*about))
    bars = frame(2999)
    leak = bars["close"].shift(-2).ffill() / bars["close"]
    check(bars, tmp_path)
    check(bars, tmp_path, LEARNING_RATE=0.01)
    assert len(asked) == 1
    check(bars.assign(label=leak), tmp_path, ALLOW_LEAK=["label"])
    logs = check(bars.assign(label=leak), tmp_path, ALLOW_LEAK=["label"])
    assert len(asked) == 3 and any("knows the future" in line["event"] for line in logs)
    with pytest.raises(DataError, match="label"):
        check(bars.assign(label=leak), tmp_path)
