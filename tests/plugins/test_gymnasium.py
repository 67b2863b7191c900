"""The market as a Gymnasium environment: what is earned is what the product's account says, alone and in a vector."""

import importlib.util
import sys
import warnings
from functools import cache
from importlib import reload
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from progressive_training import ConfigError, PluginError
from progressive_training.market import Costs, Market, Split, open_market, split_bars, synthetic_bars

gymnasium = pytest.importorskip("gymnasium", reason="needs the extra [gym]")

from gymnasium.utils.env_checker import check_env  # noqa: E402  (behind the skip)
from gymnasium.vector import AutoresetMode  # noqa: E402

from progressive_training.envs import MarketEnv, MarketVectorEnv  # noqa: E402

SETTINGS = {"SYNTHETIC_BARS": 6_000}
BARS = slice(600, 1_400)


@cache
def opened() -> tuple[Market, Split]:
    bars = synthetic_bars(3_000, seed=1)
    split = split_bars(len(bars), 24, validation_share=0.15, test_share=0.25, bucket="Mine")
    return open_market(bars, split, Costs(0.001), "cpu"), split


def strange_market(
    seed: int, deviation: float, capital: float, allowed: str, *, charged: bool, with_absent: bool
) -> Market:
    """The market with other prices, with charges, absent bars, and stretches that may not be decided on."""
    market, random = opened()[0], np.random.default_rng(seed)
    count = len(market.returns)
    prices = np.exp(random.normal(0, deviation, count + 1))
    absent = random.random(count) < 0.1
    warming = np.convolve(random.random(count) < 0.01, np.ones(9))[:count] > 0
    charges = np.abs(random.normal(0, 0.01, (count, 2))) * [1, -0.5]
    return evolve(
        market,
        returns=torch.from_numpy(prices[1:] / prices[:-1] - 1),
        decidable=torch.from_numpy(~warming | absent) & market.decidable,
        absent=torch.from_numpy(absent) if with_absent else None,
        charges=torch.from_numpy(charges) if charged else None,
        costs=Costs(0.002, capital, allowed),
    )


markets = st.builds(
    strange_market,
    seed=st.integers(0, 10_000),
    deviation=st.sampled_from([0.01, 0.1, 0.8]),  # with the last one, ruin is common
    capital=st.sampled_from([1.0, 0.4]),
    allowed=st.sampled_from(["both", "long"]),
    charged=st.booleans(),
    with_absent=st.booleans(),
)


def drawn_actions(random: np.random.Generator, shape: tuple[int, ...], count: int) -> np.ndarray:
    """Actions that stay for some bars, so that positions have time to win and lose."""
    actions = random.integers(count, size=shape)
    for bar in range(1, shape[0]):
        actions[bar] = np.where(random.random(shape[1:]) < 0.8, actions[bar - 1], actions[bar])
    return actions


@settings(max_examples=40, deadline=None, derandomize=True)
@given(markets, st.integers(0, 1_000), st.sampled_from([2, 40, 300]))
def test_the_rewards_add_up_to_the_equity_of_the_account(market: Market, seed: int, length: int) -> None:
    env = MarketEnv.of_market(market, BARS, length)
    start = seed % (801 - length)
    env.reset(options={"start": start})
    rewards, positions = [], []
    for action in drawn_actions(np.random.default_rng(seed), (length,), int(env.action_space.n)):
        _, reward, terminated, truncated, info = env.step(action)
        assert not terminated
        rewards.append(reward)
        positions.append((0, 1, -1)[info["position"]])
    assert truncated and positions[-1] == 0
    part = market.part(BARS).taken(slice(start, start + length))
    growth = market.account(torch.tensor(positions, dtype=torch.float64), part).growth.numpy()
    np.testing.assert_allclose(rewards, growth, rtol=0, atol=1e-9)
    assert np.log(info["equity"]) == pytest.approx(growth.sum(), abs=1e-9)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(markets, st.integers(0, 1_000))
def test_a_vector_does_bit_for_bit_what_single_walks_do(market: Market, seed: int) -> None:
    walks, length = 5, 30
    vector = MarketVectorEnv.of_market(market, BARS, length, num_envs=walks)
    singles = [MarketEnv.of_market(market, BARS, length) for _ in range(walks)]
    seen, info = vector.reset(seed=seed)
    alone = [env.reset(seed=seed + row) for row, env in enumerate(singles)]
    for actions in drawn_actions(np.random.default_rng(seed), (70, walks), int(singles[0].action_space.n)):
        for row, (single, single_info) in enumerate(alone):
            assert seen[row].tobytes() == single.tobytes()
            assert {key: info[key][row] for key in single_info} == single_info
        seen, rewards, terminated, truncated, info = vector.step(actions)
        assert vector.observation_space.contains(seen) and not terminated.any()
        alone = []
        for row, env in enumerate(singles):
            single, reward, _, over, single_info = env.step(actions[row])
            assert (rewards[row], truncated[row]) == (reward, over)
            if over:
                assert info["final_obs"][row].tobytes() == single.tobytes()
                assert {key: info["final_info"][key][row] for key in single_info} == single_info
                single, single_info = env.reset()
            alone.append((single, single_info))


def test_both_checkers_pass_and_the_ids_make_what_they_name() -> None:
    made = gymnasium.make("ProgressiveTraining/Market-v0", data_or_settings=SETTINGS, render_mode="rgb_array")
    assert isinstance(made.unwrapped, MarketEnv) and made.spec.id == "ProgressiveTraining/Market-v0"
    check_env(made.unwrapped)
    checker = pytest.importorskip("stable_baselines3.common.env_checker", reason="needs the extra [sb3]")
    checker.check_env(made.unwrapped)
    walks = gymnasium.make_vec("ProgressiveTraining/Market-v0", 3, "vector_entry_point", data_or_settings=SETTINGS)
    assert isinstance(walks.unwrapped, MarketVectorEnv)
    assert walks.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert walks.reset(seed=1)[0].shape == (3, *made.observation_space.shape)


def test_the_parts_are_those_of_a_bucket_and_only_test_has_to_be_allowed() -> None:
    with pytest.raises(ConfigError, match="allow_test=True"):
        MarketEnv(SETTINGS, part="test")
    spans = [
        MarketEnv({"SYNTHETIC_BARS": 3_000}, part=part, length=None, horizon=24, allow_test=True).tables.times
        for part in ("train", "validation", "test")
    ]
    split = opened()[1]
    assert [len(span) for span in spans] == [
        each.stop - each.start for each in (split.train, split.validation, split.test)
    ]
    assert spans[0][-1] < spans[1][0] and spans[1][-1] < spans[2][0]


def test_the_observation_behind_an_episode_is_the_next_bar_flat_and_never_of_the_next_part() -> None:
    env = MarketEnv.of_market(opened()[0], BARS, 10)
    for start, shown in ((5, 15), (790, 799)):
        env.reset(options={"start": start})
        for _ in range(10):
            seen, *_ = env.step(1)
        assert seen[:-3].tolist() == env.tables.rows[shown, :-3].tolist() and seen[-3:].tolist() == [1, 0, 0]


def test_a_table_in_memory_is_read_as_a_file_is() -> None:
    pandas = pytest.importorskip("pandas")
    bars = synthetic_bars(3_000, seed=1)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    frame = pandas.DataFrame(columns, index=pandas.to_datetime(bars.time, utc=True))
    env = MarketEnv(frame, length=None, horizon=24)
    assert env.tables.closes.tolist() == bars.close[opened()[1].train].tolist()


def test_a_picture_shows_the_episode_so_far() -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    env = MarketEnv.of_market(opened()[0], BARS, 40, render_mode="rgb_array")
    env.reset(seed=3)
    before = env.render()
    for action in (1, 1, 2, 0, 1):
        env.step(action)
    after = env.render()
    assert before.shape == after.shape == (500, 800, 3) and after.dtype == np.uint8
    assert (before != after).any()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"part": "tests"}, "part='tests': expected one of train, validation, test"),
        ({"length": 1}, "length=1: expected whole bars from 2"),
        ({"length": 10_000}, "length=10000: expected whole bars from 2"),
        ({"horizon": 0}, "horizon=0: expected a whole number"),
        ({"render_mode": "human"}, "render_mode='human': expected 'rgb_array' or None"),
        ({"data_or_settings": {"FEES": 1}}, "FEES"),
        ({"data_or_settings": {"PARTS": ["2020-01-01", "2020-02-01", "2020-03-01", "2020-04-01"]}, "part": "test", "allow_test": True}, "PARTS"),
    ],
)  # fmt: skip
def test_a_bad_argument_is_one_clear_line(arguments: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError, match=line) as refused:
        MarketEnv(**({"data_or_settings": SETTINGS} | arguments))
    assert "\n" not in str(refused.value)


def test_bad_steps_resets_and_counts_are_clear_lines() -> None:
    market = opened()[0]
    env, walks = MarketEnv.of_market(market, BARS, 5), MarketVectorEnv.of_market(market, BARS, 5, num_envs=2)
    for what in (lambda: env.step(0), lambda: walks.step([0, 0])):
        with pytest.raises(ConfigError, match=r"call reset\(\) first"):
            what()
    env.reset(), walks.reset()
    for what, line in (
        (lambda: env.step(3), "action 3: expected a whole number from 0 to 2"),
        (lambda: env.step(float("nan")), "action nan: expected a whole number"),
        (lambda: env.step(None), "action None: expected a whole number"),
        (lambda: env.step(np.array([1, 2])), "expected a whole number"),
        (lambda: env.reset(options={"bar": 3}), "unknown 'bar'"),
        (lambda: env.reset(options=5), "options=5: expected a mapping"),
        (lambda: env.reset(options={"start": [[1], [2, 3]]}), "expected the number of a bar"),
        (lambda: walks.step([[0, 1], [2]]), "expected 2 whole numbers"),
        (lambda: env.reset(options={"start": 796}), "from 0 to 795"),
        (lambda: walks.step([0, 3]), "from 0 to 2"),
        (lambda: walks.step([0]), "expected 2 whole numbers"),
        (lambda: walks.reset(seed=[1]), "one for each of 2 walks, got 1"),
        (lambda: walks.reset(options={"start": [1, 2, 3]}), "one for each of 2 walks"),
        (lambda: MarketVectorEnv.of_market(market, BARS, num_envs=0), "num_envs=0"),
        (MarketEnv.of_market(market, BARS, 5, render_mode="rgb_array").render, r"render: .*call reset\(\) first"),
    ):
        with pytest.raises(ConfigError, match=line):
            what()


def test_numbers_of_numpy_count_as_those_of_python() -> None:
    vectors = [MarketVectorEnv.of_market(opened()[0], BARS, 20, num_envs=count) for count in (3, np.int64(3))]
    seen = [vector.reset(seed=seed)[0] for vector, seed in zip(vectors, ([4, 5, 6], np.array([4, 5, 6])), strict=True)]
    assert (seen[0] == seen[1]).all()
    for kind in (np.uint8, np.uint64, np.int16):
        first, second = (
            vector.step(np.array([0, 2, 1], dtype)) for vector, dtype in zip(vectors, (int, kind), strict=True)
        )
        assert (first[0] == second[0]).all() and (first[1] == second[1]).all()


def test_without_gymnasium_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import progressive_training.envs as face

    real = importlib.util.find_spec
    with monkeypatch.context() as absent:
        absent.setattr(
            importlib.util, "find_spec", lambda name, *rest: None if name == "gymnasium" else real(name, *rest)
        )
        for name in ("MarketEnv", "MarketVectorEnv"):
            face.__dict__.pop(name, None)
        reload(face)
        with pytest.raises(PluginError, match=r"needs Gymnasium: pip install 'progressive-training\[gym\]'"):
            face.MarketEnv  # noqa: B018
    reload(face)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert face.MarketEnv is sys.modules["progressive_integrations.gymnasium.single_env"].MarketEnv


def test_an_environment_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """Of a program that has configured no logging: stdout is its own."""
    MarketEnv(SETTINGS).reset(seed=1)
    assert capfd.readouterr() == ("", "")
