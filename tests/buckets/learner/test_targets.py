"""Lambda-returns of differences equal what following two positions bar by bar gives."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from progressive_buckets.learner.targets import sweep
from progressive_market.policy import cost_matrix

STEPS = ((0, 1, 1), (1, 0, 2), (1, 2, 0))


def by_loop(
    rewards: torch.Tensor,
    advantages: torch.Tensor,
    decidable: torch.Tensor,
    cost: float,
    discount: float,
    trace: float,
) -> list[float]:
    """One start, plain Python: the advantage of long and of short on the first bar."""
    returned = [float(value) for value in advantages[-1]]
    for k in reversed(range(len(rewards))):
        mixed = [0.0] + [(1 - trace) * float(advantages[k, a]) + trace * returned[a] for a in (0, 1)]
        chosen = [0.0] + [float(value) for value in advantages[k]]

        def worth(held: int, mixed: list[float] = mixed, chosen: list[float] = chosen, k: int = k) -> float:
            if not decidable[k]:
                return -cost * STEPS[held][0]
            best = max(range(3), key=lambda to: chosen[to] - cost * STEPS[held][to] + (1e-6 if to == held else 0))
            return mixed[best] - cost * STEPS[held][best]

        returned = [float(rewards[k, a - 1]) + discount * (worth(a) - worth(0)) for a in (1, 2)]
    return returned


@given(st.integers(0, 10_000), st.integers(1, 6), st.floats(0, 2), st.floats(0.5, 1), st.floats(0, 1))
def test_sweep_matches_a_loop(seed: int, bars: int, cost: float, discount: float, trace: float) -> None:
    random = torch.Generator().manual_seed(seed)
    rewards, advantages = (torch.randn(1, bars, 2, generator=random) for _ in range(2))
    decidable = torch.rand(1, bars, generator=random) > 0.2
    costs = cost_matrix((0.0, cost, 2 * cost), torch.device("cpu"))
    got = sweep(rewards, advantages, decidable, costs, discount, trace)
    assert got[0].tolist() == pytest.approx(
        by_loop(rewards[0], advantages[0], decidable[0], cost, discount, trace), abs=1e-4
    )


def test_what_lies_ahead_is_worth_at_most_the_cost() -> None:
    """However good the next bar, being there already saves no more than the price of getting there."""
    rewards = torch.zeros(1, 1, 2)
    far = torch.tensor([[[50.0, -50.0]]])
    costs = cost_matrix((0.0, 0.5, 1.0), torch.device("cpu"))
    got = sweep(rewards, far, torch.ones(1, 1, dtype=torch.bool), costs, 1.0, 0.0)
    assert got[0].tolist() == [0.5, -0.5]
