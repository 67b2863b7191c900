"""The walks of a `MarketVectorEnv` as the vectorised environment that stable-baselines3 learns in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from progressive_training.envs import MarketVectorEnv
from progressive_training.market import LONG

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

    from progressive_training.market import Market

WALK_BARS = 256
"""Bars that a walk lasts. It is cut there, and not over: what comes after it counts by its estimated value."""


class MarketWalks(VecEnv):  # type: ignore[misc]  # stable-baselines3 is skipped by the type checker
    """`count` walks over the `bars` of `market`, each from a random bar. Rewards are counted in deviations of a bar's return."""

    def __init__(self, market: Market, bars: slice, count: int) -> None:
        length = max(2, min(WALK_BARS, (bars.stop - bars.start) // 2))
        self.env = MarketVectorEnv.of_market(market, bars, length, num_envs=count)
        super().__init__(count, self.env.single_observation_space, self.env.single_action_space)
        tables = self.env.tables
        earned = tables.stake[LONG] * (tables.end / tables.start - 1)
        self.unit = float(earned[tables.decidable].std()) or 1.0
        self.before = self.env.bars
        """Bars [count] that the latest step began at."""

    def reset(self) -> VecEnvObs:
        """Start all walks, seeded where `seed()` was called since the last time."""
        observations, _ = self.env.reset(seed=self._seeds)
        self._reset_seeds()
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the positions to take."""
        self.chosen = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Take them. Of a walk that ended, `infos` have the last observation, and that only a limit of time ended it."""
        self.before = self.env.bars
        observations, rewards, _, ended, info = self.env.step(self.chosen)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for walk in np.flatnonzero(ended).tolist():
            infos[walk] = {"terminal_observation": info["final_obs"][walk], "TimeLimit.truncated": True}
        return observations, (rewards / self.unit).astype(np.float32), ended, infos

    def close(self) -> None:
        """Nothing is open."""

    # What stable-baselines3 asks of environments that are objects of their own; these walks are rows of arrays.

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self.env, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        setattr(self.env, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        return [getattr(self.env, method_name)(*method_args, **method_kwargs)] * self.num_envs

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        return [False] * self.num_envs
