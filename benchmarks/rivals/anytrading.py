"""The baseline: stable-baselines3 on environments of gym-anytrading."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from rivals.common import (
    DQN_TERMS,
    ENVIRONMENTS,
    EXPLORATION,
    PPO_TERMS,
    RATE,
    WINDOW,
    Table,
    raw_table,
    throughput_bars,
)
from rivals.feature_env import makers


def environments(table: Table) -> DummyVecEnv:
    """`ENVIRONMENTS` of them, stepped one after another in this process: the fastest way for so small a step."""
    return DummyVecEnv(makers(table))


class StableBaselines:
    """A model of stable-baselines3 that trains when asked. `bars` is the length of the market."""

    def __init__(self, bars: int, algorithm: str) -> None:
        self.table = raw_table(throughput_bars(bars))
        steps = environments(self.table)
        if algorithm == "DQN":
            at_once = {"learning_starts": 0, "exploration_initial_eps": EXPLORATION}
            self.model: Any = DQN("MlpPolicy", steps, learning_rate=RATE, **at_once, **DQN_TERMS, seed=0)
            fill(self.model.replay_buffer, self.table)
        else:
            self.model = PPO("MlpPolicy", steps, learning_rate=RATE, **PPO_TERMS, seed=0)

    def train(self, transitions: int) -> tuple[int, float]:
        """Train for at least so many transitions; how many it were, and the seconds they took."""
        before, start = self.model.num_timesteps, perf_counter()
        self.model.learn(transitions, reset_num_timesteps=False, log_interval=None)
        return self.model.num_timesteps - before, perf_counter() - start


def fill(replay: Any, table: Table) -> None:
    """Fill a replay with windows of `table`, so that sampling costs what it does in a long run."""
    random = np.random.default_rng(0)
    windows = np.lib.stride_tricks.sliding_window_view(table.rows, WINDOW, axis=0).swapaxes(1, 2)
    nothing: list[dict[str, Any]] = [{} for _ in range(ENVIRONMENTS)]
    for _ in range(replay.buffer_size):
        bars = random.integers(len(windows) - 1, size=ENVIRONMENTS)
        action = random.integers(2, size=ENVIRONMENTS)
        replay.add(windows[bars], windows[bars + 1], action, np.zeros(ENVIRONMENTS), np.zeros(ENVIRONMENTS), nothing)
