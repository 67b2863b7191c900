"""The training part of a market as the vectorised environment that stable-baselines3 learns in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from progressive_training.market import FLAT, LONG, SHORT, cost_matrix

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

    from progressive_training.market import Market, Part

Numbers = NDArray[np.int64]
POSITIONS = (FLAT, LONG, SHORT)
WALK_BARS = 256
"""Bars that a walk lasts. It is cut there, and not over: the value of its last position counts."""


def spaces_of(market: Market) -> tuple[spaces.Box, spaces.Discrete]:
    """What is observed, the features and the position held, one-hot [F + 3]; and what may be done: the position to take."""
    width = market.features.shape[1] + len(POSITIONS)
    actions = len(POSITIONS) if market.costs.allowed == "both" else len(POSITIONS) - 1  # short is the last
    return spaces.Box(-np.inf, np.inf, (width,), np.float32), spaces.Discrete(actions)


class MarketWalks(VecEnv):  # type: ignore[misc]  # stable-baselines3 is skipped by the type checker
    """`count` walks over a `part` of `market`, each from a random bar and position.

    A position is decided at the close of a bar and earns what `market.rewards` says of it, less the cost of the change: the growth of
    an account whose stake is the same on every bar, so that bar and position are all there is to know. It counts in deviations of
    a bar's return. On absent bars the position stays; where nothing may be decided it is flat.
    """

    render_mode = None

    def __init__(self, market: Market, part: Part, count: int) -> None:
        super().__init__(count, *spaces_of(market))
        every = part.bars
        signed = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64, device=market.device)
        rewards = market.rewards(signed)[every].cpu().numpy()  # [N, 3]
        self.features: NDArray[np.float32] = part.features.cpu().numpy()
        self.decidable = part.decidable.cpu().numpy()
        self.absent = None if part.absent is None else part.absent.cpu().numpy()
        self.unit = float(rewards[self.decidable, LONG].std()) or 1.0
        self.rewards = (rewards / self.unit).astype(np.float32)
        self.costs = (cost_matrix(market.costs.table(), torch.device("cpu")) / self.unit).numpy()  # [from, to]
        self.length = max(1, min(WALK_BARS, len(part) // 2))
        self.draws = np.random.default_rng(0)
        self.bars, self.held, self.left = (np.zeros(count, dtype=np.int64) for _ in range(3))
        self.before = self.bars, self.held
        """Bars and positions [count] that the latest step began at."""
        self.chosen: Numbers = self.held
        self.one_hot = np.eye(len(POSITIONS), dtype=np.float32)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Draw from here on by `seed`; the space of actions too, of which exploration draws."""
        self.draws = np.random.default_rng(seed)
        self.action_space.seed(seed)
        return [seed] * self.num_envs

    def observed(self, bars: Numbers, held: Numbers) -> NDArray[np.float32]:
        """What is seen at these `bars` [B] in these positions [B]: [B, F + 3] float32."""
        return np.concatenate([self.features[bars], self.one_hot[held]], axis=1)

    def after(self, bars: Numbers, held: Numbers, actions: Numbers) -> Numbers:
        """The positions [B] that `actions` [B] lead to."""
        allowed = np.where(self.decidable[bars], actions, FLAT)
        return allowed if self.absent is None else np.where(self.absent[bars], held, allowed)

    def earned(self, bars: Numbers, held: Numbers, after: Numbers) -> NDArray[np.float32]:
        """The reward [B] float32 of going over to `after` [B]."""
        rewards: NDArray[np.float32] = self.rewards[bars, after] - self.costs[held, after]
        return rewards

    def _start(self, walks: Numbers) -> None:
        count = len(walks)
        self.bars[walks] = self.draws.integers(0, len(self.decidable) - self.length, count)
        self.held[walks] = self.draws.integers(0, int(self.action_space.n), count)
        self.left[walks] = self.length

    def reset(self) -> VecEnvObs:
        self._start(np.arange(self.num_envs))
        self.left[:] = self.draws.integers(1, self.length + 1, self.num_envs)  # so that not all end at once
        return self.observed(self.bars, self.held)

    def step_async(self, actions: NDArray[Any]) -> None:
        self.chosen = actions.astype(np.int64)

    def step_wait(self) -> VecEnvStepReturn:
        bars, held = self.before = self.bars.copy(), self.held.copy()
        self.held = self.after(bars, held, self.chosen)
        rewards = self.earned(bars, held, self.held)
        self.bars, self.left = bars + 1, self.left - 1
        seen = self.observed(self.bars, self.held)
        done = self.left == 0
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if len(ended := np.flatnonzero(done)):
            for walk in ended.tolist():
                infos[walk] = {"terminal_observation": seen[walk].copy(), "TimeLimit.truncated": True}
            self._start(ended)
            seen[ended] = self.observed(self.bars[ended], self.held[ended])
        return seen, rewards, done, infos

    def close(self) -> None:
        """Nothing is open."""

    # What stable-baselines3 asks of environments that are objects of their own; these walks are rows of arrays.

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        return [getattr(self, method_name)(*method_args, **method_kwargs)] * self.num_envs

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        return [False] * self.num_envs
