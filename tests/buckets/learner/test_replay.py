"""Priorities change how often a bar is looked at, not what is learned from it."""

import pytest
import torch

from progressive_buckets.naturalistic.replay import Replay


def test_surprising_bars_come_more_often_and_weights_undo_it() -> None:
    replay = Replay(1000, "cpu", prioritised=True, market_bars=1000)
    bars = torch.arange(1000)
    errors = torch.where(bars < 100, 5.0, 0.2)
    replay.add(bars, errors, torch.ones(1000, dtype=torch.bool))
    sample = replay.sample(200_000, torch.Generator().manual_seed(0))
    surprising = sample.bars < 100
    assert surprising.float().mean() > 0.3
    assert float((sample.weights * surprising).mean()) == pytest.approx(0.1, abs=0.01)
    assert float(sample.weights.mean()) == pytest.approx(1.0, abs=0.02)


def test_the_switch_makes_sampling_uniform() -> None:
    replay = Replay(1000, "cpu", prioritised=False, market_bars=1000)
    replay.add(torch.arange(1000), torch.linspace(0, 9, 1000), torch.ones(1000, dtype=torch.bool))
    sample = replay.sample(50_000, torch.Generator().manual_seed(0))
    assert float((sample.bars < 100).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert sample.weights.unique().tolist() == [1.0]


def test_the_oldest_bars_make_room() -> None:
    replay = Replay(5, "cpu", prioritised=True, market_bars=1000)
    replay.add(torch.arange(4), torch.ones(4), torch.ones(4, dtype=torch.bool))
    replay.add(torch.arange(4, 7), torch.ones(3), torch.ones(3, dtype=torch.bool))
    assert sorted(replay.bars.tolist()) == [2, 3, 4, 5, 6]
    assert replay.filled == 5


@pytest.mark.parametrize("prioritised", [True, False])
def test_bars_that_teach_nothing_are_never_drawn(prioritised) -> None:
    replay = Replay(1000, "cpu", prioritised, market_bars=1000)
    teaches = torch.arange(800) % 4 == 1
    replay.add(torch.arange(800), torch.ones(800), teaches)
    sample = replay.sample(5_000, torch.Generator().manual_seed(0))
    assert bool(teaches[sample.bars].all())
    assert len(sample.bars.unique()) == 200
    assert float(sample.weights.mean()) == pytest.approx(1.0)


def test_of_two_errors_for_one_slot_the_larger_counts() -> None:
    replay = Replay(10, "cpu", prioritised=True, market_bars=1000)
    replay.add(torch.arange(10), torch.zeros(10), torch.ones(10, dtype=torch.bool))
    replay.update_priorities(torch.tensor([3, 3, 4]), torch.tensor([9.0, 1.0, 1.0]))
    assert float(replay.priorities[3]) > float(replay.priorities[4]) > float(replay.priorities[5])
