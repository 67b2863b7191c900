"""Loading a trained model of whatever bucket."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from progressive_app.store.models import model_file
from progressive_app.store.tensors import read_card
from progressive_core.contract.errors import ModelError, PluginError, ProgressiveTrainingError
from progressive_core.contract.names import is_name
from progressive_studies.walk_forward.walk_directory import is_walked, walked_model

if TYPE_CHECKING:
    from progressive_core.contract.evaluation import Performance

SHARED = "format"
"""In the card of every model of the shared learner, which is loaded without any plugin, and of no other."""


class LoadedModel(Protocol):
    """What `load_model` of a bucket returns. It may have `reason`: why it does not trade, or None;
    `strategy()`: the same model, trading so whatever its verdict says; `live(position)`: a function of bars alone, which
    remembers the position; `of_market(name)`: the same model for one of several markets in a file; `read(bars, forming)`: bars as
    it reads them, for later calls; `known(bars, since)`: how many of these it was trained, chosen and judged on, in words; and
    `by_regime(bars, since)`: what its strategy did in each regime alone, as rows."""

    def __call__(self, bars: Any) -> Any:
        """Decide on the newest of `bars`, which may be whatever `load_bars` takes."""

    def performance(self, bars: Any) -> tuple[Performance, ...]:
        """What the model did on `bars`, as it is used, its own row first, and baselines beside it."""


def load_model(path: str | Path, *, policy: str = "verdict") -> Any:
    """Read a trained model: of the shared learner by itself, of any other by the `load_model` of its bucket.

    It trades where the verdict in its card says so, and stays flat elsewhere.

    :param path: a model file, the directory that holds `model.safetensors`, or that of a walk-forward of one bucket, whose newest
        fold's model it is.
    :param policy: "verdict", or "strategy" to have it trade as its strategy does, whatever its verdict says; each of its answers
        then says that no edge was shown.
    :raise ModelError: there is no such file, it is not one of our models, or its bucket does not say how it is loaded.
    :raise PluginError: its bucket is not installed, or cannot be used.
    """
    if policy not in ("verdict", "strategy"):
        raise ModelError(f"policy is {policy!r:.60}, expected 'verdict' or 'strategy'")
    if isinstance(path, str | Path) and is_walked(Path(path)):
        path = walked_model(Path(path))
    file = model_file(path)
    card = read_card(file)
    model = _loaded(path, file, card)
    if policy == "verdict":
        return model
    if not callable(getattr(model, "strategy", None)):
        raise ModelError(
            f"{file}: models of bucket {card.get('bucket')!r:.60} have no verdict and always trade as their strategy does"
        )
    return model.strategy()


def _loaded(path: str | Path, file: Path, card: Mapping[str, Any]) -> Any:
    if SHARED in card or "bucket" not in card:
        return import_module("progressive_training").load_trading_model(path)
    name = bucket_of(card, file)
    try:
        reason = not_loadable(name)
    except PluginError as error:
        raise PluginError(f"{file}: {error}") from error
    if reason:
        raise ModelError(f"{file}: {reason}")
    try:
        return _bucket(name).load_model(path)
    except ProgressiveTrainingError:
        raise
    except Exception as error:
        raise ModelError(f"{file}: bucket {name!r} could not load it: {error!r:.200}") from error


def not_loadable(bucket: str) -> str:
    """Why models of `bucket` cannot be loaded; empty where they can.

    :raise PluginError: it is not installed, or cannot be used.
    """
    if callable(getattr(_bucket(bucket), "load_model", None)):
        return ""
    return f"bucket {bucket!r} has no load_model(path), so its models cannot be used outside a run"


def bucket_of(card: Mapping[str, Any], file: Path) -> str:
    """The bucket that a model's card names.

    :raise ModelError: it is no name.
    """
    name = card["bucket"]
    if not is_name(name):
        raise ModelError(f"{file}: its card names no bucket ({name!r:.60})")
    return str(name)


def _bucket(name: str) -> Any:
    from progressive_app.discovery.listing import installed_bucket

    return installed_bucket(name)
