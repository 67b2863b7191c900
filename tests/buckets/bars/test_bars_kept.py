"""Cleaned bars that are kept on disk: the same bars, whole to the bit, or the file is read again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from structlog.testing import capture_logs

from progressive_market.bars import Bars, bars_of_bucket
from progressive_market.bars.kept.array_file import read_arrays, write_arrays
from progressive_market.prepared.shared_market import arrays_of
from progressive_training import BucketInfo, Resources, resolve

Read = Callable[..., Bars]


def same(one: Bars, other: Bars) -> bool:
    left, right = arrays_of(one), arrays_of(other)
    return (
        list(left) == list(right)
        and all(np.array_equal(left[name], right[name], equal_nan=left[name].dtype.kind == "f") for name in left)
        and (one.interval, one.report, one.synthetic) == (other.interval, other.report, other.synthetic)
    )


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def read(tmp_path: Path, cache: Path) -> Read:
    """Reads the bars of a file as a bucket does, outside of a run."""

    def of_bucket(file: Path, most: int = 10**6, **settings: Any) -> Bars:
        info = BucketInfo(
            name="Short",
            horizons=(1,),
            sequence=("Short",),
            episodes=1,
            seed=1,
            run_dir=tmp_path,
            settings=resolve(None, {"DATA": str(file), **settings}),
        )
        resources = Resources(device="cpu", parallel_episodes=1, batch_size=1, cache_dir=cache, cache_bytes=most)
        return bars_of_bucket(info, resources)

    return of_bucket


def test_kept_bars_are_the_same_bars(file: Path, cache: Path, read: Read) -> None:
    first = read(file)
    assert len(list(cache.iterdir())) == 1
    second = read(file)
    assert same(first, second)
    assert second.close.flags.writeable
    read(file, FREQUENCY="4h")
    assert len(list(cache.iterdir())) == 2


def test_kept_bars_are_those_of_one_market(frame: pd.DataFrame, tmp_path: Path, cache: Path, read: Read) -> None:
    path = tmp_path / "bars.csv"
    both = [frame.assign(symbol="BTC"), frame.assign(symbol="ETH", close=frame["open"])]
    pd.concat(both).sort_values("time", kind="stable").to_csv(path, index=False)
    for market, column in (("BTC", "close"), ("ETH", "open"), ("BTC", "close")):
        bars = read(path, MARKET=market)
        assert np.array_equal(bars.close, frame[column])
        assert bars.report.market == market
    assert len(list(cache.iterdir())) == 2


def test_kept_bars_keep_what_has_no_value(frame: pd.DataFrame, tmp_path: Path, read: Read) -> None:
    average = frame["close"].rolling(20).mean()
    frame.assign(sma=average).to_csv(tmp_path / "bars.csv", index=False)
    first, second = (read(tmp_path / "bars.csv") for _ in range(2))
    assert same(first, second)
    np.testing.assert_array_equal(np.isnan(second.extra["sma"]), average.isna())


def test_kept_bars_save_the_reading(file: Path, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read(file)
    monkeypatch.setattr("progressive_market.bars.load.read", pytest.fail)
    assert same(read(file), first)


def test_a_changed_file_is_read_anew(file: Path, frame: pd.DataFrame, read: Read) -> None:
    read(file)
    frame.head(60).to_csv(file, index=False)
    assert len(read(file)) == 60


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]


@pytest.mark.parametrize("damage", [lambda content: content[:-100], lambda content: b"", lambda content: b"x" * 500])
def test_a_damaged_cache_is_read_over_and_written_anew(file: Path, cache: Path, read: Read, damage: Any) -> None:
    first = read(file)
    kept = next(cache.iterdir())
    whole = kept.read_bytes()
    kept.write_bytes(damage(whole))
    assert same(read(file), first)
    assert kept.read_bytes() == whole


def test_a_flipped_bit_is_found_wherever_it_is(file: Path, cache: Path, read: Read) -> None:
    first = read(file)
    kept = next(cache.iterdir())
    whole = kept.read_bytes()
    for place in (0, 64, 65, 80, 150, *range(200, len(whole), len(whole) // 12), len(whole) - 1):
        kept.write_bytes(_flipped(whole, place))
        with capture_logs() as events:
            assert same(read(file), first), place
        assert any("kept bars are damaged" in event["event"] for event in events), place
        assert kept.read_bytes() == whole


def test_bars_kept_under_another_name_are_read_anew(file: Path, cache: Path, read: Read) -> None:
    first = read(file)
    kept = next(cache.iterdir())
    read(file, FREQUENCY="4h")
    (other,) = (each for each in cache.iterdir() if each != kept)
    other.replace(kept)
    assert same(read(file), first)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: {"close": arrays["close"][:-1]},
        lambda arrays: {"close": -arrays["close"]},
        lambda arrays: {"time": arrays["time"][::-1].copy()},
        lambda arrays: {"volume": arrays["volume"].astype("float32")},
        lambda arrays: {"segment": arrays["segment"] * 0 - 5 + np.arange(len(arrays["segment"]), dtype=np.int32) * 2},
    ],
    ids=["short", "negative", "backward", "other type", "segments"],
)
def test_kept_bars_that_are_none_are_read_anew(file: Path, cache: Path, read: Read, change: Any) -> None:
    """A run may come from a stranger, cache and all."""
    first = read(file)
    kept = next(cache.iterdir())
    about, arrays = read_arrays(kept)
    kept.unlink()
    assert write_arrays(kept, {**arrays, **change(arrays)}, 10**6, about)
    assert same(read(file), first)


def test_the_cache_keeps_to_its_bound(file: Path, cache: Path, read: Read) -> None:
    for frequency in (None, "2h", "4h", "1h"):
        read(file, 25_000, FREQUENCY=frequency)
        assert sum(path.stat().st_size for path in cache.iterdir()) <= 25_000
    assert 1 <= len(list(cache.iterdir())) < 4
