"""skrl's DQN, by its own trainer, on environments of gym-anytrading."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import torch
from gymnasium.vector import SyncVectorEnv
from skrl.agents.torch.base import ExperimentCfg
from skrl.agents.torch.dqn import DQN, DQN_CFG
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.models.torch import DeterministicMixin, Model
from skrl.trainers.torch import SequentialTrainer, SequentialTrainerCfg
from torch import Tensor, nn

from rivals.common import (
    BATCH,
    CAPACITY,
    DISCOUNT,
    ENVIRONMENTS,
    EXPLORATION,
    FEATURES,
    RATE,
    SAMPLES,
    TARGET_UPDATES,
    WIDTH,
    WINDOW,
    raw_table,
    throughput_bars,
)
from rivals.feature_env import makers

FILLING = CAPACITY // ENVIRONMENTS  # steps of all environments


class QNetwork(DeterministicMixin, Model):
    """256 features, two hidden layers, a value for each action, as skrl wants it."""

    def __init__(self, steps: Any) -> None:
        Model.__init__(
            self, observation_space=steps.observation_space, action_space=steps.action_space, device=steps.device
        )
        DeterministicMixin.__init__(self)
        self.layers = nn.Sequential(
            nn.Linear(WINDOW * FEATURES, WIDTH),
            nn.ReLU(),
            nn.Linear(WIDTH, WIDTH),
            nn.ReLU(),
            nn.Linear(WIDTH, self.num_actions),
        )

    def compute(self, inputs: dict[str, Tensor], role: str) -> tuple[Tensor, dict[str, Any]]:
        return self.layers(inputs["observations"]), {}


class Skrl:
    """An agent of skrl that trains when asked. `bars` is the length of the market.

    It writes no logs or checkpoints, and draws its batches with replacement, as stable-baselines3 does: without, which
    is skrl's default, each batch permutes the whole replay, and training takes twice the time. Random actions of skrl 2.1.1
    are the same at every step (its issue 453): that costs it no time, but nobody should race it like this.
    """

    def __init__(self, bars: int) -> None:
        torch.manual_seed(0)
        vectorised = SyncVectorEnv(makers(raw_table(throughput_bars(bars))))
        steps = wrap_env(vectorised, wrapper="gymnasium", verbose=False)
        self.settings = DQN_CFG(
            gradient_steps=ENVIRONMENTS * SAMPLES // BATCH,
            batch_size=BATCH,
            discount_factor=DISCOUNT,
            learning_rate=RATE,
            polyak=1.0,
            target_update_interval=TARGET_UPDATES,
            exploration_scheduler=lambda *_: EXPLORATION,
            random_timesteps=FILLING,
            learning_starts=FILLING,
            experiment=ExperimentCfg(write_interval=0, checkpoint_interval=0),
        )
        agent = DQN(
            models={"q_network": QNetwork(steps), "target_q_network": QNetwork(steps)},
            memory=RandomMemory(memory_size=FILLING, num_envs=ENVIRONMENTS, device=steps.device, replacement=True),
            observation_space=steps.observation_space,
            action_space=steps.action_space,
            device=steps.device,
            cfg=self.settings,
        )
        quiet = SequentialTrainerCfg(headless=True, disable_progressbar=True, close_environment_at_exit=False)
        self.trainer = SequentialTrainer(env=steps, agents=agent, cfg=quiet)
        self.train(CAPACITY)  # a full replay, so that sampling costs what it does in a long run
        self.settings.random_timesteps = self.settings.learning_starts = 0

    def train(self, transitions: int) -> tuple[int, float]:
        """Train for at least so many transitions; how many it were, and the seconds they took."""
        self.trainer.cfg.timesteps = steps = -(-transitions // ENVIRONMENTS)
        start = perf_counter()
        self.trainer.train()
        return steps * ENVIRONMENTS, perf_counter() - start
