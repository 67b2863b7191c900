"""Train trading agents at several time scales in sequence, each starting from what the others learned.

Everything a user or a plugin author imports is here. Names load on first use, so that this import stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from progressive_buckets.bars import load_bars as load_bars
    from progressive_buckets.bucket import MarketBucket as MarketBucket
    from progressive_buckets.model import TradingModel as TradingModel
    from progressive_buckets.model import load_model as load_model
    from progressive_core.bucket import Bucket as Bucket
    from progressive_core.bucket import Learner as Learner
    from progressive_core.config import resolve as resolve
    from progressive_core.errors import ConfigError as ConfigError
    from progressive_core.errors import DataError as DataError
    from progressive_core.errors import ModelError as ModelError
    from progressive_core.errors import PluginError as PluginError
    from progressive_core.errors import ProgressiveTrainingError as ProgressiveTrainingError
    from progressive_core.errors import RunError as RunError
    from progressive_core.hookspecs import API_VERSION as API_VERSION
    from progressive_core.hookspecs import hookimpl as hookimpl
    from progressive_core.memory import Memory as Memory
    from progressive_core.memory import read_memory as read_memory
    from progressive_core.memory import release_heap as release_heap
    from progressive_core.memory import release_memory as release_memory
    from progressive_core.records import Adoption as Adoption
    from progressive_core.records import BucketInfo as BucketInfo
    from progressive_core.records import BucketResult as BucketResult
    from progressive_core.records import EpisodeReport as EpisodeReport
    from progressive_core.records import Evaluation as Evaluation
    from progressive_core.records import Knowledge as Knowledge
    from progressive_core.records import LedgerEntry as LedgerEntry
    from progressive_core.records import Model as Model
    from progressive_core.records import Performance as Performance
    from progressive_core.records import Proof as Proof
    from progressive_core.records import Resources as Resources
    from progressive_core.records import State as State
    from progressive_core.records import StopRequest as StopRequest
    from progressive_core.records import TransferContext as TransferContext
    from progressive_core.run import Interrupted as Interrupted
    from progressive_core.tensors import read_tensors as read_tensors
    from progressive_core.trainer import ProgressiveTrainer as ProgressiveTrainer

_HOME = {
    "load_bars": "progressive_buckets.bars",
    "MarketBucket": "progressive_buckets.bucket",
    "TradingModel": "progressive_buckets.model",
    "load_model": "progressive_buckets.model",
    "Bucket": "progressive_core.bucket",
    "Learner": "progressive_core.bucket",
    "resolve": "progressive_core.config",
    "ConfigError": "progressive_core.errors",
    "DataError": "progressive_core.errors",
    "ModelError": "progressive_core.errors",
    "PluginError": "progressive_core.errors",
    "ProgressiveTrainingError": "progressive_core.errors",
    "RunError": "progressive_core.errors",
    "API_VERSION": "progressive_core.hookspecs",
    "hookimpl": "progressive_core.hookspecs",
    "Memory": "progressive_core.memory",
    "read_memory": "progressive_core.memory",
    "release_heap": "progressive_core.memory",
    "release_memory": "progressive_core.memory",
    "Adoption": "progressive_core.records",
    "BucketInfo": "progressive_core.records",
    "BucketResult": "progressive_core.records",
    "EpisodeReport": "progressive_core.records",
    "Evaluation": "progressive_core.records",
    "Knowledge": "progressive_core.records",
    "LedgerEntry": "progressive_core.records",
    "Model": "progressive_core.records",
    "Performance": "progressive_core.records",
    "Proof": "progressive_core.records",
    "Resources": "progressive_core.records",
    "State": "progressive_core.records",
    "StopRequest": "progressive_core.records",
    "TransferContext": "progressive_core.records",
    "Interrupted": "progressive_core.run",
    "read_tensors": "progressive_core.tensors",
    "ProgressiveTrainer": "progressive_core.trainer",
}
__all__ = sorted(_HOME)  # noqa: PLE0605  (one list, kept in _HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
