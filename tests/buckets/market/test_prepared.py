"""A market is made once in a run: kept in memory where it is small, mapped from a file of the cache where it is large."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve

from progressive_market.bars import configured_bars
from progressive_market.bars.kept.array_file import map_arrays
from progressive_market.bucket_market import configured_market, market_on, with_columns
from progressive_market.market import Market
from progressive_market.prepared import run_memory, shared_market
from progressive_market.prepared.run_memory import RunMemory
from progressive_training import BucketInfo, Resources, resolve

SETTINGS = {"SYNTHETIC_BARS": 3_000, "SEED": 3, "BORROW": 0.1}


def info_of(prepared: dict[Any, Any] | None, name: str = "Swing", longest: int = 24, **settings: Any) -> BucketInfo:
    chosen = resolve(None, SETTINGS | settings)
    return BucketInfo(
        name=name,
        horizons=(1, longest),
        sequence=(name,),
        episodes=1,
        seed=1,
        run_dir=Path(),
        settings=chosen,
        prepared=prepared,
    )


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    return Resources(
        device="cpu", parallel_episodes=4, batch_size=32, cache_dir=tmp_path / "cache", cache_bytes=10_000_000
    )


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is small enough for memory."""
    for module in (run_memory, shared_market):
        monkeypatch.setattr(module, "LARGEST", 0)


def market_for(info: BucketInfo, resources: Resources) -> Market:
    return configured_market(info, resources)[0]


def files(resources: Resources) -> list[Path]:
    assert resources.cache_dir is not None
    return list(resources.cache_dir.glob("*.arrays"))


def same(one: Market, other: Market) -> bool:
    left, right = (shared_market.market_arrays(each) for each in (one, other))
    plain = [evolve(each, candles=None, measured={}) for each in (one, other)]
    names = (
        "names",
        "interval",
        "history",
        "costs",
        "symbol",
        "ratios",
        "source_interval",
        "feature_plugins",
        "regime_model",
    )
    assert one.candles is not None and other.candles is not None
    return (
        left.keys() == right.keys()
        and all(np.array_equal(left[name], right[name]) and left[name].dtype == right[name].dtype for name in left)
        and all(getattr(plain[0], name) == getattr(plain[1], name) for name in names)
        and one.candles.digest == other.candles.digest
    )


def test_a_run_makes_it_once_and_without_one_it_is_the_same(resources: Resources) -> None:
    prepared: dict[Any, Any] = {}
    first, again = (market_for(info_of(prepared), resources) for _ in range(2))
    alone = market_for(info_of(None), resources)
    assert first.features.data_ptr() == again.features.data_ptr() != alone.features.data_ptr()
    assert same(first, again) and same(first, alone)
    assert resources.cache_dir is not None and not resources.cache_dir.exists(), "a small one is in memory"


def test_another_split_other_costs_and_other_bars_are_other_markets(resources: Resources) -> None:
    prepared: dict[Any, Any] = {}
    usual = market_for(info_of(prepared), resources)
    for other in ({"longest": 30}, {"FEE": 0.01}, {"SEED": 4}, {"FILL_MINUTES": 11}):
        market = market_for(info_of(prepared, **other), resources)
        assert market.features.data_ptr() != usual.features.data_ptr()
        assert same(market, market_for(info_of(None, **other), resources))
        assert market.measured is not usual.measured


def test_features_are_computed_once_for_all_splits_of_the_same_bars(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    compute = shared_market.features_of
    monkeypatch.setattr(shared_market, "features_of", lambda bars: made.append(1) or compute(bars))
    prepared: dict[Any, Any] = {}
    markets = [market_for(info_of(prepared, longest=longest), resources) for longest in (24, 30, 60)]
    assert len(made) == 1
    for market, longest in zip(markets, (24, 30, 60), strict=True):
        assert same(market, market_for(info_of(None, longest=longest), resources))
    market_for(info_of(prepared, SEED=4), resources)
    assert len(made) == 5


def test_what_is_measured_on_it_is_measured_once(resources: Resources) -> None:
    prepared: dict[Any, Any] = {}
    asked = []
    for _ in range(2):
        market = market_for(info_of(prepared), resources)
        assert market.once("count", lambda: asked.append(1) or len(asked)) == 1
    assert market_for(info_of(None), resources).once("count", lambda: 2) == 2


@pytest.mark.usefixtures("large")
def test_a_large_one_is_mapped_from_the_cache_which_other_processes_share(resources: Resources) -> None:
    first = market_for(info_of({}), resources)  # another run, as in another process
    (file,) = files(resources)
    written = file.stat().st_mtime_ns
    prepared: dict[Any, Any] = {}
    second, third = (market_for(info_of(prepared), resources) for _ in range(2))
    assert file.stat().st_mtime_ns == written, "nobody wrote it again"
    assert same(first, second) and same(second, third) and same(first, market_for(info_of(None), resources))
    second.features[0] = 7.0  # copy on write: what one process does to its pages is its own
    assert not torch.equal(second.features[0], third.features[0])
    assert third.features.data_ptr() % 64 == 0
    assert not run_memory.memory_of(info_of(prepared)).large


@pytest.mark.usefixtures("large")
def test_of_several_that_want_it_at_once_one_makes_it(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    made, make = [], shared_market.open_market
    monkeypatch.setattr(shared_market, "open_market", lambda *asked, **more: made.append(1) or make(*asked, **more))
    with ThreadPoolExecutor(3) as workers:
        markets = list(workers.map(lambda _: market_for(info_of({}), resources), range(3)))
    assert (len(made), len(files(resources))) == (1, 1)
    assert all(same(markets[0], each) for each in markets[1:])


@pytest.mark.usefixtures("large")
def test_regimes_are_mapped_too_and_each_detector_has_a_file_of_its_own(resources: Resources) -> None:
    markets = [
        market_for(info_of({}, REGIMES=name, REGIME_COUNT=count), resources)
        for name, count in (("hmm", 2), ("hmm", 2), ("hmm", 3), ("quantile", 3), (None, 2))
    ]
    assert len(files(resources)) == 4
    assert same(markets[0], markets[1])
    assert [None if each.regimes is None else each.regimes.shape[1] for each in markets] == [2, 2, 3, 3, None]
    assert [each.regime_model and each.regime_model.name for each in markets] == ["hmm"] * 3 + ["quantile", None]
    assert torch.equal(markets[0].features, markets[4].features)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("harm", ["cut", "changed", "header", "emptied", "no header", "of another market"])
def test_a_damaged_file_is_made_anew(harm: str, resources: Resources) -> None:
    sound = market_for(info_of({}), resources)
    (file,) = files(resources)
    content = file.read_bytes()
    file.unlink()
    changed = content[:-200] + bytes([content[-200] ^ 1]) + content[-199:]
    if harm == "of another market":
        market_for(info_of({}, SYNTHETIC_BARS=3_100), resources)
        files(resources)[0].rename(file)
    else:
        header = content.replace(b"], 0]", b"], 8]", 1)
        assert header != content
        harms = {"cut": content[:-64], "changed": changed, "header": header, "emptied": b"", "no header": b"\0" * 99}
        file.write_bytes(harms[harm])
    assert same(market_for(info_of({}), resources), sound)
    if harm != "of another market":
        assert file.read_bytes() == content


@pytest.mark.usefixtures("large")
def test_without_room_on_disk_it_is_made_again(resources: Resources) -> None:
    small = evolve(resources, cache_bytes=1_000)
    assert same(market_for(info_of({}), small), market_for(info_of(None), small))
    assert not files(small)
    none = evolve(resources, cache_dir=None)
    assert same(market_for(info_of({}), none), market_for(info_of(None), none))


@pytest.mark.usefixtures("large")
def test_what_nobody_used_for_an_hour_makes_room(resources: Resources) -> None:
    assert resources.cache_dir is not None
    market_for(info_of({}), resources)
    (older,) = files(resources)
    tight = evolve(resources, cache_bytes=older.stat().st_size + 1_000)
    market_for(info_of({}, FEE=0.01), tight)
    assert files(resources) == [older], "it is in use"
    os.utime(older, (1_000, 1_000))
    market_for(info_of({}, FEE=0.01), tight)
    assert len(files(resources)) == 1 and not older.exists()


def test_bars_that_a_bucket_read_itself_are_known_again(resources: Resources) -> None:
    prepared: dict[Any, Any] = {}
    info = info_of(prepared)
    markets = []
    for _ in range(2):
        bars = with_columns(configured_bars(info.settings), info.settings)
        markets.append(market_on(bars, info, "cpu")[0])
    assert markets[0].features.data_ptr() == markets[1].features.data_ptr()
    assert same(markets[0], market_for(info_of(None), resources))


def test_memory_keeps_what_was_used_last_within_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_memory, "MOST_BYTES", 100)
    monkeypatch.setattr(run_memory, "LARGEST", 40)
    memory = RunMemory(lasts=True)
    assert not memory.keep("too large", object(), 41)
    for name in ("a", "b"):
        assert memory.keep(name, name, 40)
    assert memory.recent("a") == "a"
    memory.keep("c", "c", 40)
    assert [memory.recent(name) for name in ("a", "b", "c")] == ["a", None, "c"]
    assert not RunMemory(lasts=False).keep("a", "a", 1)


def test_a_file_that_names_another_type_is_refused(tmp_path: Path) -> None:
    header = b'{"arrays": {"times": ["object", [1], 0]}}\n'
    (tmp_path / "file").write_bytes(b"0" * 64 + b"\n" + header + b"\0" * 64)
    with pytest.raises(ValueError, match="an array of object"):
        map_arrays(tmp_path / "file")
