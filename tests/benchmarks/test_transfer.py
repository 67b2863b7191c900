"""The transfer study runs, measures what it says, and its markets and harmful teachers are what they say."""

import math
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest
import torch

from progressive_training import Knowledge


@pytest.fixture
def measures() -> ModuleType:
    return import_module("transfer_measures")


@pytest.fixture
def training() -> ModuleType:
    return import_module("transfer_training")


def trained(training, curve, *, arm="scratch", bucket="Short", seed=0, market="easy", test=0.0):
    return training.Trained(market=market, seed=seed, arm=arm, bucket=bucket, curve=tuple(curve), test=test)


def test_a_head_start_is_measured_in_the_fields_terms(measures: ModuleType, training: ModuleType) -> None:
    scratch = trained(training, [0.0, 0.0, 5.0, 9.0, 10.0], test=70.0)
    taught = trained(training, [8.0, 9.5, 9.5, 11.0, 12.0], arm="default", test=75.0)
    (pair,) = measures.pairs_of([scratch, taught])
    assert pair.jumpstart == 0.8
    assert (pair.steps(0.9), pair.scratch_steps(0.9)) == (1, 3)
    assert pair.share == pytest.approx(1 / 3)
    assert pair.asymptote == pytest.approx(1.2)
    assert pair.area_ratio == pytest.approx((4 + 9.5 + 9.5 + 11 + 6) / (0 + 5 + 9 + 5))
    assert pair.area_most == pytest.approx(40 / 19)
    assert pair.gain == 5.0


def test_what_never_gets_there_counts_as_never(measures: ModuleType, training: ModuleType) -> None:
    scratch, taught = trained(training, [0.0, 6.0, 10.0]), trained(training, [0.0, 5.0, 8.0], arm="default")
    (pair,) = measures.pairs_of([scratch, taught])
    assert math.isinf(pair.share)
    assert measures.chain([trained(training, [0.0, 4.0, 4.0], bucket="Scalping")], [pair], 0.9) == 0.0


def test_a_market_without_anything_to_earn_has_no_threshold(measures: ModuleType, training: ModuleType) -> None:
    flat = [trained(training, [0.0, 0.0, 0.0], arm=arm) for arm in ("scratch", "default")]
    (pair,) = measures.pairs_of(flat)
    assert all(math.isnan(value) for value in (pair.share, pair.area_ratio, pair.asymptote, pair.jumpstart))
    assert math.isnan(measures.middle([pair.share]))


def test_a_chain_counts_the_first_buckets_steps_on_both_sides(measures: ModuleType, training: ModuleType) -> None:
    first = trained(training, [0.0, 4.0, 8.0, 10.0], bucket="Scalping")
    slow, fast = [0.0, 1.0, 2.0, 10.0], [10.0, 10.0, 10.0, 10.0]
    done = [trained(training, slow, bucket=bucket) for bucket in ("Short", "Medium", "Long")]
    done += [trained(training, fast, bucket=bucket, arm="default") for bucket in ("Short", "Medium", "Long")]
    assert measures.chain([first], measures.pairs_of(done), 0.9) == pytest.approx((3 + 9) / 3)


def test_the_pooled_area_ratio_does_not_fall_for_one_lucky_seed(measures: ModuleType, training: ModuleType) -> None:
    done = [trained(training, [0.0, 1.0, 1.0], seed=seed) for seed in range(5)]
    done += [trained(training, [0.0, 1.0, 1.0], seed=seed, arm="default") for seed in range(4)]
    done.append(trained(training, [0.0, 3.0, 3.0], seed=4, arm="default"))
    ratio, low = measures.pooled_area_ratio(measures.pairs_of(done))
    assert ratio == pytest.approx(1.4)
    assert low == 1.0


def test_where_nothing_is_learned_either_way_areas_are_equal(measures: ModuleType, training: ModuleType) -> None:
    """Of real bars few seeds learn anything: a draw of the others says that both are the same."""
    done = [trained(training, [0.0, 0.0], seed=seed, arm=arm) for seed in range(4) for arm in ("scratch", "default")]
    done += [trained(training, [0.0, 1.0], seed=4), trained(training, [0.0, 2.0], seed=4, arm="default")]
    assert measures.pooled_area_ratio(measures.pairs_of(done)) == (2.0, 1.0)


def test_views_of_opposite_sign_say_as_much(training: ModuleType) -> None:
    planted = import_module("planted")
    plain, turned = (planted.planted_bars("hard", 3000, 7, sign=sign) for sign in (1.0, -1.0))
    assert np.array_equal(plain.bars.close, turned.bars.close)
    for view in ("view_fast", "view_slow"):
        assert np.array_equal(plain.bars.extra[view], -turned.bars.extra[view])
    for column in ("context", "noise_0"):
        assert np.array_equal(plain.bars.extra[column], turned.bars.extra[column])
    assert np.allclose(planted.filtered_trends(plain), planted.filtered_trends(turned))


def test_slow_trends_last_so_much_longer() -> None:
    planted = import_module("planted")
    lasting = []
    for slowness in (1, 4):
        market = planted.planted_bars("easy", 20_000, 3, slowness=slowness)
        drift = market.drift / market.scale
        lasting.append(float(np.corrcoef(drift[:-40], drift[40:])[0, 1]))
        ceiling = planted.kalman_ceiling(market, validation=(10_000, 14_000), test=(15_000, 19_000))
        assert ceiling.log_return > 1.0
    assert lasting == pytest.approx([0.32, 0.67], abs=0.1)  # by the half-lives


@pytest.fixture
def good() -> Knowledge:
    generator = torch.Generator().manual_seed(1)
    shapes = {
        "extractor.0.weight": (1, 4, 8),
        "value.linear": (1, 4, 2),
        "value.weight": (1, 8, 2),
        "value.bias": (1, 1, 2),
    }
    return Knowledge(
        origin="Scalping",
        weights={name: torch.randn(shape, generator=generator) for name, shape in shapes.items()},
        feature_importance={"a": 0.7, "b": 0.2, "c": 0.1},
        horizons={1: 0.02, 12: 0.3, 72: 0.1},
        distrust="noticed",
    )


def test_teachers_made_to_harm_are_what_they_say(good: Knowledge) -> None:
    teachers = import_module("transfer_teachers")
    made = {name: poison(good, good, 5) for name, poison in teachers.POISONS.items()}
    assert all(one.distrust == "" and one.origin == "Scalping" for one in made.values())
    drawn = made["random weights"].weights
    assert all(drawn[name].shape == weight.shape for name, weight in good.weights.items())
    assert not any(torch.equal(drawn[name], weight) for name, weight in good.weights.items())
    one_action = made["one action"].weights
    assert float(one_action["value.bias"][0, 0, 0]) > 1.0
    assert not bool(one_action["value.weight"].any()) and bool(good.weights["value.bias"].any())
    assert torch.equal(made["opposite sign"].weights["value.linear"], -good.weights["value.linear"])
    assert torch.equal(made["opposite sign"].weights["extractor.0.weight"], good.weights["extractor.0.weight"])
    assert made["shuffled importance"].feature_importance == {"a": 0.1, "b": 0.2, "c": 0.7}
    assert made["wrong horizons"].horizons == {1: 1.0, 72: 0.5, 12: 0.0}


def test_an_arm_has_the_strategies_it_names(training: ModuleType) -> None:
    assert training.hooks_of("features").transfers == ("features",)
    assert set(training.hooks_of("horizons+weights").transfers) == {"weights", "horizons"}
    assert {"weights", "features"} <= set(training.hooks_of("default").transfers)


def test_a_market_is_studied_and_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--quick", "--seeds", "1", "--processes", "1", "--markets", "opposite", "--arms", "default,weights"]
    import_module("transfer").main(asked)
    printed = capsys.readouterr().out
    table, targets = printed.split("Taught against scratch")[1].split("Targets of the default")
    assert table.count("opposite") == 5  # both arms, and each bucket of the default
    assert "opposite: test not lower beyond noise" in targets


def test_what_transfers_nothing_trains_as_from_scratch(training: ModuleType) -> None:
    """No weights, or such as prove nothing: the trainings are one to the bit."""
    task = training.Task("poisoned easy", 3, ("weights",), quick=True)
    done = training.studied(task)
    (scratch,) = (one for one in done if one.arm == "scratch")
    (idle,) = (one for one in done if one.teacher == "wrong horizons")
    assert (idle.curve, idle.test) == (scratch.curve, scratch.test)
    (refused,) = (one for one in done if one.teacher == "random weights")
    assert (refused.curve, refused.test) == (scratch.curve, scratch.test)


def test_an_unknown_name_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    for asked, told in (("--markets=easier", "known are easy, hard"), ("--arms=luck", "known are default")):
        with pytest.raises(SystemExit):
            import_module("transfer").main([asked])
        assert told in capsys.readouterr().err


def test_probes_are_counted_with_the_order_that_they_found(training: ModuleType) -> None:
    order = import_module("transfer_order")
    names = ("Scalping", "Short", "Medium", "Long")
    done = [trained(training, [0.0, 5.0, 10.0], bucket=bucket) for bucket in names]
    done += [trained(training, [10.0, 10.0, 12.0], arm="default", bucket=bucket) for bucket in names[1:]]
    found = [trained(training, [0.0, 10.0, 11.0], arm="found order", bucket=bucket) for bucket in names[:3]]
    same = training.Ordered("easy", 0, names, "as asked for", 8)
    other = training.Ordered("easy", 0, names[::-1], "better", 8)
    fixed, kept = order.both(same, done, [])
    assert (fixed.validation, fixed.steps) == (pytest.approx((1 + 3 * 1.2) / 4), 2 * order.STEPS)
    assert (kept.validation, kept.steps) == (fixed.validation, fixed.steps + 8 * order.STEPS)
    _, chain = order.both(other, done + found, [])
    assert (chain.validation, chain.steps) == (pytest.approx((1 + 3 * 1.1) / 4), (8 + 2 + 3) * order.STEPS)


def test_the_order_found_stands_beside_the_fixed_one(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--quick", "--seeds", "1", "--processes", "1", "--markets", "synthetic", "--arms", "default,found order"]
    import_module("transfer").main(asked)
    printed = capsys.readouterr().out
    assert "synthetic seed 400 found " in printed
    assert "The order that probes find against the fixed one" in printed
