"""torchrl's DQN: its collector, replay and loss in the loop of its own example, on environments of gym-anytrading."""

from __future__ import annotations

import logging
from time import perf_counter

import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from tensordict.nn import TensorDictSequential
from torch import nn
from torchrl.collectors import Collector
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import GymWrapper
from torchrl.modules import MLP, EGreedyModule, QValueActor
from torchrl.objectives import DQNLoss, HardUpdate

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

COLLECTED = 4 * ENVIRONMENTS  # at a time, as stable-baselines3 does: its example's 1,000 are no faster


class TorchRL:
    """A loop of torchrl's parts that trains when asked. `bars` is the length of the market.

    The environments are stepped by gymnasium, which torchrl wraps: four times as fast as its own `SerialEnv`.
    """

    def __init__(self, bars: int) -> None:
        torch.manual_seed(0)
        logging.getLogger("torchrl").setLevel(logging.WARNING)
        vectorised = SyncVectorEnv(makers(raw_table(throughput_bars(bars))), autoreset_mode=AutoresetMode.DISABLED)
        steps = GymWrapper(vectorised, categorical_action_encoding=True)
        action = steps.action_spec_unbatched
        layers = MLP(WINDOW * FEATURES, action.space.n, num_cells=[WIDTH, WIDTH], activation_class=nn.ReLU)
        network = QValueActor(nn.Sequential(nn.Flatten(-2), layers), in_keys=["observation"], spec=action)
        collector = Collector(
            steps,
            TensorDictSequential(network, EGreedyModule(action, eps_init=EXPLORATION, eps_end=EXPLORATION)),
            frames_per_batch=COLLECTED,
            init_random_frames=CAPACITY,
            auto_register_policy_transforms=False,
        )
        self.collected = iter(collector)
        self.replay = TensorDictReplayBuffer(storage=LazyTensorStorage(CAPACITY), batch_size=BATCH)
        self.loss = DQNLoss(network, delay_value=True)
        self.loss.make_value_estimator(gamma=DISCOUNT)
        self.target = HardUpdate(self.loss, value_network_update_interval=TARGET_UPDATES)
        self.optimizer = torch.optim.Adam(self.loss.parameters(), lr=RATE)
        for _ in range(CAPACITY // COLLECTED):  # a full replay, so that sampling costs what it does in a long run
            self.collect()

    def collect(self) -> None:
        """Remember what the next `COLLECTED` transitions show."""
        self.replay.extend(next(self.collected).reshape(-1))

    def update(self) -> None:
        """One gradient step."""
        loss = self.loss(self.replay.sample())["loss"]
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.target.step()

    def train(self, transitions: int) -> tuple[int, float]:
        """Train for at least so many transitions; how many it were, and the seconds they took."""
        start, rounds = perf_counter(), -(-transitions // COLLECTED)
        for _ in range(rounds):
            self.collect()
            for _ in range(COLLECTED * SAMPLES // BATCH):
                self.update()
        return rounds * COLLECTED, perf_counter() - start
