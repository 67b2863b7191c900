"""Bars of market data: read, cleaned, resampled, checked for leaks, or made up from a seed."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from progressive_market.bars.bar_records import Bars as Bars
    from progressive_market.bars.bar_records import CleaningReport as CleaningReport
    from progressive_market.bars.bar_records import FeaturePlugin as FeaturePlugin
    from progressive_market.bars.cleaning import clean as clean
    from progressive_market.bars.doubts import doubts as doubts
    from progressive_market.bars.leaks.causal import check_causal as check_causal
    from progressive_market.bars.leaks.leak_check import check_leaks as check_leaks
    from progressive_market.bars.levels import as_ratios as as_ratios
    from progressive_market.bars.levels import level_columns as level_columns
    from progressive_market.bars.load import bars_of_bucket as bars_of_bucket
    from progressive_market.bars.load import clean_reading as clean_reading
    from progressive_market.bars.load import configured_bars as configured_bars
    from progressive_market.bars.load import load_bars as load_bars
    from progressive_market.bars.load import nanoseconds as nanoseconds
    from progressive_market.bars.load import parts_of as parts_of
    from progressive_market.bars.load import synthetic_before as synthetic_before
    from progressive_market.bars.resampling import resample as resample
    from progressive_market.bars.sources import Source as Source
    from progressive_market.bars.sources import read as read
    from progressive_market.bars.synthetic import synthetic_bars as synthetic_bars

_HOME = {
    "Bars": "bar_records",
    "CleaningReport": "bar_records",
    "FeaturePlugin": "bar_records",
    "Source": "sources",
    "as_ratios": "levels",
    "check_causal": "leaks.causal",
    "check_leaks": "leaks.leak_check",
    "clean": "cleaning",
    "clean_reading": "load",
    "bars_of_bucket": "load",
    "configured_bars": "load",
    "doubts": "doubts",
    "level_columns": "levels",
    "load_bars": "load",
    "nanoseconds": "load",
    "parts_of": "load",
    "read": "sources",
    "resample": "resampling",
    "synthetic_bars": "synthetic",
    "synthetic_before": "load",
}
__all__ = sorted(_HOME)  # noqa: PLE0605  (one list, kept in _HOME)


def __getattr__(name: str) -> Any:
    """Import on first use: most of these need pandas, and loading a bucket must not."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
