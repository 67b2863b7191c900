"""Features of other packages: functions of bars in the entry-point group `progressive_training.features`.

Their columns stand beside those of the data as NAME.column, and are averaged, scaled and checked as those are. Only bars
are kept on disk, so that no column of another version of a plugin can be read back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve

from progressive_market.bars.bar_records import Bars, FeaturePlugin, Floats, read_only
from progressive_market.bars.leaks.causal import check_causal
from progressive_market.features.feature_history import MOST, bars_needed
from progressive_training import DataError, ModelError, PluginError, get_logger, installed_features

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = get_logger()

Function = Callable[[Bars], object]
"""From bars to a mapping of column names to arrays [bars]."""


def with_features(bars: Bars, choices: Sequence[str]) -> Bars:
    """`bars` with the columns of every installed feature that a "no:NAME" in `choices` does not disable.

    :raise PluginError: a feature fails, does not give one number for each bar, or needs so many bars before that it would say
        something else in use. :raise DataError: two columns of one name.
    """
    made = bars
    for record, function in installed_features(choices):
        columns_of = partial(_columns, record.owner, record.name, function)
        columns = columns_of(bars)
        history = bars_needed(columns_of, bars, columns)
        if history is None:
            raise PluginError(
                f"{record.owner}: what it gives for a bar depends on more than {min(MOST, len(bars) // 2):,} bars before, as on where "
                f"the file begins; let it look at fewer. Disable it with -p no:{record.name}"
            )
        plugin = FeaturePlugin(
            name=record.name,
            distribution=record.distribution,
            version=record.version,
            columns=tuple(columns),
            history=history,
        )
        made = _joined(made, columns, plugin)
    return made


def check_features(bars: Bars, choices: Sequence[str]) -> None:
    """Compute each installed feature again on bars that end earlier.

    :raise PluginError: one fails, or sees later bars; the message names feature, column and bar.
    """
    for record, function in installed_features(choices):
        names = tuple(_columns(record.owner, record.name, function, bars.between(0, min(len(bars), 2))))

        def table(part: Bars, owner: str, name: str, of: Function, names: Sequence[str]) -> NDArray[Any]:
            columns = _columns(owner, name, of, part)
            if list(columns) != [*names]:
                raise PluginError(
                    f"{owner} must give the same columns for any bars; got {', '.join(names)} for 2 bars, and "
                    f"{', '.join(columns)} for {len(part)}"
                )
            return np.stack([*columns.values()], axis=1)

        try:
            table_of = partial(table, owner=record.owner, name=record.name, of=function, names=names)
            check_causal(table_of, bars, names)
        except DataError as error:
            raise PluginError(f"{record.owner}: {error}. Disable it with -p no:{record.name}") from error


def with_recorded_features(bars: Bars, plugins: Sequence[FeaturePlugin], owner: str) -> Bars:
    """`bars` with the columns of the features that a model was trained with.

    :param owner: the model, as a message begins.
    :raise ModelError: one is not installed, or gives other columns now.
    """
    if not plugins:
        return bars
    functions = {record.name: (record, function) for record, function in installed_features(())}
    made = bars
    for plugin in plugins:
        if plugin.name not in functions:
            raise ModelError(
                f"{owner}: it was trained with the feature {plugin.name!r} of {plugin.distribution} {plugin.version}, which "
                f"is not installed: install that package"
            )
        record, function = functions[plugin.name]
        columns = _columns(record.owner, record.name, function, bars)
        if tuple(columns) != plugin.columns:
            raise ModelError(
                f"{owner}: {record.owner} gives the columns {', '.join(columns)}; it was trained with version "
                f"{plugin.version}, which gave {', '.join(plugin.columns)}"
            )
        if record.version != plugin.version:
            log.warning(
                "a feature is computed by another version than the model was trained with",
                feature=record.name,
                trained=plugin.version,
                installed=record.version,
            )
        made = _joined(made, columns, plugin)
    return made


def _columns(owner: str, name: str, function: Function, bars: Bars) -> dict[str, Floats]:
    """What a feature gives for `bars`: its columns [bars] by their full names.

    :raise PluginError: it fails, or gives something else.
    """
    try:
        given = function(read_only(bars))
    except (Exception, SystemExit) as error:
        raise PluginError(f"{owner} failed: {error!r:.200}") from error
    if not isinstance(given, Mapping) or not given:
        raise PluginError(f"{owner} must give a mapping of column names to arrays; got {given!r:.60}")
    columns = {}
    for column, values in given.items():
        if not (isinstance(column, str) and column.strip() and column.isprintable()):
            raise PluginError(f"{owner}: a column is named {column!r:.60}, expected printable text")
        try:
            if np.iscomplexobj(values):
                raise TypeError
            numbers = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            numbers = np.zeros(0)
        if numbers.shape != (len(bars),):
            raise PluginError(f"{owner}: column {column!r} must be one number for each of {len(bars)} bars")
        columns[f"{name}.{column}"] = numbers
    return columns


def _joined(bars: Bars, columns: Mapping[str, Floats], plugin: FeaturePlugin) -> Bars:
    if twice := [column for column in columns if column in bars.extra]:
        raise DataError(
            f"the column {twice[0]} is in the data and is computed by the feature {plugin.name!r}: rename it in the data, or "
            f"disable the feature with -p no:{plugin.name}"
        )
    return evolve(bars, extra={**bars.extra, **columns}, feature_plugins=(*bars.feature_plugins, plugin))
