"""Folds in the order of time, and their test parts as one result."""

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve

from progressive_market.bars import synthetic_bars
from progressive_market.bucket_market import open_bucket_market
from progressive_market.judging.baselines import Ridge
from progressive_market.serving.saved_market import MarketCard, market_card
from progressive_market.serving.served_model import ServedModel
from progressive_market.walk_forward.fold_plan import folds_of, plan_folds
from progressive_market.walk_forward.out_of_sample import drift_of
from progressive_market.walk_forward.pooled_evidence import FirstValidation, chance_of, evidence, years_for
from progressive_market.walk_forward.walk_document import join_folds
from progressive_training import BucketInfo, DataError, Folding, Resources, Settings, resolve, validated

BARS = 6_000
DAY = 24 * 3600.0
HORIZONS = {"Short": (1, 24), "Long": (1, 72)}


def test_each_fold_is_chosen_by_the_test_part_before_it_and_nothing_is_left_out() -> None:
    bars = synthetic_bars(BARS, 1)
    folds = folds_of(bars, HORIZONS, Folding(folds=4))
    assert [fold.number for fold in folds] == [1, 2, 3, 4]
    for before, after in pairwise(folds):
        assert (before.test_from, before.until) == (after.validate_from, after.test_from)
    assert {fold.train_from for fold in folds} == {"2020-01-01T00:00:00Z"}
    assert folds[0].settings["PARTS"][0] == folds[0].train_from
    last = np.datetime64(folds[-1].until.removesuffix("Z"), "ns").astype(np.int64)
    assert last == bars.time[-1] + bars.interval


def test_folds_of_a_length_end_with_the_last_bar_and_a_window_moves_along() -> None:
    folds = folds_of(synthetic_bars(BARS, 1), HORIZONS, Folding(every=40 * DAY, window=50 * DAY))
    assert len(folds) == 4  # 250 days hold six stretches
    times = [np.datetime64(fold.test_from.removesuffix("Z"), "D") for fold in folds]
    assert set(np.diff(times).astype(int)) == {40}
    for fold in folds[1:]:
        start, chosen = (np.datetime64(time.removesuffix("Z"), "h") for time in (fold.train_from, fold.validate_from))
        assert (chosen - start).astype(int) == 50 * 24


@pytest.mark.parametrize(
    ("folding", "words"),
    [
        (
            Folding(folds=30),
            "in 30 folds leave parts of 113 bars .* for the longest horizon of Long, 72 bars, at least 200",
        ),
        (Folding(every=100 * DAY), "less than the 4 stretches of 100d that 2 folds take"),
    ],
)
def test_too_few_bars_are_refused(folding: Folding, words: str) -> None:
    with pytest.raises(DataError, match=words):
        folds_of(synthetic_bars(BARS, 1), HORIZONS, folding)


def test_what_is_known_pools_the_first_validation_part_and_the_test_bars_so_far() -> None:
    torch.manual_seed(0)
    hold = torch.randn(6_400, dtype=torch.float64) * 0.01
    earns = torch.randn(6_400, dtype=torch.float64) * 0.01 + 0.0008
    first = FirstValidation(t=2.5, alpha_t=2.5, bars=3_000)
    assert not evidence(earns[:0], hold[:0], first, 2.5).is_enough
    assert evidence(earns[:0], hold[:0], FirstValidation(t=3.1, alpha_t=3.1, bars=3_000), 3.1).is_enough
    assert evidence(earns, hold, first, 1.0).is_enough
    lost = evidence(-earns, hold, FirstValidation(t=30.0, alpha_t=30.0, bars=3_000), 1.0)
    assert lost.t > 3
    assert not lost.is_enough
    drift = evidence(earns + hold, hold, FirstValidation(t=6.0, alpha_t=0.0, bars=30_000), 1.0)
    assert "t of alpha" in drift.lacking
    turned = evidence(earns, hold, first, -0.4)
    assert turned.lacking == "and t = -0.4 on the newest validation part, which must be above 0"


def test_the_chance_of_t_3_is_that_of_the_issue() -> None:
    assert chance_of(3.0, 1.0, 6.0) == pytest.approx(0.29, abs=0.01)
    assert years_for(3.0, 1.0) == 9.0
    assert np.isnan(years_for(3.0, -0.2))


def test_drift_is_measured_in_deviations_of_training() -> None:
    rows = torch.randn(20_000, 10, generator=torch.Generator().manual_seed(1))
    rows[:, 5] = 3 * rows[:, 5] + 1.5  # the second feature, at its first scale
    drift = drift_of(rows, ("still", "moved"))
    assert drift["still"] < 0.05
    assert drift["moved"] == pytest.approx(2.5, abs=0.05)


class AlwaysLong(ServedModel[MarketCard]):
    """Long whenever it may; it remembers from which position it was asked to follow its strategy."""

    def __init__(self, card: MarketCard) -> None:
        self.card, self.began = card, []

    def follow_strategy(self, part, market, start=0):
        self.began.append(start)
        return torch.ones_like(part.returns) * part.decidable

    def ridge(self):
        return Ridge(torch.zeros(len(self.card.scaler.mean), dtype=torch.float64))


def models_of(settings, folds):
    models = []
    for fold in folds:
        info = BucketInfo(
            name="Swing",
            horizons=(1, 24),
            sequence=("Swing",),
            episodes=1,
            seed=1,
            run_dir=Path(),
            settings=settings | fold.settings,
        )
        market, split, _ = open_bucket_market(info, Resources(device="cpu", parallel_episodes=1, batch_size=1))
        known = {"bucket": "Swing", "trades": "nowhere", "verdict": "", "validation_t": 5.0, "validation_alpha_t": 5.0}
        models.append(AlwaysLong(validated({**market_card(market, split, info.settings), **known}, MarketCard)))
    return models


def test_positions_are_followed_across_borders_and_nothing_is_closed_there() -> None:
    settings = {**resolve(None, {"SYNTHETIC_BARS": BARS, "DEVICE": "cpu"})}
    folds = plan_folds(Settings(settings), {"Swing": (1, 24)}, Folding(folds=3))
    models = models_of(settings, folds)
    document = join_folds({"Swing": models}, folds, Settings(settings))
    assert [model.began for model in models] == [[0], [1], [1]]
    own, abstaining, flat, hold, *_ = document["buckets"][0]["performance"]
    assert (own["trades"], flat["trades"]) == (1, 0)
    assert own["profit"] == pytest.approx(hold["profit"])
    assert document["bars"] == sum(fold["bars"] for fold in document["folds"])
    assert own["profit"] == pytest.approx(
        100 * np.expm1(sum(np.log1p(fold["profit"] / 100) for fold in document["buckets"][0]["folds"]))
    )
    traded = [fold["traded"] for fold in document["buckets"][0]["folds"]]
    assert traded[0]  # by its validation alone
    assert (abstaining["profit"] == pytest.approx(own["profit"])) is all(traded)
    assert document["together"] is None
    json.dumps(document, allow_nan=False)


def test_buckets_together_hold_equal_shares() -> None:
    settings = {**resolve(None, {"SYNTHETIC_BARS": BARS, "DEVICE": "cpu"})}
    folds = plan_folds(Settings(settings), {"Swing": (1, 24)}, Folding(folds=2))
    models = models_of(settings, folds)
    alone, both = (
        join_folds(dict.fromkeys(names, models), folds, Settings(settings)) for names in (["One"], ["One", "Two"])
    )
    assert both["together"]["performance"][0]["profit"] == pytest.approx(
        alone["buckets"][0]["performance"][0]["profit"]
    )


def test_where_validation_chose_the_settings_the_test_parts_alone_are_pooled() -> None:
    settings = {**resolve(None, {"SYNTHETIC_BARS": BARS, "DEVICE": "cpu"})}
    folds = plan_folds(Settings(settings), {"Swing": (1, 24)}, Folding(folds=2))
    models = [AlwaysLong(evolve(model.card, evidence="test")) for model in models_of(settings, folds)]
    (walked,) = join_folds({"Swing": models}, folds, Settings(settings))["buckets"]
    assert "over the test parts of 2 folds alone, since validation chose its settings" in walked["verdict"]
    assert math.isnan(walked["validation_t"])
    assert not walked["folds"][0]["traded"]  # nothing is known before it


def test_trials_are_not_walked_forward() -> None:
    settings = resolve(None, {"SYNTHETIC_BARS": BARS, "EVIDENCE": {"Long": "half"}})
    with pytest.raises(DataError, match='EVIDENCE is "half" for Long: trials get no verdict'):
        plan_folds(settings, HORIZONS, Folding(folds=2))
