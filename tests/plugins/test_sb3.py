"""PPO, A2C and DQN of stable-baselines3 as buckets: checked as any bucket is, killed and resumed, taught, and used."""

import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from progressive_app.store.tensors import write_tensors
from progressive_training import BucketInfo, ConfigError, ModelError, PluginError, Resources, Settings, envs, resolve
from progressive_training.sb3 import SB3Bucket
from progressive_training.testing import check_bucket

pytest.importorskip("stable_baselines3", reason="the extra sb3 is not installed")
SMALL = {"SYNTHETIC_BARS": 3500, "SB3_STEPS": 256, "SB3_REPLAY": 500, "DEVICE": "cpu"}


def learner_of(directory: Path, algo: str, **changed):
    settings = Settings({**resolve(None, {}), **SMALL, **changed})
    bucket = SB3Bucket(name="Mine", horizons=(3, 12), algo=algo)
    info = BucketInfo(
        name="Mine", horizons=(3, 12), sequence=("Mine",), episodes=4, seed=1, run_dir=directory, settings=settings
    )
    return bucket.open(info, Resources(device="cpu", parallel_episodes=4, batch_size=32))


@pytest.mark.parametrize("algo", ["PPO", "A2C", "DQN"])
def test_it_is_a_bucket_as_any_other(algo):
    check_bucket(SB3Bucket(name="Mine", horizons=(3, 12), algo=algo, policy_kwargs={"net_arch": [8]}), SMALL)


@pytest.mark.parametrize("allowed", ["both", "long"])
def test_it_learns_in_the_walks_of_the_vector_env_and_is_paid_in_deviations_of_a_return(tmp_path, allowed):
    learner = learner_of(tmp_path, "PPO", SIDES=allowed)
    walks, market, train = learner.walks, learner.market, learner.split.train
    env = envs.MarketVectorEnv.of_market(market, train, walks.env.length, num_envs=4)
    walks.seed(5)
    assert (walks.reset() == env.reset(seed=5)[0]).all()
    part = market.part(train)
    deviation = part.returns[part.decidable].std(correction=0)
    for _ in range(env.length + 3):
        actions = np.array([walks.action_space.sample() for _ in range(4)])
        seen, rewards, done, infos = walks.step(actions)
        expected, growth, _, ended, info = env.step(actions)
        assert (seen == expected).all() and (done == ended).all()
        assert rewards == pytest.approx(growth / float(deviation), rel=1e-5, abs=1e-6)
        for walk in np.flatnonzero(done):
            assert (infos[walk]["terminal_observation"] == info["final_obs"][walk]).all()
            assert infos[walk]["TimeLimit.truncated"]


def test_replay_gives_back_what_was_seen_done_and_earned_up_to_the_end_of_a_walk(tmp_path):
    learner = learner_of(tmp_path, "DQN")
    walks, replay = learner.walks, learner.algorithm.replay_buffer
    walks.seed(5)
    seen, steps = walks.reset(), set()
    for _ in range(walks.env.length):
        actions = np.array([walks.action_space.sample() for _ in seen])
        after, rewards, done, infos = walks.step(actions)
        following = np.array([info.get("terminal_observation", row) for info, row in zip(infos, after, strict=True)])
        replay.add(seen, following, actions, rewards, done, infos)
        steps |= {transition(*each) for each in zip(seen, actions, following, rewards, strict=True)}
        seen = after
    assert done.all()
    replay.load({name: tensor.clone() for name, tensor in replay.state().items()})
    drawn = replay.sample(2000)
    columns = (drawn.observations, drawn.actions[:, 0], drawn.next_observations, drawn.rewards[:, 0])
    assert {transition(*each) for each in zip(*(column.numpy() for column in columns), strict=True)} <= steps


def transition(seen, action, following, reward):
    return seen.tobytes(), int(action), following.tobytes(), float(reward)


def test_a_model_of_another_network_is_refused_though_its_weights_fit(tmp_path):
    model = learner_of(tmp_path, "PPO").model()
    write_tensors(tmp_path / "model.safetensors", model.tensors, {**model.card, "bucket": "Mine"})
    assert SB3Bucket(name="Mine", horizons=(3, 12)).load_model(tmp_path).card.bucket == "Mine"
    other = SB3Bucket(name="Mine", horizons=(3, 12), policy_kwargs={"activation_fn": "ReLU"})
    with pytest.raises(ModelError, match="it was trained with .* and the bucket is declared with .*ReLU"):
        other.load_model(tmp_path)


def test_policy_kwargs_are_those_that_the_card_of_the_own_model_gives_back(tmp_path):
    given = {"net_arch": {"pi": (8,), "vf": (8,)}, "optimizer_kwargs": {"betas": (0.9, 0.99)}}
    recipe = SB3Bucket(name="Mine", horizons=(3, 12), policy_kwargs=given)._recipe()
    recipe.refuse_other({"stable_baselines3": json.loads(json.dumps(recipe.card()))}, "its own model")
    market = learner_of(tmp_path, "PPO").market
    for algo, wrong in (("PPO", {"net_arch": [-5]}), ("DQN", {"net_arch": {"qf": [8]}})):
        with pytest.raises(ConfigError, match=f"policy_kwargs do not fit {algo}: "):
            SB3Bucket(name="Mine", horizons=(3, 12), algo=algo, policy_kwargs=wrong)._recipe().network(market)


def test_a_checkpoint_of_another_recipe_or_of_bars_that_are_not_there_is_refused(tmp_path):
    learner = learner_of(tmp_path, "DQN")
    whole, before = learner.state_dict(), learner.weights
    for key, value, why in (
        (
            "stable_baselines3",
            {"algo": "DQN", "policy_kwargs": {"activation_fn": "Tanh"}},
            "the bucket is declared with",
        ),
        ("state.replay.bars", whole["state.replay.bars"] + 10**6, "state.replay.bars is out of range"),
        ("state.replay.seen", torch.tensor(-5), "state.replay.seen is out of range"),
    ):
        with pytest.raises(ValueError, match=why):
            learner.load_state_dict({**whole, key: value})
    assert learner.weights is before
    learner.load_state_dict(whole)


def generators():
    of_numpy = np.random.get_state()[1].tolist()  # noqa: NPY002  (the one that stable-baselines3 draws from)
    return random.getstate(), of_numpy, torch.get_rng_state().tolist(), torch.get_num_threads()


def test_an_episode_leaves_no_trace_in_the_global_generators(tmp_path):
    learner = learner_of(tmp_path, "DQN")
    before = generators()
    learner.run_episode()
    learner.policy()(learner.evaluator.scored)
    assert generators() == before


def test_what_cannot_be_is_one_line(tmp_path, monkeypatch):
    with pytest.raises(PluginError, match="Mine: algo is 'SAC'; expected one of PPO, A2C, DQN"):
        SB3Bucket(name="Mine", horizons=(3, 12), algo="SAC")
    with pytest.raises(
        PluginError, match="activation_fn is 'Relu'; expected the name of a layer of torch.nn, like \"ReLU\""
    ):
        SB3Bucket(name="Mine", horizons=(3, 12), policy_kwargs={"activation_fn": "Relu"})
    with pytest.raises(PluginError, match="optimizer_class cannot be given"):
        SB3Bucket(name="Mine", horizons=(3, 12), policy_kwargs={"optimizer_class": torch.optim.SGD})
    with pytest.raises(PluginError, match="expected a mapping of betas, eps, weight_decay"):
        SB3Bucket(name="Mine", horizons=(3, 12), policy_kwargs={"optimizer_kwargs": {"amsgrad": True}})
    with pytest.raises(PluginError, match="written to a file"):
        SB3Bucket(name="Mine", horizons=(3, 12), policy_kwargs={"net_arch": lambda: 3})
    for given in ("x", [1, 2], {1: 2}, {"net_arch": float("nan")}):
        with pytest.raises(PluginError, match="Mine: policy_kwargs are "):
            SB3Bucket(name="Mine", horizons=(3, 12), policy_kwargs=given)
    bucket = SB3Bucket(name="Mine", horizons=(3, 12), policy_kwargs={"net_arc": [8]})
    with pytest.raises(ConfigError, match="policy_kwargs do not fit PPO: .*net_arc"):
        check_bucket(bucket, SMALL)
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    with pytest.raises(PluginError, match=r"^Mine needs stable-baselines3: pip install 'progressive-training\[sb3\]'$"):
        bucket.load_model(tmp_path)
