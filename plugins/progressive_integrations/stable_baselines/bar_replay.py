"""The replay of DQN as numbers of bars: the features seen there are gathered anew, so that a checkpoint stays small."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch import Tensor

from progressive_integrations.stable_baselines.market_walks import MarketWalks

KEPT = ("bars", "held", "taken", "after", "earned")


class BarReplay(ReplayBuffer):  # type: ignore[misc]  # stable-baselines3 is skipped by the type checker
    """Eleven bytes a transition in a checkpoint: its bar, the position held there, the action, the position it led to and the reward."""

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
        self.bars = np.zeros(buffer_size, np.int32)
        self.held, self.taken, self.after = (np.zeros(buffer_size, np.uint8) for _ in range(3))
        self.earned = np.zeros(buffer_size, np.float32)

    def add(self, seen: Any, following: Any, actions: Any, rewards: Any, *_: Any) -> None:
        """Remember the latest step of all walks, in place of the oldest."""
        bars = self.walks.before
        rows = (self.seen + np.arange(len(bars))) % self.buffer_size
        self.bars[rows], self.taken[rows], self.earned[rows] = bars, actions, rewards
        self.held[rows], self.after[rows] = (each[:, -3:].argmax(axis=1) for each in (seen, following))
        self.seen += len(bars)

    def sample(self, batch_size: int, env: object = None) -> ReplayBufferSamples:
        """Transitions drawn evenly. None ends: a walk that was cut goes on in truth."""
        rows = np.random.randint(0, min(self.seen, self.buffer_size), batch_size)  # noqa: NPY002  # as the rest of SB3 draws
        bars, held, taken, after = (
            each[rows].astype(np.int64) for each in (self.bars, self.held, self.taken, self.after)
        )
        observed = self.walks.env.observed
        return ReplayBufferSamples(
            observations=torch.from_numpy(observed(bars, held)),
            actions=torch.from_numpy(taken)[:, None],
            next_observations=torch.from_numpy(observed(bars + 1, after)),
            dones=torch.zeros(batch_size, 1),
            rewards=torch.from_numpy(self.earned[rows])[:, None],
        )

    def state(self) -> dict[str, Tensor]:
        """What it remembers, of the same shapes whenever it is asked."""
        return {name: torch.from_numpy(getattr(self, name).copy()) for name in KEPT} | {"seen": torch.tensor(self.seen)}

    def out_of_range(self, state: Mapping[str, Any]) -> str:
        """The name of what in a `state()` no walk on these bars can have left; empty for nothing."""
        actions = int(self.walks.action_space.n)
        limits = {"bars": len(self.walks.env.tables), "held": 3, "taken": actions, "after": 3, "seen": 2**62}
        for name, limit in limits.items():
            numbers = state.get(name)
            if isinstance(numbers, Tensor) and bool(((numbers < 0) | (numbers >= limit)).any()):
                return name
        return ""

    def load(self, state: dict[str, Tensor]) -> None:
        """Return to a `state()`."""
        for name in KEPT:
            setattr(self, name, state[name].numpy().copy())
        self.seen = int(state["seen"])
