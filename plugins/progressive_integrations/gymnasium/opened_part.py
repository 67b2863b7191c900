"""The market and part that an environment was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from progressive_integrations.gymnasium.step_tables import is_count
from progressive_training import SEED, BucketInfo, ConfigError, DataError, resolve
from progressive_training.market import (
    ALLOW_LEAK,
    DATA,
    DATA_MB,
    FILL_MINUTES,
    FREQUENCY,
    MARKET,
    PARTS,
    check_leaks,
    configured_bars,
    feature_table,
    load_bars,
    market_on,
    with_columns,
)

if TYPE_CHECKING:
    from progressive_training import Settings
    from progressive_training.market import Market

SPLIT_PARTS = ("train", "validation", "test")
HORIZON = 288
"""In bars: the longest of Medium, whose parts an environment has where nothing else is asked."""


def open_part(asked: Any, part: str, horizon: int, *, allow_test: bool) -> tuple[Market, slice]:
    """The market of `asked` (see `MarketEnv`) on the CPU, and the bars of its `part`.

    :raise ConfigError: an argument or a setting is not allowed. :raise DataError: the bars cannot be read or traded on.
    """
    check_part(part, allow_test=allow_test)
    if not is_count(horizon):
        raise ConfigError(f"horizon={horizon!r}: expected a whole number of bars, at least 1")
    settings = _settings_of(asked)
    if part == "test" and settings[PARTS]:
        raise ConfigError("part='test': with PARTS the test bars are left out of what is read; give TEST_SHARE instead")
    named = asked is None or isinstance(asked, Mapping | str | Path)
    bars = configured_bars(settings) if named else _bars_of(asked, settings)
    complete = with_columns(bars, settings)
    info = BucketInfo(
        name="MarketEnv",
        horizons=(int(horizon),),
        sequence=("MarketEnv",),
        episodes=1,
        seed=settings[SEED],
        run_dir=Path(),
        settings=settings,
    )
    if not named or settings[DATA] is not None:  # what we make up has no column that could know the future
        check_leaks(complete, feature_table, settings[ALLOW_LEAK], info.horizons)
    try:
        market, split = market_on(complete, info, "cpu")
    except DataError as error:
        raise DataError(
            f"{error} (Of an environment it is the argument horizon={horizon}, whatever HORIZON_RANGE says.)"
        ) from None
    bars_of_part: slice = getattr(split, part)
    return market, bars_of_part


def check_part(part: str, *, allow_test: bool) -> None:
    """:raise ConfigError: there is no such part, or it is the test part and nobody allowed that."""
    if part not in SPLIT_PARTS:
        raise ConfigError(f"part={part!r}: expected one of {', '.join(SPLIT_PARTS)}")
    if part == "test" and allow_test is not True:
        raise ConfigError(
            "part='test': the test part judges what is finished, and what has seen it is judged by nothing; "
            "allow_test=True opens it"
        )


def _settings_of(asked: Any) -> Settings:
    if asked is None:
        return resolve()
    if isinstance(asked, Mapping):
        return resolve(flags=asked)
    return resolve(flags={"DATA": str(asked)}) if isinstance(asked, str | Path) else resolve()


def _bars_of(source: Any, settings: Settings) -> Any:
    """The bars of a table in memory, read as the settings say."""
    return load_bars(
        source, settings[FREQUENCY], settings[FILL_MINUTES], market=settings[MARKET], data_mb=settings[DATA_MB]
    )
