"""An account on paper is the model's trajectory to the last bit, in whatever pieces the bars come."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from attrs import evolve, fields
from hypothesis import given, settings
from hypothesis import strategies as st

from progressive_training import ModelError, ProgressiveTrainer, load_model
from progressive_training.market import MarketCard, PaperAccount, WeightsModel, synthetic_bars

BUCKETS = ["Scalping", "Short", "Committee"]
SMALL = {
    "SYNTHETIC_BARS": 3000,
    "HORIZON_RANGE": {"Scalping": [4, 24], "Short": [4, 24]},
    "EPISODES": 1,
    "UPDATES_PER_EPISODE": 4,
    "FEE": 1e-4,
    "REGIMES": "hmm",
    "DEVICE": "cpu",
}


def frame(count: int = 2600, gap: bool = True) -> pd.DataFrame:
    """Hourly bars of another stretch, with a gap, rows that are absent, and rates of funding."""
    bars = synthetic_bars(count, seed=5)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    made = pd.DataFrame({"time": pd.to_datetime(bars.time, utc=True), **columns})
    made["funding_rate"] = np.where(made.index % 8 == 0, 1e-4, 0.0)
    return made.drop([2290, *range(2400, 2430)]).reset_index(drop=True) if gap else made


def turning(part: Any) -> torch.Tensor:
    """A policy that remembers all that it has seen since its first bar."""
    seen = torch.cumsum(part.features[:, 0].double(), dim=0)
    return torch.sign(torch.sin(seen)) * part.decidable


def rising() -> pd.DataFrame:
    """The same bars, of which each opens 3 % higher than it would from the 2,320th on: whoever is short loses all."""
    made = frame()
    factor = 1.03 ** np.clip(np.arange(len(made)) - 2320.0, 0, 60)
    made[["open", "high", "low", "close"]] = made[["open", "high", "low", "close"]].mul(factor, axis=0)
    return made


def own_learner(plain: Any, policy: Any = turning) -> WeightsModel:
    """A model of a stranger's learner, which decides on bars alone."""
    values = {each.name: getattr(plain.card, each.name) for each in fields(MarketCard)}
    card = MarketCard(**{**values, "trades": "everywhere", "fill_minutes": 90.0})
    return WeightsModel({}, card, lambda weights, market: policy)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A strategy of each kind, and those that trade in some regimes, at other costs, or not at all."""
    run = tmp_path_factory.mktemp("paper") / "run"
    ProgressiveTrainer(
        lambda line: None, settings=SMALL, run_dir=run, plugins=["no:console", "no:report"]
    ).train_progressively(BUCKETS)
    made = {name: load_model(run / "models" / name, policy="strategy") for name in BUCKETS}
    plain = load_model(run / "models" / "Scalping")
    costs = evolve(plain.card.costs, side=0.0002, capital=0.7)

    def other(**card: Any) -> Any:
        model = load_model(run / "models" / "Scalping")
        model.card = evolve(plain.card, **{"fill_minutes": 90.0, "trades": "everywhere", "costs": costs, **card})
        return model

    return made | {
        "flat": other(trades="nowhere"),
        "in a regime": other(trades="in regime 1"),
        "in two regimes": other(trades="in regimes 1 and 2"),
        "funding": other(costs=evolve(costs, funding_column="funding_rate", borrow=0.3)),
        "charges": other(costs=evolve(costs, funding=0.2, borrow=0.3)),
        "long only": other(costs=evolve(costs, allowed="long")),
        "dear": other(costs=evolve(costs, side=0.2)),
        "own learner": own_learner(plain),
        "always short": own_learner(plain, lambda part: -1.0 * part.decidable),
    }


KINDS = [*BUCKETS, "flat", "in a regime", "in two regimes", "funding", "charges", "long only", "dear", "own learner"]
SINCE = "2020-04-06 02:00"


def check(model: Any, pieces: list[int], bars: pd.DataFrame | None = None) -> pd.DataFrame:
    """Follow bars from `SINCE` on in `pieces`, each as after a kill, and hold the account against the trajectory, which is returned."""
    whole, begin = model.read(frame() if bars is None else bars), pd.Timestamp(SINCE, tz="UTC").value
    account, stop = PaperAccount(model, since=begin), 2310
    for piece in [0, *pieces]:
        stop = min(len(whole), stop + piece)
        before = len(account.rows)
        account = PaperAccount(model, account.rows, begin)
        assert len(account.follow(whole.between(0, stop))) == len(account.rows) - before
    expected = model.trajectory(whole.between(0, stop), SINCE)
    pd.testing.assert_frame_equal(account.trajectory(), expected, check_exact=True, check_freq=False)
    standing = account.standing()
    assert standing.equity == expected["equity"].iloc[-1]
    assert (standing.action, standing.position) == tuple(expected[["action", "position"]].iloc[-1])
    return expected


@pytest.mark.parametrize("kind", KINDS)
def test_the_account_is_the_trajectory(models: dict[str, Any], kind: str) -> None:
    check(models[kind], [1, 75, 1, 1, 100])


def test_whoever_loses_all_is_closed_and_stays_flat(models: dict[str, Any]) -> None:
    model = models["always short"]
    seen = check(model, [1, 35, 1, 1, 20, 1], rising())
    ruined = int((seen["position"] == "short").to_numpy().nonzero()[0][-1])
    assert ruined < len(seen) - 10 and (seen["action"].iloc[ruined:] == "short").all()
    assert 0 < seen["equity"].iloc[-1] < 0.06 and seen["fill"].iloc[ruined + 1 :].notna().sum() == 1
    account = PaperAccount(model, since=pd.Timestamp(SINCE, tz="UTC").value)
    account.follow(rising()[: 2310 + 59])
    standing = account.standing()
    assert (standing.position, standing.entry, standing.trades) == ("flat", None, 1)


@settings(max_examples=4, deadline=None)
@given(pieces=st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_it_does_not_matter_in_which_pieces_the_bars_come(models: dict[str, Any], pieces: list[int]) -> None:
    check(models["in two regimes"], pieces)


def test_an_account_that_goes_on_is_that_of_its_rows(models: dict[str, Any]) -> None:
    """Rows are taken off where the disk refuses them, and come again, or others do."""
    model = models["funding"]
    whole, account = model.read(frame()), PaperAccount(model, since=pd.Timestamp(SINCE, tz="UTC").value)

    def compare() -> None:
        afresh = PaperAccount(model, account.rows)
        pd.testing.assert_frame_equal(account.trajectory(), afresh.trajectory(), check_exact=True, check_freq=False)
        np.testing.assert_array_equal(account.hold(), afresh.hold())
        assert account.standing() == afresh.standing()

    for stop, taken_off in ((2310, 3), (2311, 0), (2312, 1), (2350, 20), (2360, 0), (2361, 0)):
        account.follow(whole.between(0, stop))
        compare()
        given = account.trajectory()
        given["equity"] = 0.0  # a caller's own table
        del account.rows[len(account.rows) - taken_off :]
        if taken_off == 1:
            account.rows.append(evolve(account.rows[-1], time=int(whole.time[stop - 1]), action="short", fill=1.0))
        compare()


def test_a_file_is_followed_from_its_first_bar_as_one_piece(models: dict[str, Any]) -> None:
    model, bars = models["Scalping"], frame(1500, gap=False)
    account = PaperAccount(model)
    account.follow(bars)
    pd.testing.assert_frame_equal(account.trajectory(), model.trajectory(bars), check_exact=True, check_freq=False)
    assert account.trajectory()["position"].nunique() == 3


def test_each_decision_is_the_one_that_live_serving_gives(models: dict[str, Any]) -> None:
    model, bars = models["Scalping"], models["Scalping"].read(frame())
    account = PaperAccount(model, since=int(bars.time[2300]))
    live = model.live()
    for stop in range(2301, 2320):
        (row,) = account.follow(bars.between(0, stop))
        assert row.action == live(bars.between(0, stop)).action


def test_what_is_no_continuation_is_refused_and_a_corrected_bar_is_said(models: dict[str, Any]) -> None:
    model = models["Scalping"]
    made = frame(gap=False)
    account = PaperAccount(model, since=made["time"].iloc[2300].value)
    assert len(account.follow(made.iloc[:2400])) == 100
    assert account.follow(made.iloc[:2390]) == []  # a feed that lags
    assert "ends at 2020-04-09T13:00:00Z, and the account stands at 2020-04-09T23:00:00Z" in account.changed
    account.follow(made.iloc[:2400])
    assert account.changed == ""
    with pytest.raises(ModelError, match=r"holds no bar of 2020-04-09T23:00:00Z"):
        account.follow(made.iloc[2450:])
    with pytest.raises(ModelError, match="another market"):
        account.follow(made.assign(**{name: made[name] * 2 for name in ("open", "high", "low", "close")}))
    corrected = made.copy()
    corrected.loc[2350, "close"] = corrected.loc[2350, ["low", "high"]].mean()
    assert len(account.follow(corrected.iloc[:2401])) == 1
    assert "corrected afterwards: 1, first at" in account.changed and "2020-04-07T22:00:00Z" in account.changed
