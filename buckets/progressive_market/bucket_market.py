"""The market of a bucket, from the settings of its run: bars, features, leak check, split, costs and evaluator."""

from __future__ import annotations

from collections import deque
from functools import partial
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING

from progressive_market.bars import bars_of_bucket, check_leaks, doubts, parts_of
from progressive_market.bars.bar_records import FLOWS
from progressive_market.bars.leaks.leak_check import check_further_horizons
from progressive_market.bars.levels import as_ratios, level_columns
from progressive_market.bars.what_was_read import bars_line, features_line
from progressive_market.charges import funding_doubt, without_funding
from progressive_market.features.feature_plugins import check_features, with_features
from progressive_market.features.feature_table import feature_names, feature_table
from progressive_market.fills import Costs
from progressive_market.judging.evaluator import MarketEvaluator
from progressive_market.market import bytes_of_market
from progressive_market.market_settings import (
    ALLOW_LEAK,
    BARS_SETTINGS,
    BORROW,
    CAPITAL_ALLOCATION,
    DATA,
    EVIDENCE,
    FEE,
    FREQUENCY,
    FUNDING,
    PARTS,
    SIDES,
    SLIPPAGE,
    SYNTHETIC_BARS,
    TEST_SHARE,
    VALIDATION_SHARE,
)
from progressive_market.prepared.run_memory import memory_of
from progressive_market.prepared.shared_market import CacheRoom, SharedBars, digest_of, shared_market
from progressive_market.regimes.detector import RegimesAsked
from progressive_market.regimes.detector_checks import check_regimes, regimes_line
from progressive_market.split import Split, split_at, split_bars
from progressive_market.walk_forward.judged_market import market_with_test
from progressive_training import PLUGINS, SEED, DataError, get_logger, release_heap, run_input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from progressive_market.bars import Bars
    from progressive_market.market import Market
    from progressive_training import BucketInfo, Resources, Settings

log = get_logger()

LEAST_OUTCOMES = 100
FEATURES_EXPECTED = 8
"""Raw features that the estimate of memory counts on."""
BYTES_PER_ROW = {".parquet": 25, ".feather": 40}
BYTES_PER_TEXT_ROW = 60
_WITHOUT_LEAK: deque[tuple[tuple[str, tuple[str, ...]], set[int]]] = deque(maxlen=64)
"""Digests of bars and columns that may leak, with the horizons for which this process looked for leaks and found none."""


def bytes_of_bucket_market(info: BucketInfo) -> int:
    """Estimate the bytes of the market, from the size of the file of bars, without reading it."""
    data = info.settings[DATA]
    if data is None:
        return bytes_of_market(info.settings[SYNTHETIC_BARS], FEATURES_EXPECTED)
    path = Path(data)
    size = path.stat().st_size if path.exists() else 0
    return bytes_of_market(size // BYTES_PER_ROW.get(path.suffix, BYTES_PER_TEXT_ROW), FEATURES_EXPECTED)


def check_bucket_market(info: BucketInfo, resources: Resources) -> None:
    """Check the configured bars, the installed features and the detector of regimes for leaks, and for a split that leaves enough to learn from.

    What was read is shown in two lines, and the report of the cleaning logged; doubtful data is logged as a warning.

    :param info, resources: what the bucket's `check` was given.
    :raise DataError: the bars cannot be used. :raise PluginError: a feature or the detector of regimes cannot.
    """
    settings = info.settings
    bars = bars_of_bucket(info, resources)
    if settings[FREQUENCY] and isinstance(funding := settings[FUNDING], str) and funding not in FLOWS:
        raise DataError(
            f"{bars.report.source}: FREQUENCY merges bars, and what the column {funding!r} of FUNDING says of them has to add "
            f"up: call it funding_rate"
        )
    priced, bars = bars, without_funding(bars, settings[FUNDING])
    log.info("bars read", **bars.report.as_json())
    found = (*doubts(bars, time_ns()), *funding_doubt(priced, settings[FUNDING]))
    del priced
    release_heap()  # the memory of reading and cleaning
    check_features(bars, settings[PLUGINS])
    complete = with_columns(bars, settings)
    for doubt in found:
        log.warning(doubt)
    _check_leaks_once(complete, settings[ALLOW_LEAK], info.horizons)
    try:
        split = split_for(bars, info)
    except DataError as error:
        raise DataError(f"{bars.report.source}: {error}") from error
    if asked := RegimesAsked.of(settings):
        regimes = check_regimes(complete, split.train, asked)
        log.info(regimes_line(complete, split.train, regimes), show=True)


def _check_leaks_once(bars: Bars, allow: Sequence[str], horizons: Sequence[int]) -> None:
    """Look for leaks, but for what this process looked for in the same bars and did not find: the buckets of a run differ in their
    horizons alone, and thirty trials of a search in nothing that is asked here."""
    asked = digest_of(bars), tuple(allow)
    known = dict(_WITHOUT_LEAK).get(asked)
    if known is None:
        if not check_leaks(bars, feature_table, allow, horizons):
            _WITHOUT_LEAK.append((asked, set(horizons)))
    elif (further := set(horizons) - known) and not check_further_horizons(bars, allow, sorted(further)):
        known |= further


def open_bucket_market(info: BucketInfo, resources: Resources) -> tuple[Market, Split, MarketEvaluator]:
    """The market of the configured bars, which `check_bucket_market` has checked, its split, and the evaluator on it.

    :param info, resources: what the bucket's `open` was given.
    :raise DataError: too few bars, in all or between two gaps.
    """
    market, split = configured_market(info, resources)
    return market, split, evaluator_on(market, split, info)


def configured_market(info: BucketInfo, resources: Resources) -> tuple[Market, Split]:
    """The market of the configured bars, and its split, for a learner that makes its evaluator itself (`evaluator_on`).

    In a run, bars and market are made once for all who open the same ones: nobody may write to the market's tensors. Where they
    are large, the market is mapped from a file in the cache, which processes share.

    :param info, resources: what the bucket's `open` was given.
    :raise DataError: too few bars, in all or between two gaps.
    """
    room = None if resources.cache_dir is None else CacheRoom(resources.cache_dir, resources.cache_bytes)
    bars = _configured(info, resources)
    market, split = _shared(bars, info, resources.device, room)
    if not bars.were_read and (file := run_input(info, DATA.key)) is not None:
        file.warn_of_change()
    return market, split


def _configured(info: BucketInfo, resources: Resources) -> SharedBars:
    """The configured bars, columns of features included."""
    settings = info.settings

    def read() -> Bars:
        return with_columns(bars_of_bucket(info, resources), settings)

    return SharedBars(memory_of(info), tuple(repr(settings[each]) for each in (*BARS_SETTINGS, SEED, PLUGINS)), read)


def evaluator_on(
    market: Market, split: Split, info: BucketInfo, kind: type[MarketEvaluator] = MarketEvaluator
) -> MarketEvaluator:
    """What judges a bucket on its `market`. Where PARTS say when the test part begins, the market ends before it, and the
    evaluator reads the bars of it when it judges. EVIDENCE says by which bars it judges.

    :param kind: the class of it, where a bucket has one of its own: a `MarketEvaluator` whose `evaluate` says more, say.
    """
    settings = info.settings
    whole = partial(market_with_test, market, split, info) if settings[PARTS] else None
    return kind(market, split, info.name, settings[ALLOW_LEAK], info.run_dir, whole, settings[EVIDENCE])


def with_columns(bars: Bars, settings: Settings) -> Bars:
    """`bars` with what is learned from: the columns of installed features beside their own, those in the units of the price as
    ratios to the close. What was read is shown in two lines: once a run, whichever bucket reads first, and again by one that goes on.

    :raise PluginError: a feature cannot be used. :raise DataError: two columns of one name.
    """
    made = with_features(bars, settings[PLUGINS])
    complete = as_ratios(made, [name for name in level_columns(made) if name != settings[FUNDING]])
    features = [name for name in feature_names(complete) if name != settings[FUNDING]]
    for line in (bars_line(complete), features_line(complete, features)):
        log.info(line, show=True)
    return complete


def market_on(bars: Bars, info: BucketInfo, device: str) -> tuple[Market, Split]:
    """The market of `bars` at the costs that the settings name, and its split; in a run made once, as by `configured_market`.

    :raise DataError: too few bars, in all or between two gaps.
    """
    memory = memory_of(info)
    asked = (digest_of(bars),) if memory.lasts else ()
    return _shared(SharedBars(memory, asked, lambda: bars), info, device)


def _shared(bars: SharedBars, info: BucketInfo, device: str, room: CacheRoom | None = None) -> tuple[Market, Split]:
    settings = info.settings
    split = bars.once(("split", info.horizons[-1]), lambda read: split_for(read, info))
    costs = Costs(
        side=settings[FEE] + settings[SLIPPAGE],
        capital=settings[CAPITAL_ALLOCATION],
        allowed=settings[SIDES],
        funding=settings[FUNDING],
        borrow=settings[BORROW],
    )
    return shared_market(bars, split, costs, device, room, RegimesAsked.of(settings)), split


def split_for(bars: Bars, info: BucketInfo) -> Split:
    """The parts of `bars`, purged by the bucket's longest horizon.

    :raise DataError: too few bars, in all or between two gaps.
    """
    settings, longest = info.settings, info.horizons[-1]
    if parts := parts_of(settings):
        split = split_at(bars.time, parts, longest, info.name)
    else:
        split = split_bars(len(bars.close), longest, settings[VALIDATION_SHARE], settings[TEST_SHARE], info.name)
    segment = bars.segment[split.train]
    reached = int((segment[longest:] == segment[:-longest]).sum())
    if reached < LEAST_OUTCOMES:
        raise DataError(
            f"{info.name}: only {reached} training bars have {longest} bars behind them before a gap, at least "
            f"{LEAST_OUTCOMES} are needed. Give bars with fewer gaps, a larger FILL_MINUTES or a smaller HORIZON_RANGE."
        )
    return split
