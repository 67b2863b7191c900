"""`SB3Bucket`: an algorithm of stable-baselines3 as a bucket."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field, frozen

from progressive_integrations.stable_baselines.sb3_settings import SB3_SETTINGS
from progressive_training import BucketInfo, PluginError, Resources, Setting
from progressive_training.market import MARKET_SETTINGS, StudiedBucket

if TYPE_CHECKING:
    from progressive_integrations.stable_baselines.recipe import Recipe
    from progressive_integrations.stable_baselines.sb3_learner import SB3Learner
    from progressive_training.market import WeightsModel

ALGORITHM_NAMES = ("PPO", "A2C", "DQN")
OF_ADAM = {"betas", "eps", "weight_decay"}
"""What may be chosen of it: more would add to the state that is saved."""
BYTES_PER_STEP = 4 * 256
"""Of what one walk saw on one bar, held until it was learned from."""


def _algorithm(bucket: SB3Bucket, _: object, algo: str) -> None:
    if algo not in ALGORITHM_NAMES:
        raise PluginError(f"{bucket.name}: algo is {algo!r}; expected one of {', '.join(ALGORITHM_NAMES)}")


def _numbers(given: Iterable[int]) -> tuple[int, ...]:
    return tuple(given) if isinstance(given, Iterable) else given  # refused with all others that are none


def _as_values(given: Any) -> Any:
    """As the card of a model gives it back: classes by name, and lists, however deep they lie."""
    if isinstance(given, Mapping):
        return {name: _as_values(value) for name, value in given.items()}
    if isinstance(given, list | tuple):
        return [_as_values(value) for value in given]
    return given.__name__ if isinstance(given, type) else given


def _kept(given: Mapping[str, Any] | None) -> Any:
    return _as_values({} if given is None else given)


def _policy_kwargs(bucket: SB3Bucket, _: object, given: dict[str, Any]) -> None:
    where = f"{bucket.name}: policy_kwargs"
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise PluginError(f"{where} are {given!r:.60}; expected a mapping like {{'net_arch': [64, 64]}}")
    try:
        json.dumps(given, allow_nan=False)
    except (TypeError, ValueError):
        raise PluginError(f"{where} are written to a file: expected numbers, texts, lists and mappings") from None
    if refused := sorted(name for name in given if name.endswith(("_class", "_schedule"))):
        raise PluginError(
            f"{where}: {', '.join(refused)} cannot be given; the optimiser is Adam, and what is seen a vector"
        )
    if not isinstance(of_adam := given.get("optimizer_kwargs", {}), dict) or of_adam.keys() - OF_ADAM:
        raise PluginError(
            f"{where}: optimizer_kwargs is {of_adam!r}; expected a mapping of {', '.join(sorted(OF_ADAM))}"
        )
    if (name := given.get("activation_fn")) is not None and not _is_layer(name):
        raise PluginError(f'{where}: activation_fn is {name!r}; expected the name of a layer of torch.nn, like "ReLU"')


def _is_layer(name: object) -> bool:
    from torch import nn

    kind = getattr(nn, name, None) if isinstance(name, str) else None
    return isinstance(kind, type) and issubclass(kind, nn.Module)


@frozen(kw_only=True)
class SB3Bucket(StudiedBucket):
    """Implements `progressive_training.Bucket` by an algorithm of stable-baselines3, which the extra `sb3` installs.

    `algo`: "PPO", "A2C" or "DQN". `horizons` in bars, ascending: the longest parts training, validation and test, and bounds how far
    the discount looks ahead. `policy_kwargs`: those of `MlpPolicy`, as JSON values: `net_arch`, and `activation_fn`, the name of a layer
    of `torch.nn`.

    :raise PluginError: an unknown algorithm, or `policy_kwargs` that a file cannot hold.
    """

    name: str
    horizons: tuple[int, ...] = field(converter=_numbers)
    algo: str = field(default="PPO", validator=_algorithm)
    policy_kwargs: dict[str, Any] = field(default=None, converter=_kept, validator=_policy_kwargs, hash=False)
    settings: ClassVar[tuple[Setting[Any], ...]] = (*MARKET_SETTINGS, *SB3_SETTINGS)
    needs_packages: ClassVar[dict[str, str]] = {"stable_baselines3": "progressive-training[sb3]"}

    def memory_needed(self, bucket: BucketInfo, resources: Resources) -> int:
        """Estimate the bytes of the market, and of what is seen between two updates."""
        from progressive_training.market import bytes_of_bucket_market

        return (
            bytes_of_bucket_market(bucket) + (64 * resources.parallel_episodes + resources.batch_size) * BYTES_PER_STEP
        )

    def check(self, bucket: BucketInfo, resources: Resources) -> None:
        """Look for stable-baselines3, for leaks, and for too few bars, before anything is trained.

        :raise PluginError: stable-baselines3 is not installed.
        """
        from progressive_training.market import check_bucket_market

        self._recipe()
        check_bucket_market(bucket, resources)

    def open(self, bucket: BucketInfo, resources: Resources) -> SB3Learner:
        """Load the bars, split them, and build the learner."""
        recipe = self._recipe()
        from progressive_integrations.stable_baselines.sb3_learner import SB3Learner

        return SB3Learner(recipe, bucket, resources)

    def load_model(self, path: str | Path) -> WeightsModel:
        """Read a model of this bucket.

        :raise ModelError: there is no such file, or it is no model of this algorithm and these `policy_kwargs`. :raise PluginError: stable-baselines3 is not installed.
        """
        recipe = self._recipe()
        from progressive_training import model_file, read_tensors
        from progressive_training.market import load_weights_model

        file = model_file(path)
        recipe.refuse_other(read_tensors(file)[1], str(file))
        return load_weights_model(path, recipe.policy_from)

    def tunable(self) -> dict[str, str]:
        """What a search varies where the user names nothing."""
        return {"SB3_LEARNING_RATE": "1e-4..1e-2:log", "SB3_DISCOUNT": "0.8..0.99"}

    def _recipe(self) -> Recipe:
        if find_spec("stable_baselines3") is None:
            raise PluginError(f"{self.name} needs stable-baselines3: pip install 'progressive-training[sb3]'")
        from progressive_integrations.stable_baselines.recipe import Recipe

        return Recipe(self.algo, self.policy_kwargs)
