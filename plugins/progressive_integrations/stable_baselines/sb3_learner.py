"""A learner on the market whose algorithm is one of stable-baselines3."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from attrs import evolve
from stable_baselines3.common.logger import Logger
from torch import Tensor

from progressive_integrations.stable_baselines.bar_replay import BarReplay
from progressive_integrations.stable_baselines.market_walks import MarketWalks
from progressive_integrations.stable_baselines.recipe import ALGORITHMS, RECIPE, TARGET, Recipe
from progressive_integrations.stable_baselines.sb3_settings import (
    SB3_DISCOUNT,
    SB3_LEARNING_RATE,
    SB3_REPLAY,
    SB3_STEPS,
)
from progressive_integrations.stable_baselines.scoped_draws import drawing_from
from progressive_training.market import MarketPolicy, Weights, WeightsLearner

if TYPE_CHECKING:
    from progressive_training import BucketInfo, EpisodeReport, Model, Resources
    from progressive_training.market import Market

MOMENTS = ("exp_avg", "exp_avg_sq")
LEAST_EXPLORATION = 0.05
MOST_BARS_AHEAD = 20
"""Bars that the discount looks ahead at most: what is further adds more noise than it tells of."""
ROLLOUT = 16
"""Steps of each walk between two updates of PPO and A2C."""
LEARNING_RATES = {"PPO": 5e-4, "A2C": 1e-3, "DQN": 3e-4}


class SB3Learner(WeightsLearner):
    """Implements `progressive_training.Learner`. Its state is what stable-baselines3 keeps between two calls of `learn`: the moments of
    Adam, and the replay of DQN. Each episode draws from numbers of its own, so that none depends on those before."""

    def __init__(self, recipe: Recipe, info: BucketInfo, resources: Resources) -> None:
        self.recipe, self.walk_count = recipe, resources.parallel_episodes
        self.batch = resources.batch_size
        super().__init__(info, resources)

    def start(self) -> tuple[Weights, Weights]:
        """The weights that stable-baselines3 draws, moments of zero, and an empty replay."""
        self.walks = MarketWalks(self.market, self.split.train, self.walk_count)
        with drawing_from(self.info.seed, 0):
            self.recipe.network(self.market)  # says in one line what policy_kwargs do not fit
            self.algorithm = ALGORITHMS[self.recipe.algo](**self._arguments())
        self.algorithm.set_logger(Logger(folder=None, output_formats=[]))
        return self._read()

    def _arguments(self) -> dict[str, Any]:
        settings, ahead = self.info.settings, min(MOST_BARS_AHEAD, self.info.horizons[-1])
        discount, rate = settings[SB3_DISCOUNT], settings[SB3_LEARNING_RATE]
        common = {
            "policy": "MlpPolicy",
            "env": self.walks,
            "device": "cpu",
            "learning_rate": LEARNING_RATES[self.recipe.algo] if rate is None else rate,
            "gamma": 1 - 1 / (1 + ahead) if discount is None else discount,
            "policy_kwargs": self.recipe.keywords(),
        }
        rollout = max(2, min(ROLLOUT, settings[SB3_STEPS] // self.walk_count))
        if self.recipe.algo == "PPO":
            seen = rollout * self.walk_count
            batches = math.gcd(rollout, 2 ** max(0, math.ceil(math.log2(seen / (2 * self.batch)))))  # of one size
            return common | {"n_steps": rollout, "batch_size": seen // batches, "n_epochs": 2, "gae_lambda": 0.9}
        if self.recipe.algo == "A2C":
            return common | {"n_steps": rollout, "gae_lambda": 0.9, "ent_coef": 0.01, "use_rms_prop": False}
        return common | {
            "buffer_size": settings[SB3_REPLAY],
            "replay_buffer_class": BarReplay,
            "replay_buffer_kwargs": {"walks": self.walks},
            "learning_starts": 0,
            "batch_size": 4 * self.batch,
            "train_freq": 1,
            "target_update_interval": max(self.walk_count, settings[SB3_STEPS] // 8),
        }

    def train(self) -> tuple[int, float]:
        """Let the algorithm learn for SB3_STEPS bars from the weights and the state that are here."""
        steps = self.info.settings[SB3_STEPS]
        algorithm = self.algorithm
        self._write()
        algorithm.logger.name_to_value.clear()
        with drawing_from(self.info.seed, self.episode) as draw:
            algorithm.set_random_seed(draw)  # of the walks and the exploration too
            if self.recipe.algo == "DQN":
                rate = self.exploration()
                algorithm.exploration_schedule = lambda _: rate
                algorithm._n_calls = 0  # counts to the next copy of the target network
            algorithm.learn(steps, log_interval=None)
        self.weights, self.state = self._read()
        said = algorithm.logger.name_to_value
        loss = sum(float(said.get(f"train/{name}", 0.0)) for name in ("loss", "value_loss", "policy_loss"))
        return int(algorithm.num_timesteps), loss

    def run_episode(self) -> EpisodeReport:
        """As of any learner of weights, with how much was explored."""
        report = super().run_episode()
        if self.recipe.algo == "DQN":
            return evolve(report, exploration=self.exploration(), exploration_cause="falls evenly over the episodes")
        entropy = -float(self.algorithm.logger.name_to_value.get("train/entropy_loss", 0.0))
        share = min(1.0, max(0.0, entropy / math.log(int(self.walks.action_space.n))))
        return evolve(report, exploration=share, exploration_cause="entropy of the policy, 1 where it draws evenly")

    def exploration(self) -> float:
        """Share of DQN's steps that are drawn at random in this episode."""
        left = 1 - (self.episode - 1) / max(1, self.info.episodes / 2)
        return max(LEAST_EXPLORATION, 0.5 * left)

    # ------------------------------------------------------------------ what stable-baselines3 holds

    def _read(self) -> tuple[Weights, Weights]:
        """Copies of its weights and of its state, by name."""
        policy = self.algorithm.policy
        weights = {
            name: tensor.detach().clone() for name, tensor in policy.state_dict().items() if not name.startswith(TARGET)
        }
        state: Weights = {}
        for name, parameter in self._trained():
            kept = policy.optimizer.state[parameter]
            for moment in MOMENTS:
                state[f"{moment}.{name}"] = kept[moment].clone() if kept else torch.zeros_like(parameter).detach()
            state["steps"] = torch.as_tensor(kept["step"] if kept else 0.0).clone()
        if isinstance(replay := getattr(self.algorithm, "replay_buffer", None), BarReplay):
            state |= {f"replay.{name}": tensor for name, tensor in replay.state().items()}
        return weights, state

    def state_dict(self) -> dict[str, Any]:
        """As of any learner of weights, and the recipe that they are of."""
        return {**super().state_dict(), RECIPE: self.recipe.card()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a state of `state_dict()`.

        :raise ValueError: something does not fit; or it is of another algorithm or network, whose weights may fit and mean something else.
        """
        if (made := state.get(RECIPE)) != (own := self.recipe.card()):
            raise ValueError(f"{RECIPE} is {made}, and the bucket is declared with {own}")
        if isinstance(replay := getattr(self.algorithm, "replay_buffer", None), BarReplay):
            kept = {name.removeprefix("state.replay."): value for name, value in state.items()}
            if wrong := replay.out_of_range(kept):
                raise ValueError(f"state.replay.{wrong} is out of range")
        super().load_state_dict(state)

    def _write(self) -> None:
        """Give it the learner's weights and state, which a transfer or a restored checkpoint may have changed."""
        policy = self.algorithm.policy
        own = policy.state_dict()
        policy.load_state_dict({name: self.weights[name.replace(TARGET, "q_net.")] for name in own})
        for name, parameter in self._trained():
            policy.optimizer.state[parameter] = {
                "step": self.state["steps"].clone(),
                **{moment: self.state[f"{moment}.{name}"].clone() for moment in MOMENTS},
            }
        if isinstance(replay := getattr(self.algorithm, "replay_buffer", None), BarReplay):
            replay.load(
                {name.removeprefix("replay."): t for name, t in self.state.items() if name.startswith("replay.")}
            )

    def _trained(self) -> list[tuple[str, torch.nn.Parameter]]:
        """The weights that the optimiser changes, by name, in its order."""
        policy = self.algorithm.policy
        names = {id(parameter): name for name, parameter in policy.named_parameters()}
        groups = policy.optimizer.param_groups
        return [(names[id(each)], each) for group in groups for each in group["params"]]

    # ------------------------------------------------------------------ what it gives

    def policy_from(self, weights: Mapping[str, Tensor], market: Market) -> MarketPolicy:  # type: ignore[override]  # of this recipe
        """What `weights` do on `market`, without exploring."""
        return self.recipe.policy_from(weights, market)

    def model(self) -> Model:
        """The weights, and a card that also has the recipe of their network."""
        model = super().model()
        return evolve(model, card={**model.card, RECIPE: self.recipe.card()})

    def load(self, model: Model) -> None:
        """Continue from a saved model.

        :raise ModelError: it is damaged, of another recipe, or its features are not this market's, in the same order.
        """
        self.recipe.refuse_other(model.card, self.info.name)
        super().load(model)
