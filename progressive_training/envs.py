"""A market as a Gymnasium environment: `MarketEnv`, and `MarketVectorEnv` for many walks at once. The extra is `gym`.

This import registers the id `ProgressiveTraining/Market-v0`: Gymnasium asks no installed package for its ids.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from progressive_integrations.gymnasium.single_env import MarketEnv as MarketEnv  # noqa: PLC0414  (the public name)
    from progressive_integrations.gymnasium.vector_env import MarketVectorEnv as MarketVectorEnv  # noqa: PLC0414  (as above)

_HOME = {"MarketEnv": "single_env", "MarketVectorEnv": "vector_env"}
_GYMNASIUM = find_spec("gymnasium") is not None
__all__ = sorted(_HOME)  # noqa: PLE0605  (one list, kept in _HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if not _GYMNASIUM:
        from progressive_training import PluginError

        raise PluginError(f"{name} needs Gymnasium: pip install 'progressive-training[gym]'")
    value = getattr(import_module(f"progressive_integrations.gymnasium.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


if _GYMNASIUM:
    from progressive_integrations.gymnasium.registration import register_envs as _register_envs

    _register_envs()
