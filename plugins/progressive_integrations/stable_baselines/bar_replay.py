"""The replay of DQN as numbers of bars: what was seen there is gathered anew, so that a checkpoint stays small."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch import Tensor

from progressive_integrations.stable_baselines.market_walks import MarketWalks


class BarReplay(ReplayBuffer):  # type: ignore[misc]  # stable-baselines3 is skipped by the type checker
    """Six bytes a transition in a checkpoint: its bar, the position held there and the action. Reward and both observations follow from these."""

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        device: torch.device | str = "cpu",
        n_envs: int = 1,
        *,
        walks: MarketWalks,
        **_: Any,
    ) -> None:
        super(ReplayBuffer, self).__init__(buffer_size, observation_space, action_space, device, n_envs)
        self.walks, self.seen = walks, 0
        self.bars = torch.zeros(buffer_size, dtype=torch.int64)
        self.held, self.taken = (torch.zeros(buffer_size, dtype=torch.uint8) for _ in range(2))

    def add(self, *_: Any) -> None:
        """Remember the latest step of all walks, in place of the oldest."""
        bars, held = self.walks.before
        rows = torch.from_numpy((self.seen + np.arange(len(bars))) % self.buffer_size)
        self.bars[rows] = torch.from_numpy(bars)
        self.held[rows] = torch.from_numpy(held).to(torch.uint8)
        self.taken[rows] = torch.from_numpy(self.walks.chosen).to(torch.uint8)
        self.seen += len(bars)

    def sample(self, batch_size: int, env: object = None) -> ReplayBufferSamples:
        """Transitions drawn evenly. None ends: a walk that was cut goes on in truth."""
        rows = np.random.randint(0, min(self.seen, self.buffer_size), batch_size)  # noqa: NPY002  # as the rest of SB3 draws
        bars, held, actions = (each.numpy()[rows].astype(np.int64) for each in (self.bars, self.held, self.taken))
        walks, after = self.walks, self.walks.after(bars, held, actions)
        return ReplayBufferSamples(
            observations=torch.from_numpy(walks.observed(bars, held)),
            actions=torch.from_numpy(actions)[:, None],
            next_observations=torch.from_numpy(walks.observed(bars + 1, after)),
            dones=torch.zeros(batch_size, 1),
            rewards=torch.from_numpy(walks.earned(bars, held, after))[:, None],
        )

    def state(self) -> dict[str, Tensor]:
        """What it remembers, of the same shapes whenever it is asked."""
        seen = torch.tensor(self.seen)
        return {"bars": self.bars.int(), "held": self.held.clone(), "taken": self.taken.clone(), "seen": seen}

    def load(self, state: dict[str, Tensor]) -> None:
        """Return to a `state()`."""
        self.bars, self.held, self.taken = state["bars"].long(), state["held"].clone(), state["taken"].clone()
        self.seen = int(state["seen"])
