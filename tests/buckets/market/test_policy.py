"""The scan over maps gives the positions that a loop over bars gives."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from progressive_market.policy import (
    ROWS_AT_ONCE,
    as_maps,
    best_actions,
    cost_matrix,
    follow,
    positions_of,
    sides,
)

SIDES = (0, 1, -1)


def positions_by_loop(advantage: torch.Tensor, decidable: torch.Tensor, cost: float) -> list[int]:
    held, out = 0, []
    for t in range(len(advantage)):
        values = {0: 0.0, 1: float(advantage[t, 0]), -1: float(advantage[t, 1])}
        net = {to: values[to] - cost * abs(to - held) + (1e-6 if to == held else 0.0) for to in SIDES}
        held = max(SIDES, key=lambda to: net[to]) if decidable[t] else 0
        out.append(held)
    return out


@given(st.integers(0, 10_000), st.integers(1, 200), st.floats(0, 2))
def test_positions_match_a_loop(seed: int, bars: int, cost: float) -> None:
    random = torch.Generator().manual_seed(seed)
    advantage = torch.randn(bars, 2, generator=random)
    decidable = torch.rand(bars, generator=random) > 0.05
    costs = cost_matrix((0.0, cost, 2 * cost), torch.device("cpu"))
    assert positions_of(advantage, decidable, costs).tolist() == positions_by_loop(advantage, decidable, cost)


def test_an_agent_without_preferences_never_trades() -> None:
    costs = cost_matrix((0.0, 0.0, 0.0), torch.device("cpu"))
    assert positions_of(torch.zeros(50, 2), torch.ones(50, dtype=torch.bool), costs).abs().sum() == 0


def test_parallel_episodes_do_not_touch() -> None:
    advantage = torch.zeros(2, 8, 2)
    advantage[0, 0, 0] = 9.0
    costs = cost_matrix((0.0, 1.0, 2.0), torch.device("cpu"))
    held = follow(as_maps(best_actions(advantage, costs), torch.ones(2, 8, dtype=torch.bool)))
    assert held[0].tolist() == [1] * 8
    assert held[1].tolist() == [0] * 8


def test_bars_followed_a_part_at_a_time_are_followed_as_one() -> None:
    random = torch.Generator().manual_seed(0)
    bars = 2 * ROWS_AT_ONCE + 100
    advantage = torch.randn(bars, 2, generator=random)
    decidable = torch.rand(bars, generator=random) > 0.001
    costs = cost_matrix((0.0, 1.0, 2.0), torch.device("cpu"))
    whole = follow(as_maps(best_actions(advantage, costs), decidable))
    assert torch.equal(positions_of(advantage, decidable, costs), sides(whole.device)[whole])
