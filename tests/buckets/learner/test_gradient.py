"""The gradient written by hand is that of the loss as one would write it down."""

from unittest.mock import patch

import pytest
import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import huber_loss, layer_norm

from progressive_buckets.learner.fused import compiled, fused_gradient
from progressive_buckets.learner.fused.compiled import multiplies
from progressive_buckets.learner.fused.fused_gradient import FusedGradient
from progressive_buckets.learner.fused.fused_values import fused_values
from progressive_buckets.learner.gradient import (
    HUBER,
    Batch,
    Dropout,
    DropoutBytes,
    loss_and_gradient,
    shares_of,
    summed_over_rows,
)
from progressive_buckets.learner.gradient_step import FusedStep, GradientStep, TorchStep, gradient_step
from progressive_buckets.learner.network import GATES, Network, Shape
from progressive_buckets.learner.optimiser import Adam

from .conftest import OpenLearner

AUXILIARY = 0.3


def some_network(shape, generator):
    network = Network(shape, "cpu")
    network.flat.normal_(0.0, 0.4, generator=generator)
    network.parameters[GATES].add_(1.0)
    network.prior.uniform_(0.2, 1.0, generator=generator)
    return network


def some_batch(shape, count, generator):
    def normal(*sizes):
        return torch.randn(sizes, generator=generator)

    horizons = len(shape.horizons)
    table, wanted, outcomes = (
        normal(count, shape.features * shape.scales),
        4 * normal(2, count),
        normal(horizons, count),
    )
    weights, counts = normal(count).abs(), normal(horizons, count).abs()
    bars = torch.randperm(count, generator=generator)
    shares = shares_of(weights, counts, AUXILIARY) / count
    return Batch(table, bars, torch.cat([wanted, outcomes]), shares), weights, counts


def plain_loss(network, named, batch, weights, counts, dropout):
    """The same loss from torch's own layers."""
    rows, wanted, outcomes = batch.table[batch.bars], batch.targets[:2], batch.targets[2:]
    gates = (named[GATES] * network.prior).repeat_interleave(network.shape.scales, 1).unsqueeze(1)
    inputs = hidden = rows * gates
    for layer in ("extractor.0", "extractor.1"):
        hidden = torch.baddbmm(named[f"{layer}.bias"], hidden, named[f"{layer}.weight"])
        hidden = torch.relu(layer_norm(hidden, hidden.shape[-1:]))
        if dropout.threshold:
            hidden = hidden * dropout.mask(hidden) * dropout.scale
    values = torch.baddbmm(named["value.bias"], hidden, named["value.weight"])
    values = values + torch.bmm(inputs, named["value.linear"])
    predictions = torch.cat(
        [
            torch.baddbmm(named[f"horizon.{h}.bias"], hidden, named[f"horizon.{h}.weight"])
            for h in network.shape.horizons
        ],
        dim=2,
    )
    errors = huber_loss(values, wanted.mT.expand_as(values), reduction="none", delta=HUBER)
    missed = (predictions - outcomes.mT).square() * counts.mT
    loss = (errors.mean(dim=(0, 2)) * weights).mean() + AUXILIARY * missed.mean()
    return loss, values.mean(dim=0), predictions.mean(dim=0)


@settings(max_examples=30, deadline=None)
@given(
    shape=st.builds(
        Shape,
        features=st.integers(1, 4),
        scales=st.integers(1, 3),
        width=st.integers(2, 17),
        members=st.integers(1, 3),
        horizons=st.sampled_from([(1,), (3, 9), (1, 5, 40)]),
    ),
    count=st.integers(1, 33),
    drop=st.sampled_from([0.0, 0.3]),
    scale=st.sampled_from([1.0, 1e-3]),  # so small that EPSILON counts
    seed=st.integers(0, 10_000),
)
def test_it_is_what_autograd_finds(shape, count, drop, scale, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    network, (batch, weights, counts) = some_network(shape, generator), some_batch(shape, count, generator)
    network.parameters["extractor.0.weight"].mul_(scale)
    dropout = Dropout(drop, torch.float32, "cpu")
    dropout.refill(shape.members * count * shape.width, generator)
    loss, error = loss_and_gradient(network, batch, dropout)

    dropout.cursor = 0
    named = {name: tensor.clone().requires_grad_() for name, tensor in network.parameters.items()}
    expected, values, predictions = plain_loss(network, named, batch, weights, counts, dropout)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-4, atol=1e-5)
    for name, tensor in named.items():
        torch.testing.assert_close(network.gradients[name], tensor.grad, rtol=2e-3, atol=2e-5, msg=name)
    if drop == 0.0:
        torch.testing.assert_close(error, (values.detach().mT - batch.targets[:2]), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(network.advantages(batch.table[batch.bars]), values.detach(), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(
            network.predictions(batch.table[batch.bars]), predictions.detach(), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize(("threads", "members", "rows"), [(2, 1, 64), (2, 3, 64), (2, 1, 63)])
def test_a_sum_over_rows_is_the_same_in_parts(threads, members, rows, monkeypatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    left, right = torch.randn(rows, 7).expand(members, -1, -1), torch.randn(members, rows, 5)
    torch.testing.assert_close(summed_over_rows(left, right), torch.bmm(left.mT, right))


def test_dropout_drops_the_share_asked_for_and_something_else_every_time() -> None:
    dropout = Dropout(0.3, torch.float32, "cpu")
    like = torch.zeros(2, 500, 64)
    dropout.refill(like.numel(), torch.Generator().manual_seed(0))
    masks = [dropout.mask(like) for _ in range(20)]
    assert all(float(mask.mean()) * dropout.scale == pytest.approx(1.0, abs=0.01) for mask in masks)
    both = float((masks[0] * masks[1]).mean())
    assert both == pytest.approx(0.7**2, abs=0.01)


def test_half_precision_points_the_same_way() -> None:
    generator = torch.Generator().manual_seed(0)
    shape = Shape(features=6, scales=5, width=64, members=2, horizons=(3, 9))
    network, (batch, _, _) = some_network(shape, generator), some_batch(shape, 512, generator)
    gradients = []
    for dtype in (torch.float32, torch.bfloat16):
        dropout = Dropout(0.0, dtype, "cpu")
        loss_and_gradient(network, evolve(batch, table=batch.table.to(dtype)), dropout)
        gradients.append(network.gradient.clone())
    assert float(torch.cosine_similarity(*gradients, dim=0)) > 0.999


PASSES = compiled.library()
compiled_passes = pytest.mark.skipif(
    PASSES is None, reason="installed without compiled passes: no C compiler was there"
)
SHAPES = st.builds(
    Shape,
    features=st.integers(1, 7),
    scales=st.integers(1, 5),
    width=st.sampled_from([16, 32, 48, 80, 128]),
    members=st.integers(1, 3),
    horizons=st.sampled_from([(1,), (3, 9), (1, 5, 40), (1, 2, 3, 4, 5, 6, 7)]),
)


def by_both_paths(shape, count, drop, seed, dtype=torch.float32, own_products=True):
    """The losses, errors and gradients of both paths, with the same masks; the compiled one with torch's products or its own."""
    generator = torch.Generator().manual_seed(seed)
    network, (batch, *_) = some_network(shape, generator), some_batch(shape, count, generator)
    batch = evolve(batch, table=batch.table.to(dtype))
    found = []
    for dropout in (Dropout(drop, dtype, "cpu"), DropoutBytes(drop, "cpu")):
        dropout.refill(shape.members * count * shape.width, torch.Generator().manual_seed(seed))
        plain = isinstance(dropout, Dropout)
        with patch.object(fused_gradient, "multiplies", multiplies if own_products else lambda *_: False):
            gradient = FusedGradient(PASSES, network, dropout, count, dtype)
        loss, error = loss_and_gradient(network, batch, dropout) if plain else gradient(batch)
        found.append((loss.clone(), error.clone(), {name: each.clone() for name, each in network.gradients.items()}))
    return found


@compiled_passes
@settings(max_examples=40, deadline=None)
@given(
    shape=SHAPES,
    count=st.integers(1, 33) | st.sampled_from([125, 126, 127, 261]),  # of one block of rows, and of more
    drop=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 10_000),
    own_products=st.booleans(),
)
def test_loss_error_and_gradient_are_those_of_torch(shape, count, drop, seed, own_products) -> None:
    (loss, error, gradients), (own_loss, own_error, own) = by_both_paths(
        shape, count, drop, seed, own_products=own_products
    )
    torch.testing.assert_close(own_loss, loss, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(own_error, error, rtol=1e-4, atol=1e-4)
    for name, gradient in gradients.items():
        torch.testing.assert_close(own[name], gradient, rtol=2e-3, atol=2e-5, msg=name)


@compiled_passes
@pytest.mark.parametrize("own_products", [True, False])
@pytest.mark.parametrize(("features", "scales", "count"), [(4, 8, 512), (3, 7, 511)])
def test_in_half_precision_it_is_as_near_to_the_exact_gradient_as_torch_is(
    features, scales, count, own_products
) -> None:
    shape = Shape(features, scales, width=128, members=2, horizons=(3, 9))
    (*_, exact), _ = by_both_paths(shape, count, 0.3, seed=1)
    (*_, plain), (*_, own) = by_both_paths(shape, count, 0.3, 1, torch.bfloat16, own_products)
    for name, wanted in exact.items():
        off, own_off = float((plain[name] - wanted).norm()), float((own[name] - wanted).norm())
        assert own_off < 1.1 * off + 1e-6, name


@compiled_passes
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_steps_of_both_move_the_networks_alike(dtype) -> None:
    shape = Shape(features=3, scales=4, width=32, members=2, horizons=(3, 9))
    generator = torch.Generator().manual_seed(3)
    start, (batch, *_) = some_network(shape, generator), some_batch(shape, 64, generator)
    batch = evolve(batch, table=batch.table.to(dtype))
    ends = []
    for kind in (TorchStep, FusedStep):
        online, target = Network(shape, "cpu"), Network(shape, "cpu")
        for network in (online, target):
            network.load_state(start.state())
        adam = Adam(online.flat, online.decay_mask(), 1e-3, 1.0)
        common = (online, target, adam, 0.05, 0.3, dtype)
        step = TorchStep(*common) if kind is TorchStep else FusedStep(PASSES, *common, 64)
        step.dropout.refill(shape.members * 64 * shape.width, torch.Generator().manual_seed(5))
        for _ in range(5):
            step(batch)
        ends.append((online.flat - start.flat, target.flat - start.flat))
    for plain, own in zip(*ends, strict=True):
        near = float((plain - own).norm() / plain.norm())
        assert near < (1e-3 if dtype == torch.float32 else 0.2)


@compiled_passes
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_round_at_once_is_its_steps_one_by_one(dtype) -> None:
    shape = Shape(features=3, scales=4, width=32, members=2, horizons=(3, 9))
    generator = torch.Generator().manual_seed(3)
    start, (sample, *_) = some_network(shape, generator), some_batch(shape, 130, generator)
    sample, ends = evolve(sample, table=sample.table.to(dtype)), []
    for make_round in (GradientStep.round, FusedStep.round):
        online, target = Network(shape, "cpu"), Network(shape, "cpu")
        for network in (online, target):
            network.load_state(start.state())
        adam = Adam(online.flat, online.decay_mask(), 1e-3, 1.0)
        step = FusedStep(PASSES, online, target, adam, 0.05, 0.3, dtype, 65)
        step.dropout.refill(shape.members * 65 * shape.width, torch.Generator().manual_seed(5))
        found = make_round(step, sample, 65, 5)
        ends.append((*found, online.flat, target.flat, adam.mean, adam.square, torch.tensor(adam.steps)))
    for one_by_one, at_once in zip(*ends, strict=True):
        torch.testing.assert_close(at_once, one_by_one, rtol=1e-6, atol=1e-7)


@compiled_passes
def test_a_weight_that_is_no_number_shows_in_the_loss() -> None:
    shape = Shape(features=2, scales=2, width=16, members=1, horizons=(3,))
    generator = torch.Generator().manual_seed(0)
    network, (batch, *_) = some_network(shape, generator), some_batch(shape, 8, generator)
    network.parameters["extractor.1.weight"][0, 3, 4] = float("nan")
    dropout = DropoutBytes(0.0, "cpu")
    dropout.refill(8 * 16, generator)
    loss, _ = FusedGradient(PASSES, network, dropout, 8, torch.float32)(batch)
    assert loss.isnan()


@compiled_passes
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_decisions_are_those_of_torch(dtype, monkeypatch) -> None:
    shape = Shape(features=4, scales=3, width=48, members=3, horizons=(3, 9))
    generator = torch.Generator().manual_seed(3)
    network, rows = some_network(shape, generator), torch.randn(77, 12, generator=generator).to(dtype)
    own = network.advantages(rows)
    monkeypatch.setattr(compiled, "library", lambda: None)
    exact, plain = network.advantages(rows.float()), network.advantages(rows)
    torch.testing.assert_close(own, plain, rtol=1e-4, atol=1e-4 if dtype == torch.float32 else 0.2)
    assert (own - exact).norm() < 1.5 * (plain - exact).norm() + 1e-4


@compiled_passes
@settings(max_examples=20, deadline=None)
@given(shape=SHAPES, stride=st.sampled_from([1, 40]), seed=st.integers(0, 10_000))
def test_what_a_bar_activates_depends_neither_on_others_nor_on_threads(shape, stride, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    network, columns = some_network(shape, generator), shape.features * shape.scales
    rows = torch.randn(800 * stride + columns, generator=generator).as_strided((800, columns), (stride, 1))
    alone = network.situations(rows)
    with patch.object(torch, "get_num_threads", lambda: 3):
        assert torch.equal(network.situations(rows), alone)
    if multiplies(
        PASSES, torch.float32
    ):  # else torch's libraries multiply, which may add in another order for other rows
        assert torch.equal(network.situations(rows[399:400]), alone[:, 399:400])
    with patch.object(compiled, "library", lambda: None):
        torch.testing.assert_close(alone, network.situations(rows), rtol=1e-4, atol=1e-4)


@compiled_passes
@settings(max_examples=30, deadline=None)
@given(
    shape=SHAPES,
    count=st.sampled_from([1, 77, 126, 300]),
    threads=st.sampled_from([1, 3]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    seed=st.integers(0, 10_000),
)
def test_values_at_bars_are_those_of_the_network(shape, count, threads, dtype, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    network, columns = some_network(shape, generator), shape.features * shape.scales
    table = torch.randn(200 + columns, generator=generator).to(dtype).as_strided((200, columns), (1, 1))  # rows overlap
    bars = torch.randint(200, (count,), generator=generator)
    with patch.object(torch, "get_num_threads", lambda: threads):
        values = fused_values(network, table)
    if values is None:
        pytest.skip("torch multiplies on this processor")
    network.flat.mul_(0.9)  # weights change between calls
    own = values(table, bars)
    with patch.object(compiled, "library", lambda: None):
        exact, plain = network.advantages(table[bars].float()), network.advantages(table[bars])
    assert torch.equal(own, torch.cat([values(table, bar) for bar in bars.split(50)]))  # whatever is asked for beside
    if dtype == torch.float32:
        torch.testing.assert_close(own, exact, rtol=1e-4, atol=1e-4)
    else:
        assert (own - exact).norm() < 1.5 * (plain - exact).norm() + 0.02


@compiled_passes
@pytest.mark.parametrize("width", [24, 8_192])
def test_a_width_that_the_passes_do_not_know_is_for_torch(width) -> None:
    shape = Shape(features=1, scales=1, width=width, members=1, horizons=(3,))
    online, target = Network(shape, "meta"), Network(shape, "meta")
    on_cpu = Network(Shape(features=1, scales=1, width=16, members=1, horizons=(3,)), "cpu")
    assert compiled.usable_for(on_cpu.flat, width) is None
    adam = Adam(online.flat, online.decay_mask(), 1e-3, 1.0)
    assert isinstance(gradient_step(online, target, adam, 0.05, 0.3, torch.float32, 8), TorchStep)


@compiled_passes
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_threads_share_the_rows_and_the_masks_of_a_step(dtype, monkeypatch) -> None:
    shape = Shape(features=4, scales=3, width=32, members=2, horizons=(3, 9))
    alone_loss, alone_error, alone = by_both_paths(shape, 65, 0.3, 7, dtype)[1]
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    loss, error, gradients = by_both_paths(shape, 65, 0.3, 7, dtype)[1]
    rounding = 1e-5 if dtype == torch.float32 else 0.03
    torch.testing.assert_close(loss, alone_loss)
    torch.testing.assert_close(error, alone_error)
    for name, gradient in gradients.items():
        assert (gradient - alone[name]).norm() <= rounding * alone[name].norm() + 1e-7, name


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_columns_that_lie_apart_in_memory_are_learned_from_alike(open_learner: OpenLearner, precision) -> None:
    usual, other = open_learner(PRECISION=precision), open_learner(PRECISION=precision)
    other.critic.market = evolve(other.market, features=other.market.features.T.contiguous().T)
    assert other.critic.market.features.stride(1) != 1
    for learner in (usual, other):
        learner.run_episode()
    assert torch.equal(usual.critic.online.flat, other.critic.online.flat)
