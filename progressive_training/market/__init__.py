"""The market, for a bucket with a learner of its own: bars, features, split, fills and costs, performance, baselines, verdict.

`load_bars(path)` reads bars, `open_market(bars, split, costs, device)` makes tensors of them. Names load on first use.
"""

from typing import TYPE_CHECKING, Any

from progressive_app.machine.loading import load as _load

if TYPE_CHECKING:
    from progressive_market.accounts.strategy_account import StrategyAccount as StrategyAccount
    from progressive_market.accounts.strategy_account import account_of as account_of
    from progressive_market.bars import Bars as Bars
    from progressive_market.bars import FeaturePlugin as FeaturePlugin
    from progressive_market.bars import Source as Source
    from progressive_market.bars import bars_of_bucket as bars_of_bucket
    from progressive_market.bars import check_causal as check_causal
    from progressive_market.bars import check_leaks as check_leaks
    from progressive_market.bars import clean_reading as clean_reading
    from progressive_market.bars import configured_bars as configured_bars
    from progressive_market.bars import doubts as doubts
    from progressive_market.bars import load_bars as load_bars
    from progressive_market.bars import read as read
    from progressive_market.bars import synthetic_bars as synthetic_bars
    from progressive_market.bucket_market import bytes_of_bucket_market as bytes_of_bucket_market
    from progressive_market.bucket_market import check_bucket_market as check_bucket_market
    from progressive_market.bucket_market import configured_market as configured_market
    from progressive_market.bucket_market import evaluator_on as evaluator_on
    from progressive_market.bucket_market import market_on as market_on
    from progressive_market.bucket_market import open_bucket_market as open_bucket_market
    from progressive_market.bucket_market import with_columns as with_columns
    from progressive_market.challenge.challenged_models import challenge_models as challenge_models
    from progressive_market.challenge.subject import Subject as Subject
    from progressive_market.features.feature_plugins import with_recorded_features as with_recorded_features
    from progressive_market.features.feature_table import BUILT_IN as BUILT_IN
    from progressive_market.features.feature_table import SCALES as SCALES
    from progressive_market.features.feature_table import WARM_UP as WARM_UP
    from progressive_market.features.feature_table import feature_names as feature_names
    from progressive_market.features.feature_table import feature_table as feature_table
    from progressive_market.features.scaler import Scaler as Scaler
    from progressive_market.fills import Costs as Costs
    from progressive_market.fills import account as account
    from progressive_market.fills import fill_returns as fill_returns
    from progressive_market.fills import growth_by_bar as growth_by_bar
    from progressive_market.fills import log_growth as log_growth
    from progressive_market.fixed_order import adds_in_order as adds_in_order
    from progressive_market.fixed_order import running_sum as running_sum
    from progressive_market.judging.baselines import Ridge as Ridge
    from progressive_market.judging.baselines import fit_ridge as fit_ridge
    from progressive_market.judging.baselines import with_baselines as with_baselines
    from progressive_market.judging.block_statistics import standard_error as standard_error
    from progressive_market.judging.block_statistics import t_statistic as t_statistic
    from progressive_market.judging.degenerate import degeneration as degeneration
    from progressive_market.judging.degenerate import one_sided as one_sided
    from progressive_market.judging.evaluator import MarketEvaluator as MarketEvaluator
    from progressive_market.judging.excerpt import excerpt as excerpt
    from progressive_market.judging.excerpt import in_first_half as in_first_half
    from progressive_market.judging.excerpt import stretch_of as stretch_of
    from progressive_market.judging.performance import completed_trades as completed_trades
    from progressive_market.judging.performance import measure as measure
    from progressive_market.judging.verdict import SHOWN_T as SHOWN_T
    from progressive_market.judging.verdict import Doubt as Doubt
    from progressive_market.judging.verdict import judge as judge
    from progressive_market.judging.verdict import pooled_t as pooled_t
    from progressive_market.learner_state import Stateful as Stateful
    from progressive_market.learner_state import below_prefix as below_prefix
    from progressive_market.learner_state import with_prefix as with_prefix
    from progressive_market.market import Market as Market
    from progressive_market.market import Part as Part
    from progressive_market.market import bytes_of_market as bytes_of_market
    from progressive_market.market import open_market as open_market
    from progressive_market.market_settings import ALLOW_LEAK as ALLOW_LEAK
    from progressive_market.market_settings import BORROW as BORROW
    from progressive_market.market_settings import CAPITAL_ALLOCATION as CAPITAL_ALLOCATION
    from progressive_market.market_settings import DATA as DATA
    from progressive_market.market_settings import DATA_MB as DATA_MB
    from progressive_market.market_settings import EVIDENCE as EVIDENCE
    from progressive_market.market_settings import FEE as FEE
    from progressive_market.market_settings import FILL_MINUTES as FILL_MINUTES
    from progressive_market.market_settings import FREQUENCY as FREQUENCY
    from progressive_market.market_settings import FUNDING as FUNDING
    from progressive_market.market_settings import MARKET as MARKET
    from progressive_market.market_settings import MARKET_SETTINGS as MARKET_SETTINGS
    from progressive_market.market_settings import PARTS as PARTS
    from progressive_market.market_settings import REGIME_COUNT as REGIME_COUNT
    from progressive_market.market_settings import REGIMES as REGIMES
    from progressive_market.market_settings import SLIPPAGE as SLIPPAGE
    from progressive_market.market_settings import SYNTHETIC_BARS as SYNTHETIC_BARS
    from progressive_market.market_settings import TEST_SHARE as TEST_SHARE
    from progressive_market.market_settings import VALIDATION_SHARE as VALIDATION_SHARE
    from progressive_market.own_learner.weights_bucket import WeightsBucket as WeightsBucket
    from progressive_market.own_learner.weights_learner import MarketPolicy as MarketPolicy
    from progressive_market.own_learner.weights_learner import Weights as Weights
    from progressive_market.own_learner.weights_learner import WeightsLearner as WeightsLearner
    from progressive_market.own_learner.weights_model import WeightsModel as WeightsModel
    from progressive_market.own_learner.weights_model import load_weights_model as load_weights_model
    from progressive_market.policy import FLAT as FLAT
    from progressive_market.policy import LONG as LONG
    from progressive_market.policy import SHORT as SHORT
    from progressive_market.policy import as_maps as as_maps
    from progressive_market.policy import best_actions as best_actions
    from progressive_market.policy import cost_matrix as cost_matrix
    from progressive_market.policy import follow as follow
    from progressive_market.policy import positions_of as positions_of
    from progressive_market.policy import sides as sides
    from progressive_market.policy_learner import PolicyLearner as PolicyLearner
    from progressive_market.regimes.detector import RegimeModel as RegimeModel
    from progressive_market.regimes.detector import Regimes as Regimes
    from progressive_market.regimes.detector import RegimesAsked as RegimesAsked
    from progressive_market.regimes.detector import fit_regimes as fit_regimes
    from progressive_market.serving.decision import ACTIONS as ACTIONS
    from progressive_market.serving.decision import Action as Action
    from progressive_market.serving.decision import Decision as Decision
    from progressive_market.serving.live_model import Live as Live
    from progressive_market.serving.paper_account import PaperAccount as PaperAccount
    from progressive_market.serving.paper_account import PaperStanding as PaperStanding
    from progressive_market.serving.paper_rows import PaperBar as PaperBar
    from progressive_market.serving.saved_market import LARGEST as LARGEST
    from progressive_market.serving.saved_market import MarketCard as MarketCard
    from progressive_market.serving.saved_market import checked_card as checked_card
    from progressive_market.serving.saved_market import market_card as market_card
    from progressive_market.serving.saved_market import market_of as market_of
    from progressive_market.serving.saved_market import refuse_earlier as refuse_earlier
    from progressive_market.serving.served_bars import Forming as Forming
    from progressive_market.serving.served_bars import bars_of_run as bars_of_run
    from progressive_market.serving.served_bars import closed_bars as closed_bars
    from progressive_market.serving.served_model import Decided as Decided
    from progressive_market.serving.served_model import ServedModel as ServedModel
    from progressive_market.serving.since import moment_of as moment_of
    from progressive_market.split import Split as Split
    from progressive_market.split import split_bars as split_bars
    from progressive_market.studied_bucket import StudiedBucket as StudiedBucket
    from progressive_market.walk_forward.fold_plan import plan_folds as plan_folds
    from progressive_market.walk_forward.walk_document import join_folds as join_folds

_NAMES = {
    "accounts.strategy_account": "StrategyAccount account_of",
    "bars": (
        "Bars FeaturePlugin Source bars_of_bucket check_causal check_leaks clean_reading configured_bars doubts load_bars read synthetic_bars"
    ),
    "judging.baselines": "Ridge fit_ridge with_baselines",
    "judging.degenerate": "degeneration one_sided",
    "judging.evaluator": "MarketEvaluator",
    "judging.excerpt": "excerpt in_first_half stretch_of",
    "bucket_market": "bytes_of_bucket_market check_bucket_market configured_market evaluator_on market_on open_bucket_market with_columns",
    "challenge.challenged_models": "challenge_models",
    "challenge.subject": "Subject",
    "features.feature_plugins": "with_recorded_features",
    "features.feature_table": "BUILT_IN SCALES WARM_UP feature_names feature_table",
    "fixed_order": "adds_in_order running_sum",
    "fills": "Costs account fill_returns growth_by_bar log_growth",
    "learner_state": "Stateful below_prefix with_prefix",
    "market": "Market Part bytes_of_market open_market",
    "judging.block_statistics": "standard_error t_statistic",
    "judging.performance": "completed_trades measure",
    "market_settings": (
        "ALLOW_LEAK BORROW CAPITAL_ALLOCATION DATA DATA_MB EVIDENCE FEE FILL_MINUTES FREQUENCY FUNDING MARKET MARKET_SETTINGS PARTS REGIMES REGIME_COUNT SLIPPAGE SYNTHETIC_BARS TEST_SHARE "
        "VALIDATION_SHARE"
    ),
    "policy_learner": "PolicyLearner",
    "own_learner.weights_bucket": "WeightsBucket",
    "own_learner.weights_learner": "MarketPolicy WeightsLearner Weights",
    "own_learner.weights_model": "WeightsModel load_weights_model",
    "policy": "FLAT LONG SHORT as_maps best_actions cost_matrix follow positions_of sides",
    "regimes.detector": "RegimeModel Regimes RegimesAsked fit_regimes",
    "serving.decision": "ACTIONS Action Decision",
    "serving.live_model": "Live",
    "serving.since": "moment_of",
    "serving.served_bars": "Forming bars_of_run closed_bars",
    "serving.paper_account": "PaperAccount PaperStanding",
    "serving.paper_rows": "PaperBar",
    "serving.served_model": "Decided ServedModel",
    "serving.saved_market": "LARGEST MarketCard checked_card market_card market_of refuse_earlier",
    "features.scaler": "Scaler",
    "split": "Split split_bars",
    "studied_bucket": "StudiedBucket",
    "walk_forward.fold_plan": "plan_folds",
    "walk_forward.walk_document": "join_folds",
    "judging.verdict": "SHOWN_T Doubt judge pooled_t",
}
_HOME = {name: f"progressive_market.{module}" for module, names in _NAMES.items() for name in names.split()}
__all__ = sorted(_HOME)  # noqa: PLE0605  (one list, kept in _NAMES)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_load(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
