"""The account of a judged strategy: its trades, periods and curves are the same money as its performance."""

import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from progressive_market.accounts import strategy_account
from progressive_market.accounts.account_tables import read_table
from progressive_market.accounts.candles import MOST_CANDLES, candles_of
from progressive_market.accounts.part_account import PartAccount, part_account
from progressive_market.accounts.strategy_account import StrategyAccount, account_of
from progressive_market.bars import Bars, synthetic_bars
from progressive_market.fills import Costs
from progressive_market.judging.baselines import Ridge, strategies
from progressive_market.judging.evaluator import MarketEvaluator
from progressive_market.judging.performance import measure
from progressive_market.market import Market, Part, open_market
from progressive_market.split import split_bars
from progressive_training import RunError

BARS, HOUR = 3_000, 3600 * 10**9
SPLIT = split_bars(BARS, 10, 0.2, 0.3, "x")


def bars_with_a_gap(seed: int) -> Bars:
    bars = synthetic_bars(BARS, seed=seed)
    late = np.arange(BARS) >= SPLIT.test.start + 300
    return evolve(bars, time=bars.time + late * 50 * HOUR, segment=late.astype(np.int32))


FEE = Costs(0.001)


def opened(bars: Bars, costs: Costs = FEE) -> Market:
    return open_market(bars, SPLIT, costs, "cpu")


def positions(part: Part, seed: int, mean_length: int = 12) -> torch.Tensor:
    draw = np.random.default_rng(seed)
    sides = draw.integers(-1, 2, len(part))
    return torch.from_numpy(sides[np.cumsum(draw.random(len(part)) < 1 / mean_length)].astype(float))


def accounted(held: torch.Tensor, part: Part, market: Market) -> PartAccount:
    nothing = Ridge(torch.zeros(market.features.shape[1], dtype=torch.float64))
    return part_account(strategies("model", held, part, market, nothing.positions(part, market)), part, market)


def test_no_month_lies_behind_the_last_bar_of_its_part() -> None:
    bars = synthetic_bars(BARS, seed=1)
    first_of_july = np.datetime64("2025-07-01", "ns").astype(np.int64)
    market = opened(evolve(bars, time=bars.time - bars.time[-1] - HOUR + first_of_july))
    part = market.part(SPLIT.test)
    slices = accounted(positions(part, 1), part, market).slices
    assert slices[slices.by == "month"].slice.iloc[-1] == "2025-06"


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    capital=st.sampled_from([0.3, 1.0, 4.0]),
    side=st.sampled_from([0.0, 0.001, 0.02]),
    funding=st.sampled_from([0.0, 0.5]),
    absent=st.booleans(),
)
def test_trades_periods_and_curve_add_up_to_the_profit(
    seed: int, capital: float, side: float, funding: float, absent: bool
) -> None:
    bars = bars_with_a_gap(seed % 5)
    if absent:
        unseen = np.random.default_rng(seed).random(BARS) < 0.1
        bars = evolve(bars, absent=unseen, fills=bars.open)
    market = opened(bars, Costs(side, capital, funding=funding, borrow=funding / 2))
    part = market.part(SPLIT.test)
    did = accounted(positions(part, seed), part, market)
    row = did.performance[0]
    assert np.log1p(did.trades.profit / 100).sum() == pytest.approx(row.log_return, abs=1e-9)
    assert len(did.trades) == row.trades
    for _, periods in did.slices.groupby("by"):
        assert np.log1p(periods.profit / 100).sum() == pytest.approx(row.log_return, abs=1e-9)
        assert (periods.bars.sum(), periods.trades.sum()) == (len(part) - 1, row.trades)
    own = did.equity[did.equity.strategy == "model"]
    assert own.log_equity.iloc[-1] == pytest.approx(row.log_return, abs=1e-9)
    assert own.drawdown.max() == pytest.approx(row.drawdown)
    assert did.costs.net == pytest.approx(100 * math.expm1(row.log_return))
    kept = (1 - did.costs.fees / 100) * (1 - did.costs.charges / 100)
    assert (1 + did.costs.gross / 100) * kept == pytest.approx(1 + did.costs.net / 100)


def test_every_strategy_has_its_own_curve_which_ends_at_its_profit() -> None:
    market = opened(bars_with_a_gap(0))
    part = market.part(SPLIT.validation)
    did = accounted(positions(part, 1), part, market)
    for row in did.performance:
        curve = did.equity[did.equity.strategy == row.strategy]
        assert curve.log_equity.iloc[-1] == pytest.approx(row.log_return)
        assert (curve.kind == row.kind).all()
        assert curve.time.is_monotonic_increasing


def test_a_trade_is_filled_at_the_opens_and_says_why_it_ended() -> None:
    bars = bars_with_a_gap(0)
    market = opened(bars, Costs(0.001))
    part, start = market.part(SPLIT.test), SPLIT.test.start
    held = torch.zeros(len(part), dtype=torch.float64)
    held[10:20], held[20:25], held[290:320], held[880:] = 1, -1, 1, -1
    trades = accounted(held, part, market).trades
    assert trades.reason.tolist() == ["reversed", "decided", "gap", "end of part"]
    assert trades.side.tolist() == ["long", "short", "long", "short"]
    assert trades.bars.tolist() == [10, 5, 10, len(part) - 2 - 880]
    first = trades.iloc[0]
    assert first.entry_time == pd.Timestamp(int(bars.time[start + 11]), tz="UTC")
    assert (first.entry_price, first.exit_price) == pytest.approx((bars.open[start + 11], bars.open[start + 21]))
    assert first.profit == pytest.approx(100 * (0.999 * (bars.open[start + 21] / bars.open[start + 11]) * 0.999 - 1))
    over_gap = trades.iloc[2]
    assert over_gap.exit_time == pd.Timestamp(int(bars.time[start + 301]), tz="UTC")  # the second open after the gap
    assert measure("x", held, part, market).trades == 4


def test_ruin_is_a_reason() -> None:
    bars = synthetic_bars(BARS, seed=0)
    crash = np.where(np.arange(BARS) < SPLIT.test.start + 500, 1.0, 0.5)
    bars = evolve(bars, **{name: getattr(bars, name) * crash for name in ("open", "high", "low", "close")})
    market = opened(bars, Costs(0.0, 3.0))
    part = market.part(SPLIT.test)
    held = torch.zeros(len(part), dtype=torch.float64)
    held[480:600] = 1
    trade = accounted(held, part, market).trades.iloc[0]
    assert (trade.reason, round(trade.profit)) == ("ruin", -100)


def test_few_bars_are_one_candle_each_and_many_are_merged_to_what_a_chart_can_use() -> None:
    few = candles_of(bars_with_a_gap(0))
    assert (few.merged, len(few.frame), few.gap_count) == (1, BARS, 1)
    assert (few.gaps.after - few.gaps.before).iloc[0] == pd.Timedelta(hours=51)
    bars = synthetic_bars(2 * MOST_CANDLES + 1, seed=0)
    many = candles_of(bars)
    assert (many.merged, len(many.frame)) == (3, MOST_CANDLES * 2 // 3 + 1)
    third = slice(6, 9)
    got = many.frame.iloc[2]
    assert (got.open, got.close) == (bars.open[6], bars.close[8])
    assert (got.high, got.low) == (bars.high[third].max(), bars.low[third].min())
    assert got.volume == pytest.approx(bars.volume[third].sum())


@pytest.fixture
def written(tmp_path: Path) -> tuple[StrategyAccount, Path]:
    bars = bars_with_a_gap(0)
    market = opened(bars)
    parts = {
        name: accounted(positions(part := market.part(of), 3), part, market)
        for name, of in (("validation", SPLIT.validation), ("test", SPLIT.test))
    }
    account = StrategyAccount.of(market, SPLIT, candles_of(bars), parts)
    account.write(tmp_path, "Swing")
    return account, tmp_path


def test_an_account_is_read_as_it_was_written(written: tuple[StrategyAccount, Path]) -> None:
    account, run = written
    got = account_of(run, "Swing")
    assert got is not None
    for table in ("candles", "gaps", "trades", "equity", "slices"):
        pd.testing.assert_frame_equal(getattr(got, table), getattr(account, table), check_dtype=False)
    assert got.parts == account.parts
    assert [part.name for part in got.parts] == ["training", "validation", "test"]
    assert got.costs == account.costs
    assert account_of(run, "Other") is None


def test_buckets_on_the_same_bars_share_their_candles(written: tuple[StrategyAccount, Path]) -> None:
    account, run = written
    account.write(run, "Other")
    assert len([*(run / "accounts").glob("candles-*.parquet")]) == 1
    other = account_of(run, "Other")
    assert other is not None
    assert len(other.candles) == BARS


def test_shared_candles_are_read_once_and_belong_to_each_reader(
    written: tuple[StrategyAccount, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    account, run = written
    account.write(run, "Other")
    read = []
    monkeypatch.setattr(
        strategy_account, "read_table", lambda file, table: read.append(table) or read_table(file, table)
    )
    first = account_of(run, "Swing")
    assert first is not None
    first.candles["close"] = 0.0
    other = account_of(run, "Other")
    assert other is not None and read.count("candles") == 1 and read.count("trades") == 2
    pd.testing.assert_frame_equal(other.candles, account.candles, check_dtype=False)


def test_a_strategy_that_stayed_out_has_an_account_without_trades(tmp_path: Path) -> None:
    bars = synthetic_bars(BARS, seed=0)
    market = opened(bars)
    part = market.part(SPLIT.test)
    did = accounted(torch.zeros(len(part), dtype=torch.float64), part, market)
    StrategyAccount.of(market, SPLIT, candles_of(bars), {"validation": did, "test": did}).write(tmp_path, "Flat")
    got = account_of(tmp_path, "Flat")
    assert got is not None
    assert (len(got.trades), len(got.gaps)) == (0, 0)
    assert got.costs["test"].net == 0


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("Swing/account.json", b"{"),
        ("Swing/account.json", b"[]"),
        ("Swing/account.json", json.dumps({"interval": 60.0, "drawn": "../../../etc/passwd"}).encode()),
        ("Swing/trades.parquet", b"no parquet"),
        ("Swing/equity.parquet", b""),
    ],
)
def test_a_damaged_account_is_one_line(written: tuple[StrategyAccount, Path], file: str, content: bytes) -> None:
    _, run = written
    (run / "accounts" / file).write_bytes(content)
    with pytest.raises(RunError, match="damaged") as error:
        account_of(run, "Swing")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("drawn", ["../candles", "0" * 15, "", "G" * 16])
def test_a_name_of_candles_is_no_path(written: tuple[StrategyAccount, Path], drawn: str) -> None:
    _, run = written
    facts = run / "accounts/Swing/account.json"
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "drawn": drawn}))
    with pytest.raises(RunError, match="drawn"):
        account_of(run, "Swing")


def test_columns_of_another_kind_are_damage(written: tuple[StrategyAccount, Path]) -> None:
    account, run = written
    account.trades.assign(profit="much").to_parquet(run / "accounts/Swing/trades.parquet", index=False)
    with pytest.raises(RunError, match="profit"):
        account_of(run, "Swing")


ODD_VALUES: dict[str, dict[str, list[object]]] = {
    "trades": {
        "reason": [None, b"end", ["end"], {"end": 1}, Decimal(1)],
        "part": ["training", "x", None],
        "side": ["<b>", None],
        "profit": [math.nan, math.inf, True],
        "bars": [math.nan, "3"],
        "entry_price": [math.nan, -1.0, 0.0],
        "exit_time": [pd.NaT, pd.Timestamp("2020"), pd.Timestamp("2020", tz="Asia/Tokyo"), "2020-01-01"],
    },
    "equity": {
        "kind": ["x"],
        "strategy": [None, 5],
        "time": [pd.NaT],
        "log_equity": [math.inf],
        "drawdown": [math.nan],
    },
    "slices": {"by": ["year"], "held": [math.nan], "profit": [math.inf], "slice": [1]},
    "candles": {"time": [pd.NaT, pd.Timestamp("2020", tz="UTC")], "high": [math.inf, math.nan, -1.0], "low": [0.0]},
    "gaps": {"before": [pd.NaT], "after": [pd.NaT, 5.0]},
}


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [(table, column, value) for table, odd in ODD_VALUES.items() for column, all_ in odd.items() for value in all_],
)
def test_what_no_account_holds_is_damage(
    written: tuple[StrategyAccount, Path], table: str, column: str, value: object
) -> None:
    account, run = written
    frame = getattr(account, table)
    file = next((run / "accounts").rglob(f"{table}*.parquet"))
    frame.assign(**{column: [value] * len(frame)}).to_parquet(file, index=False)
    with pytest.raises(RunError, match=f"damaged .*{table}"):
        account_of(run, "Swing")


FACTS: dict[str, list[object]] = {
    "interval": [0, -1, math.nan, math.inf, "1"],
    "bars": [0, -4, 1.5],
    "merged": [0, -1],
    "gap_count": [-1],
    "parts": [[], [{"name": "test", "first": "2020-01-01T00:00:00Z", "last": "2020-01-01T00:00:00Z", "bars": 1}]],
    "costs": [{}, {"<b>": {"gross": 1, "net": 1, "fees": 0, "charges": 0}}],
}


@pytest.mark.parametrize(("fact", "value"), [(fact, value) for fact, all_ in FACTS.items() for value in all_])
def test_facts_out_of_range_are_damage(written: tuple[StrategyAccount, Path], fact: str, value: object) -> None:
    _, run = written
    file = run / "accounts/Swing/account.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), fact: value}))
    with pytest.raises(RunError, match=f"damaged .*{fact}"):
        account_of(run, "Swing")


@pytest.mark.parametrize("time", ["yesterday", "", "NaT", "2020-01-01", "2020-01-01T00:00:00"])
def test_a_part_has_times_with_a_zone(written: tuple[StrategyAccount, Path], time: str) -> None:
    _, run = written
    file = run / "accounts/Swing/account.json"
    facts = json.loads(file.read_text())
    facts["parts"][1]["last"] = time
    file.write_text(json.dumps(facts))
    with pytest.raises(RunError, match="damaged .*parts"):
        account_of(run, "Swing")


def test_texts_that_would_take_gigabytes_are_not_made(written: tuple[StrategyAccount, Path]) -> None:
    account, run = written
    rows = pa.Table.from_pandas(account.trades.iloc[:1].loc[[account.trades.index[0]] * 30_000], preserve_index=False)
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(30_000, np.int8)), pa.array(["x" * 100_000]))
    position = rows.schema.get_field_index("reason")
    file = run / "accounts/Swing/trades.parquet"
    pyarrow.parquet.write_table(rows.set_column(position, "reason", long), file, store_schema=False)
    with pytest.raises(RunError, match="damaged .*'reason' would take 3,001 MB"):
        account_of(run, "Swing")


def test_more_rows_than_any_account_has_are_not_read(written: tuple[StrategyAccount, Path]) -> None:
    account, run = written
    file = next((run / "accounts").glob("candles*.parquet"))
    first = account.candles.iloc[:1]
    pd.concat([first] * (MOST_CANDLES + 1)).to_parquet(file, index=False)
    with pytest.raises(RunError, match=r"100,001 rows"):
        account_of(run, "Swing")


@pytest.mark.parametrize("table", ["candles", "gaps", "trades"])
def test_a_write_that_fails_leaves_no_half_of_a_file(
    written: tuple[StrategyAccount, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """Buckets that read the same bars take over the files that are there, so they must be whole."""
    account, _ = written
    write = pd.DataFrame.to_parquet

    def full_disk(frame: pd.DataFrame, file: Path, **options: Any) -> None:
        if file.name.startswith((table, f".{table}")):
            file.write_bytes(b"PAR1")
            raise OSError(28, "No space left on device")
        write(frame, file, **options)

    with monkeypatch.context() as patched:
        patched.setattr(pd.DataFrame, "to_parquet", full_disk)
        with pytest.raises(RunError, match=rf"^[^\n]+cannot be written [^\n]*space.* --run-dir {tmp_path / 'full'}$"):
            account.write(tmp_path / "full", "Swing")
    assert not list((tmp_path / "full").rglob("*.partial"))
    assert account_of(tmp_path / "full", "Swing") is None
    account.write(tmp_path / "full", "Swing")
    assert account_of(tmp_path / "full", "Swing") is not None


def test_a_link_is_replaced_and_not_written_through(written: tuple[StrategyAccount, Path], tmp_path: Path) -> None:
    account, run = written
    outside = tmp_path / "outside"
    outside.write_text("mine")
    for file in ("trades.parquet", "account.json"):
        (run / "accounts/Swing" / file).unlink()
        (run / "accounts/Swing" / file).symlink_to(outside)
    account.write(run, "Swing")
    assert outside.read_text() == "mine"
    assert account_of(run, "Swing") is not None


def test_only_a_run_keeps_an_account(tmp_path: Path) -> None:
    bars = synthetic_bars(BARS, seed=0)
    market = evolve(opened(bars), candles=candles_of(bars))
    evaluator = MarketEvaluator(market, SPLIT, "Swing", run_dir=tmp_path)
    evaluator.evaluate(lambda part: torch.zeros_like(part.returns))
    assert not [*tmp_path.iterdir()]
    (tmp_path / "state.json").write_text("{}")
    evaluator.evaluate(lambda part: torch.zeros_like(part.returns))
    assert account_of(tmp_path, "Swing") is not None
