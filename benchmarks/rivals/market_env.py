"""Our market as a gymnasium environment, for peers to trade on exactly the bars, fills and fees that we trade on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from progressive_market.market import Market

SIDE = (0.0, 1.0, -1.0)
"""Signed position of the actions flat, long and short."""
EPISODE_BARS = 512


class MarketEnv(gymnasium.Env):
    """Flat, long or short on the bars of `train`; each episode starts anywhere, flat, and is cut off after 512 bars.

    An observation is a row of the market's features and the position held, one of three. The reward is the log growth
    of the equity over the bar, net of costs, in deviations of that of a long position (raw rewards near 0.006 would be
    lost beside a network's first guesses).
    """

    def __init__(self, market: Market, train: slice) -> None:
        self.features: NDArray[np.float32] = market.features[train].contiguous().numpy()
        self.decidable = market.decidable[train].numpy()
        returns, costs = market.returns[train], market.costs
        earned = np.stack([costs.earned(0 * returns + side, returns).numpy() for side in SIDE], axis=1)
        unit = earned[:, 1].std()
        self.earned = earned / unit  # [T, 3]
        self.cost = np.array(costs.table()) / unit  # of 0, 1 and 2 steps
        self.action_space = gymnasium.spaces.Discrete(len(SIDE))
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (self.features.shape[1] + len(SIDE),))
        self.bar = self.stop = self.position = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.bar = int(self.np_random.integers(len(self.features) - EPISODE_BARS - 1))
        self.stop = self.bar + EPISODE_BARS
        self.position = 0
        return self.observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        position = int(action) if self.decidable[self.bar] else 0
        steps = int(abs(SIDE[position] - SIDE[self.position]))
        reward = float(self.earned[self.bar, position] - self.cost[steps])
        self.position = position
        self.bar += 1
        return self.observe(), reward, False, self.bar == self.stop, {}

    def observe(self) -> NDArray[np.float32]:
        """The features of the bar and the position held."""
        held = np.zeros(len(SIDE), dtype=np.float32)
        held[self.position] = 1.0
        return np.concatenate([self.features[self.bar], held])
