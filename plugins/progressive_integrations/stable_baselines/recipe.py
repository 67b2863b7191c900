"""What an `SB3Bucket` trains: the algorithm and its network, as values that a card can hold, and what weights of it do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from attrs import frozen
from stable_baselines3 import A2C, DQN, PPO
from torch import Tensor, nn

from progressive_integrations.gymnasium.step_tables import SIDES, spaces_of
from progressive_training import ConfigError, ModelError
from progressive_training.market import as_maps, follow, sides

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.policies import BasePolicy

    from progressive_training.market import Market, MarketPolicy, Part

ALGORITHMS: Mapping[str, type[BaseAlgorithm]] = {"PPO": PPO, "A2C": A2C, "DQN": DQN}
WEIGHT_DECAY = {"PPO": 0.01, "A2C": 0.003, "DQN": 0.01}
RECIPE = "stable_baselines3"
"""Where a model's card has the recipe."""
ROWS_AT_ONCE = 16_384
TARGET = "q_net_target."
"""Of DQN's second network, which starts each episode as a copy of the first."""


@frozen
class Recipe:
    """`algo` and `policy_kwargs` of an `SB3Bucket`."""

    algo: str
    policy_kwargs: Mapping[str, Any]

    def keywords(self) -> dict[str, Any]:
        """`policy_kwargs` as stable-baselines3 takes them; the optimiser is Adam, whose moments are saved.

        Without a pull of the weights to 0 (`weight_decay`) all three learn the noise of the training bars: DQN earned half as much.
        """
        given = {"optimizer_kwargs": {"weight_decay": WEIGHT_DECAY[self.algo]}, **self.policy_kwargs}
        if name := given.get("activation_fn"):
            given["activation_fn"] = getattr(nn, name)
        return {**given, "optimizer_class": torch.optim.Adam}

    def card(self) -> dict[str, Any]:
        """What a model's card says of it."""
        return {"algo": self.algo, "policy_kwargs": dict(self.policy_kwargs)}

    def refuse_other(self, card: Mapping[str, Any], model: str) -> None:
        """Refuse a `model` whose card has another recipe: its weights may fit, and mean something else.

        :raise ModelError: it has.
        """
        if (made := card.get(RECIPE)) != self.card():
            raise ModelError(f"{model}: it was trained with {made}, and the bucket is declared with {self.card()}")

    def network(self, market: Market) -> BasePolicy:
        """A policy of the algorithm for what is seen on `market`, with weights drawn at random.

        :raise ConfigError: `policy_kwargs` are not those of this algorithm.
        """
        kind = ALGORITHMS[self.algo].policy_aliases["MlpPolicy"]
        try:
            return kind(*spaces_of(market), lambda _: 0.0, **self.keywords())
        except (
            TypeError,
            ValueError,
            AssertionError,
            LookupError,
            RuntimeError,
        ) as error:  # whatever torch makes of them
            raise ConfigError(f"policy_kwargs do not fit {self.algo}: {' '.join(str(error).split())[:200]}") from None

    def policy_from(self, weights: Mapping[str, Tensor], market: Market) -> MarketPolicy:
        """What `weights` do on `market`, without exploring."""
        with torch.random.fork_rng(devices=[]):  # weights are drawn, and replaced
            network = self.network(market)
        own = network.state_dict()
        network.load_state_dict({name: weights[name.replace(TARGET, "q_net.")] for name in own})
        network.set_training_mode(mode=False)
        return partial(_positions, network)


def _positions(network: BasePolicy, part: Part) -> Tensor:
    """Signed positions [N] float64: the choice from each of the three positions at each bar, followed from flat."""
    held = torch.eye(len(SIDES))
    actions = []
    with torch.no_grad():
        for rows in part.features.cpu().split(ROWS_AT_ONCE):
            seen = torch.cat(
                [rows[:, None].expand(-1, len(held), -1), held.expand(len(rows), -1, -1)], dim=-1
            )  # [rows, 3, F + 3]
            chosen = network._predict(seen.flatten(0, 1), deterministic=True)  # predict() takes numpy
            actions.append(chosen.view(len(rows), len(held)))
    maps = as_maps(torch.cat(actions).to(part.features.device), part.decidable, part.absent)
    return sides(part.features.device).take(follow(maps))
