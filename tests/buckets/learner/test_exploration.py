"""Exploration goes where little was seen, and only where there is something to see."""

import numpy as np
import pytest
import torch
from attrs import evolve

from progressive_buckets.naturalistic.exploration import STRETCH
from progressive_market.bars import Bars

from .conftest import OpenLearner


def test_episodes_start_where_least_was_seen(open_learner: OpenLearner) -> None:
    learner = open_learner(EXPLORATION=1.0)
    explorer = learner.exploration
    explorer.visits += 50.0
    explorer.visits[10:20] = 0.0
    starts = explorer.plan(400, 32, learner.generator).starts
    unseen = (starts >= 10 * STRETCH) & (starts < 20 * STRETCH)
    assert unseen.float().mean() > 0.9


def test_a_broken_market_is_still_walked(open_learner: OpenLearner, bars: Bars) -> None:
    """Most of it may not be decided on: every episode still meets bars that may."""
    segment = np.where(np.arange(len(bars)) < 2000, np.arange(len(bars)) // 20, 10_000).astype("int32")
    learner = open_learner(evolve(bars, segment=segment), EXPLORATION=1.0, EPISODE_BARS=8)
    for _ in range(3):
        learner.run_episode()
    drawn = learner.replay.sample(1000, learner.generator).bars
    assert bool(learner.market.decidable[drawn].all())


def test_no_episode_leaves_the_training_part(open_learner: OpenLearner) -> None:
    learner = open_learner(EPISODE_BARS=4000)
    learner.run_episode()
    drawn = learner.replay.sample(10_000, learner.generator).bars
    assert int(drawn.max()) < learner.split.train.stop - 1


def test_a_condition_that_was_seen_often_is_explored_less(open_learner: OpenLearner) -> None:
    explorer = open_learner().exploration
    known = torch.nonzero(explorer.conditions[: explorer.train.stop] == 4).flatten()
    for _ in range(20):
        explorer.update(known, torch.ones(len(known)), torch.ones(len(known), dtype=torch.bool))
    rates = explorer.rates()
    assert rates[4] < 0.2 * rates[0]


@pytest.mark.parametrize("visits", [-1.0, float("nan"), float("inf"), 1e30])
def test_visits_that_nothing_can_be_drawn_by_are_refused(open_learner: OpenLearner, visits: float) -> None:
    explorer = open_learner().exploration
    before = {name: tensor.clone() for name, tensor in explorer.state_dict().items()}
    with pytest.raises(ValueError, match="visits"):
        explorer.load_state_dict(
            {**before, "seen": before["seen"] + 1, "visits": torch.full_like(explorer.visits, visits)}
        )
    assert all(torch.equal(tensor, before[name]) for name, tensor in explorer.state_dict().items())
