"""Lambda-returns of differences equal what following two positions bar by bar gives."""

from unittest.mock import patch

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from progressive_buckets.learner.fused import learning_passes
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


@pytest.mark.skipif(learning_passes.library() is None, reason="installed without compiled passes")
@given(
    st.integers(0, 10_000), st.integers(1, 4), st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]), st.booleans(), st.booleans()
)
def test_the_compiled_sweep_writes_the_bits_of_the_other(
    seed: int, bars: int, trace: float, strange: bool, turned: bool
) -> None:
    random = torch.Generator().manual_seed(seed)
    rewards, advantages = (torch.randn(37, bars, 2, generator=random) for _ in range(2))
    if strange:
        places = torch.randint(advantages.numel(), (8,), generator=random)
        advantages.flatten()[places] = torch.tensor([0.0, -0.0, torch.nan, torch.inf, -torch.inf, 1.0, -1.0, 1e38])
    if turned:
        advantages = advantages.movedim(-1, 0).contiguous().movedim(0, -1)
    decidable = torch.rand(37, bars, generator=random) > 0.2
    costs = cost_matrix((0.0, 0.5, 1.0), torch.device("cpu"), "long" if seed % 2 else "both")
    arguments = (rewards, advantages, decidable, costs, 0.97, trace)
    ours = sweep(*arguments)
    with patch.object(learning_passes, "library", lambda: None):
        theirs = sweep(*arguments)
    assert torch.equal(*(each.nan_to_num(nan=7e7).view(torch.int32) for each in (ours, theirs)))


def test_what_lies_ahead_is_worth_at_most_the_cost() -> None:
    """However good the next bar, being there already saves no more than the price of getting there."""
    rewards = torch.zeros(1, 1, 2)
    far = torch.tensor([[[50.0, -50.0]]])
    costs = cost_matrix((0.0, 0.5, 1.0), torch.device("cpu"))
    got = sweep(rewards, far, torch.ones(1, 1, dtype=torch.bool), costs, 1.0, 0.0)
    assert got[0].tolist() == [0.5, -0.5]
