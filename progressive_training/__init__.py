"""Train trading agents at several time scales in sequence, each starting from what the others learned.

Everything a user or a plugin author imports is here. Names load on first use, so that this import stays light.
"""

from typing import TYPE_CHECKING, Any

from progressive_app.machine.loading import load as _load

if TYPE_CHECKING:
    from progressive_app.config.app_settings import PLUGINS as PLUGINS
    from progressive_app.config.common_kinds import FilePath as FilePath
    from progressive_app.config.common_kinds import InputFile as InputFile
    from progressive_app.config.common_kinds import Names as Names
    from progressive_app.config.common_kinds import Number as Number
    from progressive_app.config.common_kinds import OneOf as OneOf
    from progressive_app.config.resolve import resolve as resolve
    from progressive_app.discovery.listing import installed_attacks as installed_attacks
    from progressive_app.discovery.listing import installed_bucket as installed_bucket
    from progressive_app.discovery.listing import installed_features as installed_features
    from progressive_app.discovery.listing import installed_regime as installed_regime
    from progressive_app.discovery.listing import why_not_installed as why_not_installed
    from progressive_app.exchanges.closed_bars import newest_bars as newest_bars
    from progressive_app.exchanges.named_exchange import Exchange as Exchange
    from progressive_app.exchanges.named_exchange import TryLater as TryLater
    from progressive_app.exchanges.named_exchange import exchange_named as exchange_named
    from progressive_app.locks.lock import one_at_a_time as one_at_a_time
    from progressive_app.machine.compiled_library import compiled_library as compiled_library
    from progressive_app.machine.compiled_library import library_file as library_file
    from progressive_app.machine.durable_files import make_directory as make_directory
    from progressive_app.machine.durable_files import place_for_reports as place_for_reports
    from progressive_app.machine.durable_files import replacing as replacing
    from progressive_app.machine.logs import get_logger as get_logger
    from progressive_app.machine.memory import read_memory as read_memory
    from progressive_app.machine.memory import release_heap as release_heap
    from progressive_app.machine.memory import release_memory as release_memory
    from progressive_app.machine.undoing import note_undo as note_undo
    from progressive_app.resume.inputs import RunInput as RunInput
    from progressive_app.resume.inputs import run_input as run_input
    from progressive_app.store.models import model_file as model_file
    from progressive_app.store.tensors import read_card as read_card
    from progressive_app.store.tensors import read_tensors as read_tensors
    from progressive_app.store.validated import InvalidValue as InvalidValue
    from progressive_app.store.validated import validated as validated
    from progressive_buckets.committee.committee_model import CommitteeModel as CommitteeModel
    from progressive_buckets.market_bucket import MarketBucket as MarketBucket
    from progressive_buckets.model import TradingModel as TradingModel
    from progressive_buckets.model import load_trading_model as load_trading_model
    from progressive_core.contract.core_settings import SEED as SEED
    from progressive_core.contract.errors import ConfigError as ConfigError
    from progressive_core.contract.errors import DataError as DataError
    from progressive_core.contract.errors import ModelError as ModelError
    from progressive_core.contract.errors import PluginError as PluginError
    from progressive_core.contract.errors import ProcessLost as ProcessLost
    from progressive_core.contract.errors import ProgressiveTrainingError as ProgressiveTrainingError
    from progressive_core.contract.errors import RunError as RunError
    from progressive_core.contract.evaluation import Edge as Edge
    from progressive_core.contract.evaluation import Evaluation as Evaluation
    from progressive_core.contract.evaluation import Performance as Performance
    from progressive_core.contract.evaluation import PerformanceKind as PerformanceKind
    from progressive_core.contract.hookspecs import API_VERSION as API_VERSION
    from progressive_core.contract.hookspecs import hookimpl as hookimpl
    from progressive_core.contract.kinds import HorizonRange as HorizonRange
    from progressive_core.contract.kinds import Kind as Kind
    from progressive_core.contract.kinds import OrNull as OrNull
    from progressive_core.contract.kinds import Refused as Refused
    from progressive_core.contract.kinds import Switch as Switch
    from progressive_core.contract.kinds import Whole as Whole
    from progressive_core.contract.machine import Memory as Memory
    from progressive_core.contract.protocols import Bucket as Bucket
    from progressive_core.contract.protocols import DatedLearner as DatedLearner
    from progressive_core.contract.protocols import Evaluator as Evaluator
    from progressive_core.contract.protocols import Learner as Learner
    from progressive_core.contract.protocols import Policy as Policy
    from progressive_core.contract.records import Adoption as Adoption
    from progressive_core.contract.records import BucketInfo as BucketInfo
    from progressive_core.contract.records import BucketResult as BucketResult
    from progressive_core.contract.records import EpisodeReport as EpisodeReport
    from progressive_core.contract.records import Knowledge as Knowledge
    from progressive_core.contract.records import LedgerEntry as LedgerEntry
    from progressive_core.contract.records import Model as Model
    from progressive_core.contract.records import Proof as Proof
    from progressive_core.contract.records import Resources as Resources
    from progressive_core.contract.records import RunInfo as RunInfo
    from progressive_core.contract.records import Skip as Skip
    from progressive_core.contract.records import State as State
    from progressive_core.contract.records import StopRequest as StopRequest
    from progressive_core.contract.records import TransferContext as TransferContext
    from progressive_core.contract.setting import Reason as Reason
    from progressive_core.contract.setting import Setting as Setting
    from progressive_core.contract.setting import Settings as Settings
    from progressive_core.contract.setting import as_settings as as_settings
    from progressive_core.contract.store import EpisodeLine as EpisodeLine
    from progressive_core.contract.store import Progress as Progress
    from progressive_core.contract.store import Store as Store
    from progressive_core.engine.run import Interrupted as Interrupted
    from progressive_front.export.export_record import Export as Export
    from progressive_front.from_python.followed_run import FollowedRun as FollowedRun
    from progressive_front.from_python.recorded_run import RecordedRun as RecordedRun
    from progressive_front.from_python.recorded_run import read_run as read_run
    from progressive_front.from_python.search import Search as Search
    from progressive_front.from_python.study import Study as Study
    from progressive_front.load_model import load_model as load_model
    from progressive_front.trainer import ProgressiveTrainer as ProgressiveTrainer
    from progressive_market.bars import load_bars as load_bars
    from progressive_studies.challenge.challenging import Challenge as Challenge
    from progressive_studies.challenge.challenging import ChallengesModels as ChallengesModels
    from progressive_studies.search.searching import Halves as Halves
    from progressive_studies.search.searching import SearchesSettings as SearchesSettings
    from progressive_studies.study.study_summary import StudySummary as StudySummary
    from progressive_studies.walk_forward.folding import Fold as Fold
    from progressive_studies.walk_forward.folding import Folding as Folding
    from progressive_studies.walk_forward.folding import WalksForward as WalksForward

_HOME = {
    "FilePath": "progressive_app.config.common_kinds",
    "InputFile": "progressive_app.config.common_kinds",
    "RunInput": "progressive_app.resume.inputs",
    "run_input": "progressive_app.resume.inputs",
    "Number": "progressive_app.config.common_kinds",
    "HorizonRange": "progressive_core.contract.kinds",
    "Kind": "progressive_core.contract.kinds",
    "Names": "progressive_app.config.common_kinds",
    "OneOf": "progressive_app.config.common_kinds",
    "OrNull": "progressive_core.contract.kinds",
    "Refused": "progressive_core.contract.kinds",
    "Switch": "progressive_core.contract.kinds",
    "Whole": "progressive_core.contract.kinds",
    "Reason": "progressive_core.contract.setting",
    "Setting": "progressive_core.contract.setting",
    "Settings": "progressive_core.contract.setting",
    "as_settings": "progressive_core.contract.setting",
    "PLUGINS": "progressive_app.config.app_settings",
    "SEED": "progressive_core.contract.core_settings",
    "Fold": "progressive_studies.walk_forward.folding",
    "Folding": "progressive_studies.walk_forward.folding",
    "Halves": "progressive_studies.search.searching",
    "SearchesSettings": "progressive_studies.search.searching",
    "WalksForward": "progressive_studies.walk_forward.folding",
    "Export": "progressive_front.export.export_record",
    "load_bars": "progressive_market.bars",
    "MarketBucket": "progressive_buckets.market_bucket",
    "CommitteeModel": "progressive_buckets.committee.committee_model",
    "TradingModel": "progressive_buckets.model",
    "load_model": "progressive_front.load_model",
    "load_trading_model": "progressive_buckets.model",
    "model_file": "progressive_app.store.models",
    "Bucket": "progressive_core.contract.protocols",
    "Evaluator": "progressive_core.contract.protocols",
    "Learner": "progressive_core.contract.protocols",
    "DatedLearner": "progressive_core.contract.protocols",
    "EpisodeLine": "progressive_core.contract.store",
    "Progress": "progressive_core.contract.store",
    "Store": "progressive_core.contract.store",
    "Policy": "progressive_core.contract.protocols",
    "resolve": "progressive_app.config.resolve",
    "ConfigError": "progressive_core.contract.errors",
    "DataError": "progressive_core.contract.errors",
    "ModelError": "progressive_core.contract.errors",
    "PluginError": "progressive_core.contract.errors",
    "ProcessLost": "progressive_core.contract.errors",
    "ProgressiveTrainingError": "progressive_core.contract.errors",
    "RunError": "progressive_core.contract.errors",
    "API_VERSION": "progressive_core.contract.hookspecs",
    "installed_attacks": "progressive_app.discovery.listing",
    "installed_bucket": "progressive_app.discovery.listing",
    "installed_features": "progressive_app.discovery.listing",
    "installed_regime": "progressive_app.discovery.listing",
    "why_not_installed": "progressive_app.discovery.listing",
    "hookimpl": "progressive_core.contract.hookspecs",
    "Memory": "progressive_core.contract.machine",
    "Exchange": "progressive_app.exchanges.named_exchange",
    "TryLater": "progressive_app.exchanges.named_exchange",
    "exchange_named": "progressive_app.exchanges.named_exchange",
    "newest_bars": "progressive_app.exchanges.closed_bars",
    "compiled_library": "progressive_app.machine.compiled_library",
    "library_file": "progressive_app.machine.compiled_library",
    "get_logger": "progressive_app.machine.logs",
    "make_directory": "progressive_app.machine.durable_files",
    "place_for_reports": "progressive_app.machine.durable_files",
    "replacing": "progressive_app.machine.durable_files",
    "one_at_a_time": "progressive_app.locks.lock",
    "read_memory": "progressive_app.machine.memory",
    "release_heap": "progressive_app.machine.memory",
    "release_memory": "progressive_app.machine.memory",
    "note_undo": "progressive_app.machine.undoing",
    "Adoption": "progressive_core.contract.records",
    "BucketInfo": "progressive_core.contract.records",
    "BucketResult": "progressive_core.contract.records",
    "Edge": "progressive_core.contract.evaluation",
    "EpisodeReport": "progressive_core.contract.records",
    "Evaluation": "progressive_core.contract.evaluation",
    "Knowledge": "progressive_core.contract.records",
    "LedgerEntry": "progressive_core.contract.records",
    "Model": "progressive_core.contract.records",
    "Performance": "progressive_core.contract.evaluation",
    "PerformanceKind": "progressive_core.contract.evaluation",
    "Proof": "progressive_core.contract.records",
    "Resources": "progressive_core.contract.records",
    "RunInfo": "progressive_core.contract.records",
    "Skip": "progressive_core.contract.records",
    "State": "progressive_core.contract.records",
    "StopRequest": "progressive_core.contract.records",
    "TransferContext": "progressive_core.contract.records",
    "Interrupted": "progressive_core.engine.run",
    "read_card": "progressive_app.store.tensors",
    "read_tensors": "progressive_app.store.tensors",
    "InvalidValue": "progressive_app.store.validated",
    "validated": "progressive_app.store.validated",
    "ProgressiveTrainer": "progressive_front.trainer",
    "Search": "progressive_front.from_python.search",
    "Study": "progressive_front.from_python.study",
    "Challenge": "progressive_studies.challenge.challenging",
    "ChallengesModels": "progressive_studies.challenge.challenging",
    "StudySummary": "progressive_studies.study.study_summary",
    "FollowedRun": "progressive_front.from_python.followed_run",
    "RecordedRun": "progressive_front.from_python.recorded_run",
    "read_run": "progressive_front.from_python.recorded_run",
}
__all__ = sorted(_HOME)  # noqa: PLE0605  (one list, kept in _HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_load(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
