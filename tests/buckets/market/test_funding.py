"""Funding and borrowing: settings, the column of the data that is a cost and no feature, and what a card keeps of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from attrs import evolve

from progressive_app.config.resolve import resolve
from progressive_market.bars import Bars, load_bars, synthetic_bars
from progressive_market.bucket_market import check_bucket_market, market_on
from progressive_market.charges import funding_doubt, without_funding
from progressive_market.fills import Costs
from progressive_market.serving.saved_market import Charges, MarketCard, checked_card, market_card, market_of
from progressive_training import BucketInfo, ConfigError, DataError, ModelError, Resources


def info_with(**values: Any) -> BucketInfo:
    settings = resolve(flags=values)
    return BucketInfo(
        name="Swing", horizons=(1, 6), sequence=("Swing",), episodes=1, seed=1, run_dir=Path(), settings=settings
    )


def with_rates(count: int = 2_000) -> Bars:
    """Bars with a column of funding, paid on every eighth, and another one."""
    rates = np.where(np.arange(count) % 8 == 0, 1e-4, 0.0)
    return evolve(synthetic_bars(count, seed=3), extra={"funding_rate": rates, "mood": rates + 1})


def test_the_column_is_charged_to_what_is_held_on_its_bar_and_is_no_feature() -> None:
    bars = with_rates()
    market, _ = market_on(bars, info_with(FUNDING="funding_rate", FEE=0.0, SLIPPAGE=0.0), "cpu")
    assert market.names[-1] == "mood"
    assert market.charges is not None
    held_on = market.charges[:-2, 0] != 0  # what is decided on a bar is held on the next one
    assert torch.equal(held_on.nonzero().flatten() % 8, torch.full((249,), 7))
    assert torch.equal(market.charges[:, 1], -market.charges[:, 0])
    rewards = market.rewards(torch.tensor([1.0, -1.0, 0.0]))
    free = market.costs.earned(torch.tensor([1.0, -1.0]), market.returns[:, None])
    assert torch.allclose(rewards[:-2, 0] - free[:-2, 0], -1e-4 * held_on.double(), atol=1e-5)
    assert (rewards[:, 2] == 0).all()


def test_without_funding_and_borrowing_nothing_is_charged() -> None:
    market, _ = market_on(synthetic_bars(2_000, seed=3), info_with(), "cpu")
    assert market.charges is None


def test_the_card_keeps_them_and_a_saved_model_is_measured_by_them() -> None:
    bars = with_rates()
    info = info_with(FUNDING="funding_rate", BORROW=0.05)
    market, split = market_on(bars, info, "cpu")
    verdict = {"bucket": "Swing", "trades": "nowhere", "verdict": "none"}
    card = checked_card(market_card(market, split, info.settings) | verdict, MarketCard, Path("card"))
    assert card.columns == ("mood", "funding_rate")
    again = market_of(card, bars)
    assert again.costs == market.costs
    assert torch.equal(again.features, market.features)
    assert again.charges is not None
    assert torch.equal(again.charges, market.charges)
    with pytest.raises(ModelError, match="lacks the columns funding_rate"):
        market_of(card, evolve(bars, extra={"mood": bars.extra["mood"]}))


def test_a_rate_is_kept_by_the_card_too() -> None:
    costs = Costs(0.001, 0.5, funding=0.1, borrow=0.02)
    assert Charges.of(costs).costs == costs


def refusal(tmp_path: Path, frame: pd.DataFrame, **values: Any) -> str:
    frame.to_csv(tmp_path / "bars.csv", index=False)
    with pytest.raises(DataError) as caught:
        check_bucket_market(
            info_with(DATA=str(tmp_path / "bars.csv"), **values),
            Resources(device="cpu", parallel_episodes=1, batch_size=1),
        )
    return str(caught.value).removeprefix(str(tmp_path / "bars.csv"))


def test_a_column_that_cannot_be_charged_is_one_clear_line(tmp_path: Path) -> None:
    bars = synthetic_bars(2_000, seed=3)
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame({"time": pd.to_datetime(bars.time), **{name: getattr(bars, name) for name in names}})
    frame["rate"] = [*[None] * 10, *[0.0, 1e-5] * 995]
    told = refusal(tmp_path, frame, FUNDING="rates")
    assert (
        told
        == ": FUNDING is 'rates', and there is no such column; there are rate (write 0 where nothing is paid; in place of one that never changes give a rate a year)"
    )
    told = refusal(tmp_path, frame, FUNDING="rate")
    first = f"{pd.to_datetime(bars.time[0]).isoformat()}Z"
    assert (
        told
        == f": the column 'rate' of FUNDING has no value on 10 bars, first at {first}: write 0 where nothing is paid"
    )
    every_eighth = [1e-4, *[None] * 7, 2e-4, *[None] * 7] * 125
    told = refusal(tmp_path, frame.assign(rate=every_eighth), FUNDING="rate")
    assert "rate (no number in more than half of the rows)" in told
    told = refusal(tmp_path, frame.assign(rate=[0.0, -0.0001, 5.0, 0.01] * 500), FUNDING="rate")
    assert "is 5 at" in told
    assert "write shares" in told
    told = refusal(tmp_path, frame, FUNDING="rate", FREQUENCY="4h")
    assert told.endswith("has to add up: call it funding_rate")


@pytest.mark.parametrize("name", ["rate", "funding_rate"])
def test_a_rate_that_is_missing_on_a_bar_is_not_paid_again(tmp_path: Path, name: str) -> None:
    """Cleaning gives a missing value of a column that of the bar before: right for a feature, not for what is paid once."""
    bars = synthetic_bars(2_000, seed=3)
    frame = pd.DataFrame({"time": pd.to_datetime(bars.time), "open": bars.open, "high": bars.high, "low": bars.low})
    frame = frame.assign(close=bars.close, volume=bars.volume, **{name: [1e-4, None, 2e-4, None] * 500})
    assert "has no value on 1000 bars" in refusal(tmp_path, frame, FUNDING=name)


@pytest.mark.parametrize(("paid", "warned"), [(1e-5, False), (1e-4, True), (-1e-4, True)])
def test_funding_beyond_what_is_usual_is_a_warning(paid: float, warned: bool) -> None:
    bars = synthetic_bars(2_000, seed=3)
    told = funding_doubt(evolve(bars, extra={"rate": np.full(2_000, paid)}), "rate")
    assert len(told) == warned
    assert all(f"{100 * paid * 8766:.0f} %" in line for line in told)


def test_bars_that_were_absent_pay_nothing(tmp_path: Path) -> None:
    bars = synthetic_bars(2_000, seed=3)
    frame = pd.DataFrame({"time": pd.to_datetime(bars.time), "open": bars.open, "high": bars.high, "low": bars.low})
    frame = frame.assign(close=bars.close, volume=bars.volume, rate=[1e-4, 2e-4] * 1000).drop(index=[1000])
    told = refusal(tmp_path, frame, FUNDING="rate", FILL_MINUTES=120)
    assert "has no value on 1 bars" in told
    filled = load_bars(frame.rename(columns={"rate": "funding_rate"}), fill_minutes=120)
    assert filled.extra["funding_rate"][1000] == 0.0
    assert without_funding(filled, "funding_rate").extra == {}


@pytest.mark.parametrize("value", ["", True, 11, "11", "-11", "nan", [0.1]])
def test_what_is_no_rate_and_no_column_is_refused(value: object) -> None:
    with pytest.raises(
        ConfigError, match="FUNDING is .*, expected a rate a year from -10 to 10, or the name of a column"
    ):
        info_with(FUNDING=value)
