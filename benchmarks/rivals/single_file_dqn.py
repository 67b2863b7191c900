"""DQN in one file, in the style of cleanrl's `dqn.py`: plain torch, here with 64 environments stepped as arrays.

Written for this comparison, to show what a careful reader of Mnih et al. (2015) gets without a framework.
"""

from __future__ import annotations

from time import perf_counter

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from rivals.common import (
    BATCH,
    CAPACITY,
    DISCOUNT,
    EXPLORATION,
    FEE,
    RATE,
    SAMPLES,
    TARGET_INTERVAL,
    WIDTH,
    WINDOW,
    Table,
    raw_table,
    throughput_bars,
)

ENVIRONMENTS = 64
ACTIONS = 3


class Environments:
    """`ENVIRONMENTS` agents on the same bars: 32 bars of features and the position held; flat, long or short."""

    def __init__(self, table: Table) -> None:
        rows = torch.from_numpy(table.rows)
        self.windows = rows.unfold(0, WINDOW, 1).flatten(1)  # [T - 31, 256]
        prices = torch.from_numpy(table.prices)
        self.returns = torch.log(prices[WINDOW + 1 :] / prices[WINDOW:-1]).float()  # after the window's last bar
        self.bar = torch.randint(len(self.returns), (ENVIRONMENTS,))
        self.position = torch.zeros(ENVIRONMENTS)

    def observe(self) -> Tensor:
        """What the agents see [64, 257]."""
        return torch.cat([self.windows[self.bar], self.position[:, None]], dim=1)

    def step(self, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Take `action` [64]; the next observations, rewards and where an episode ended."""
        position = torch.where(action == 2, -1.0, action.float())
        reward = position * self.returns[self.bar] - FEE * (position - self.position).abs()
        self.bar, self.position = self.bar + 1, position
        done = self.bar == len(self.returns) - 1
        following = self.observe()
        self.bar = torch.where(done, 0, self.bar)
        self.position = torch.where(done, 0.0, self.position)
        return following, reward, done.float()


class SingleFileDQN:
    """The algorithm, its network and its replay."""

    def __init__(self, bars: int) -> None:
        torch.manual_seed(0)
        self.environments = Environments(raw_table(throughput_bars(bars)))
        self.network, self.target = q_network(), q_network()
        self.target.load_state_dict(self.network.state_dict())
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=RATE)
        size = self.environments.observe().shape[1]
        self.observations, self.following = torch.empty(CAPACITY, size), torch.empty(CAPACITY, size)
        self.actions = torch.zeros(CAPACITY, 1, dtype=torch.int64)
        self.rewards, self.dones = torch.zeros(CAPACITY), torch.zeros(CAPACITY)
        self.cursor = 0
        self.steps = 0
        while self.steps * ENVIRONMENTS < CAPACITY:  # a full replay, so that sampling costs what it does in a long run
            self.act(exploration=1.0)

    def act(self, exploration: float) -> None:
        """One step of every environment."""
        observation = self.environments.observe()
        if torch.rand(()) < exploration:
            action = torch.randint(ACTIONS, (ENVIRONMENTS,))
        else:
            with torch.no_grad():
                action = self.network(observation).argmax(dim=1)
        following, reward, done = self.environments.step(action)
        slots = (self.cursor + torch.arange(ENVIRONMENTS)) % CAPACITY
        self.observations[slots], self.following[slots] = observation, following
        self.actions[slots, 0], self.rewards[slots], self.dones[slots] = action, reward, done
        self.cursor = (self.cursor + ENVIRONMENTS) % CAPACITY
        self.steps += 1

    def update(self) -> None:
        """One gradient step."""
        slots = torch.randint(CAPACITY, (BATCH,))
        with torch.no_grad():
            best = self.target(self.following[slots]).max(dim=1).values
            wanted = self.rewards[slots] + DISCOUNT * best * (1 - self.dones[slots])
        value = self.network(self.observations[slots]).gather(1, self.actions[slots]).squeeze(1)
        loss = mse_loss(value, wanted)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def train(self, transitions: int) -> tuple[int, float]:
        """Train for at least so many transitions; how many it were, and the seconds they took."""
        start, steps = perf_counter(), -(-transitions // ENVIRONMENTS)
        for _ in range(steps):
            self.act(EXPLORATION)
            for _ in range(ENVIRONMENTS * SAMPLES // BATCH):
                self.update()
            if self.steps % (TARGET_INTERVAL // ENVIRONMENTS) == 0:
                self.target.load_state_dict(self.network.state_dict())
        return steps * ENVIRONMENTS, perf_counter() - start


def q_network() -> nn.Sequential:
    """256 features and the position, two hidden layers, a value for each action."""
    return nn.Sequential(
        nn.Linear(WINDOW * 8 + 1, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, ACTIONS)
    )
