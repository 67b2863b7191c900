"""A model of another run or market teaches: on which bars it is tried, and what travels where columns differ."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve

from progressive_app.machine.local_machine import LocalMachine
from progressive_buckets.learner.learner import MarketLearner
from progressive_core.engine.proof import prove
from progressive_market.bars import Bars
from progressive_market.bars.bar_records import iso
from progressive_transfers.trust import doubt

OpenLearner = Callable[..., MarketLearner]


@pytest.fixture(scope="module")
def trained(open_learner: OpenLearner, leaking: Bars) -> MarketLearner:
    """A learner that trades on its validation part."""
    learner = open_learner(leaking, FEE=0.0, UPDATES_PER_EPISODE=20)
    for _ in range(3):
        learner.run_episode()
    return learner


def time_of(learner: MarketLearner, bar: int) -> str:
    return iso(learner.evaluator.validation.times[[bar]])[0]


def test_from_its_first_bar_on_the_whole_part_is_scored(trained: MarketLearner) -> None:
    whole = trained.validate(), trained.validation_blocks()
    assert trained.validate_after("1990-01-01T00:00:00Z") == whole
    assert trained.validate_after(time_of(trained, 0)) == whole
    assert trained.validate() == whole[0] > 0


def test_later_bars_alone_are_scored(trained: MarketLearner) -> None:
    validation, market = trained.evaluator.validation, trained.market
    middle = len(validation) // 2
    later = trained.validate_after(time_of(trained, middle))
    assert later is not None
    part = market.part(slice(validation.start + middle, validation.start + len(validation)))
    assert later[0] == float(market.growth(trained.acting()(part), part).sum())
    assert sum(later[1]) == pytest.approx(later[0], rel=0.2)  # the last 63 bars at most are in no block


def test_fewer_bars_than_a_validation_part_needs_prove_nothing(
    trained: MarketLearner, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = len(trained.evaluator.validation)
    assert trained.validate_after(time_of(trained, last - 200)) is not None
    assert trained.validate_after(time_of(trained, last - 199)) is None
    assert trained.validate_after("2100-01-01T00:00:00Z") is None
    monkeypatch.setattr(trained, "info", evolve(trained.info, horizons=(1, 300)))
    assert trained.validate_after(time_of(trained, last - 599)) is None
    assert trained.validate_after(time_of(trained, last - 600)) is not None


def test_a_good_teacher_of_an_earlier_stretch_is_proven_on_the_later_bars(
    open_learner: OpenLearner, leaking: Bars, trained: MarketLearner
) -> None:
    moment = time_of(trained, len(trained.evaluator.validation) // 2)
    source = evolve(trained.knowledge(), origin="eth/Swing", seen_until=moment)
    pupil = open_learner(leaking, seed=9, FEE=0.0)
    proof = prove(LocalMachine(), pupil, source, pupil.knowledge(), pupil.validate())
    later = trained.validate_after(moment)
    assert proof is not None and later is not None
    assert (proof.before, proof.after) == (0.0, pytest.approx(later[0]))
    assert doubt(source, proof) == ""


def test_between_markets_of_other_columns_what_fits_by_name_and_shape_travels(
    open_learner: OpenLearner, bars: Bars, leaking: Bars
) -> None:
    columns: dict[str, Any] = {"trades": np.arange(len(bars)) % 97.0, "taker_buy_volume": bars.volume / 2}
    teacher, pupil = open_learner(evolve(bars, extra=columns), seed=1), open_learner(bars, seed=2)
    teacher.run_episode()
    known = teacher.knowledge()
    first_layer = {"gates.weight", "extractor.0.weight", "value.linear"}  # of as many columns as the market has
    adoption = pupil.adopt(known)
    assert set(adoption.dropped) == set(adoption.new) == first_layer
    own = pupil.knowledge()
    for name in adoption.copied:
        assert torch.equal(own.weights[name], known.weights[name])
    assert set(own.feature_importance) == set(known.feature_importance) - set(columns)
    shared = [name for name in known.feature_importance if name not in columns]
    prior = dict(zip(pupil.market.names, pupil.critic.target.prior.tolist(), strict=True))
    most = max(shared, key=known.feature_importance.__getitem__)
    assert prior[most] == max(prior.values())
    assert own.horizons.keys() == known.horizons.keys()
