"""The compiled passes over bars write what torch does, to the bit."""

from unittest.mock import patch

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from progressive_market.fills import Costs, account
from progressive_market.passes import market_passes
from progressive_market.policy import as_maps, best_actions, cost_matrix, follow, positions_of

pytestmark = pytest.mark.skipif(
    market_passes.library() is None, reason="installed without compiled passes: no C compiler was there"
)
CPU = torch.device("cpu")
VALUES = torch.tensor([0.0, -0.0, 0.5, 1.0, -1.0, 1.5, torch.nan, torch.inf, -torch.inf])
SHAPES = st.sampled_from([(1,), (7,), (1_500,), (3, 40), (2, 3, 20), (0, 5)])
SEEDS = st.integers(0, 10_000)


def by_torch(function, *arguments):
    with patch.object(market_passes, "library", lambda: None):
        return function(*arguments)


def drawn(shape, random, kind):
    """Advantages [*shape, 2] with ties, NaN and infinities among them, in three orders of memory."""
    plain, strange = torch.randn(*shape, 2, generator=random), VALUES[torch.randint(9, (*shape, 2), generator=random)]
    values = torch.where(torch.rand(*shape, 1, generator=random) < 0.5, plain, strange)
    if kind == "a side after the other":
        return values.movedim(-1, 0).contiguous().movedim(0, -1)
    return values.repeat_interleave(2, dim=-2)[..., ::2, :] if kind == "every second bar" else values


ORDERS = st.sampled_from(["plain", "a side after the other", "every second bar"])
COSTS = st.sampled_from([(0.0, 0.0), (0.5, 1.0), (0.3, 0.7), (torch.inf, torch.inf)])


@given(SEEDS, SHAPES, ORDERS, COSTS, st.sampled_from(["both", "long"]), st.booleans(), st.integers(0, 2))
def test_positions_are_those_of_the_scan(seed, shape, order, cost, allowed, gaps, start):
    random = torch.Generator().manual_seed(seed)
    advantage, costs = drawn(shape, random, order), cost_matrix((0.0, *cost), CPU, allowed)
    decidable, absent = torch.rand(*shape, generator=random) > 0.1, torch.rand(*shape, generator=random) < 0.1
    arguments = (advantage, decidable, costs, absent if gaps else None, start)
    assert torch.equal(positions_of(*arguments), by_torch(positions_of, *arguments))


@given(SEEDS, SHAPES, ORDERS, COSTS)
def test_actions_and_where_they_lead_are_those_of_the_scan(seed, shape, order, cost):
    random = torch.Generator().manual_seed(seed)
    advantage, costs = drawn(shape, random, order), cost_matrix((0.0, *cost), CPU)
    actions = best_actions(advantage, costs)
    assert torch.equal(actions, by_torch(best_actions, advantage, costs))
    maps = as_maps(actions, torch.rand(*shape, generator=random) > 0.1)
    for start in (2, torch.randint(3, shape[:-1], generator=random)):
        assert torch.equal(follow(maps, start), by_torch(follow, maps, start))


RATES = st.sampled_from([0.0, 0.001, 0.3])


@given(SEEDS, SHAPES, RATES, st.sampled_from([0.3, 1.0]), st.sampled_from([0.01, 0.5]), st.booleans(), st.booleans())
def test_accounts_are_those_of_the_scans(seed, shape, side, capital, deviation, charged, strange):
    random = torch.Generator().manual_seed(seed)
    bars = shape[-1]
    held = torch.randint(-1, 2, shape, generator=random).repeat_interleave(7, dim=-1)[..., :bars]  # ruin takes a while
    returns = (torch.randn(bars, generator=random).double() * deviation).clamp(min=-0.999)
    if strange:
        returns[torch.randint(bars, (2,), generator=random)] = VALUES.double()[torch.randint(9, (2,), generator=random)]
    decidable = torch.rand(bars, generator=random) > 0.02
    decidable[-1:] = strange
    charges = torch.randn(2, bars, generator=random).double().mT * 0.01 if charged else None
    arguments = (held, returns, decidable, Costs(side, capital), charges)
    ours, theirs = account(*arguments), by_torch(account, *arguments)
    for field in ("growth", "held", "left", "ruined"):
        same = getattr(ours, field), getattr(theirs, field)
        assert torch.equal(*(each.nan_to_num(nan=7e77).flatten().view(torch.int64) for each in same)), field


def test_growth_has_a_gradient_where_one_is_asked_for():
    held = torch.tensor([0.0, 1.0, 1.0, 0.0, -1.0, 0.0], dtype=torch.float64, requires_grad=True)
    returns, decidable = torch.linspace(-0.01, 0.01, 6, dtype=torch.float64), torch.arange(6) < 5
    account(held, returns, decidable, Costs(0.001)).growth.sum().backward()
    assert held.grad is not None and held.grad[1:3].abs().min() > 0


def test_what_is_no_map_is_refused_as_torch_refuses_it():
    for maps in (torch.tensor([[3, 99, 0]]), torch.tensor([[3, -99, 0]])):
        with pytest.raises(IndexError):
            follow(maps)
    with pytest.raises(IndexError):
        follow(torch.tensor([[3, 26]]), 7)


def test_without_the_library_torch_computes(monkeypatch):
    monkeypatch.setenv("PROGRESSIVE_TRAINING_PASSES", "torch")
    market_passes.library.cache_clear()
    try:
        assert market_passes.library() is None
        test_positions = positions_of(torch.ones(5, 2), torch.ones(5, dtype=torch.bool), torch.zeros(3, 3))
    finally:
        market_passes.library.cache_clear()
    assert test_positions.tolist() == [1.0] * 5
