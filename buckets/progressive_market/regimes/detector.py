"""A detector of market regimes: fitted on the training part, and its probabilities on any bars.

Whoever writes one gives two functions under the entry-point group `progressive_training.regimes`: `fit(bars, count)` gives its
parameters as a mapping of JSON values, and `probabilities(bars, parameters)` an array [T, count], each row from its bar and
earlier ones. The built-in ones are found, checked and used in the same way.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, frozen

from progressive_market.bars.bar_records import iso, read_only
from progressive_market.features.feature_history import MOST, bars_needed
from progressive_market.market_settings import MOST_REGIMES, REGIME_COUNT, REGIMES
from progressive_training import PLUGINS, ModelError, PluginError, get_logger, installed_regime

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from progressive_market.bars import Bars
    from progressive_market.bars.bar_records import Floats
    from progressive_training import Settings

log = get_logger()

WINDOWS = 24
"""In which the history that a detector needs is looked for: one that is sure of its regimes says the same in most of them."""
REST = 1e-6
"""By how much the probabilities of a bar may differ from 1 in all."""
LARGEST = 1e30
"""Of any number among the parameters."""
MOST_TEXT = 1_000_000
"""Letters of the parameters as JSON: a model file's header holds those of each member of a committee, and 16 MiB at most."""
DEEPEST = 16
"""Lists and objects in one another, in the parameters."""
OTHERWISE = "name another one in REGIMES, or none (null)"


@frozen(kw_only=True)
class RegimeModel:
    """A fitted detector as a card records it: entry point, distribution and its version, the `count` of regimes, its `parameters`
    as JSON values, and the number of bars, `history`, on which the last row is the same as on all bars before."""

    name: str
    distribution: str
    version: str
    count: int
    history: int
    parameters: Mapping[str, Any]

    def in_range(self) -> bool:
        """Whether a detector can have been fitted to this."""
        return 2 <= self.count <= MOST_REGIMES and 0 < self.history <= MOST and _bounded(self.parameters)


@frozen
class RegimesAsked:
    """Which detector the settings name, and how many regimes; `choices` as PLUGINS, which may disable it."""

    name: str
    count: int
    choices: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> RegimesAsked | None:
        """None where there are to be none."""
        name = settings[REGIMES]
        return None if name is None else cls(name, settings[REGIME_COUNT], tuple(settings[PLUGINS]))


@define(eq=False)
class Regimes:
    """A fitted detector at work: what the card records, and the object that is installed; `owner` opens an error."""

    model: RegimeModel
    detector: Any
    owner: str

    def probabilities(self, bars: Bars, last: int | None = None) -> NDArray[np.float32]:
        """Probability of each regime as known at each bar [T, count]; of the `last` bars alone, if that is given.

        :raise PluginError: the detector fails, or gives no probabilities.
        """
        if last is None:
            return _probabilities(self, bars).astype(np.float32)
        first = max(0, len(bars) - last - self.model.history + 1)
        return _probabilities(self, bars.between(first, len(bars)))[-last:].astype(np.float32)


def fit_regimes(bars: Bars, training: slice, asked: RegimesAsked) -> Regimes:
    """The detector that was `asked` for, fitted on the `training` bars, of which alone it is given anything.

    :raise PluginError: it is not installed, fails, gives no parameters or no probabilities, or needs so many bars before that it
        would say something else in use.
    """
    record, detector = installed_regime(asked.name, asked.choices, REGIMES.key)
    seen = bars.between(training.start, training.stop)
    parameters = fitted_parameters(detector, record.owner, seen, asked.count)

    def regimes(history: int) -> Regimes:
        model = RegimeModel(
            name=record.name,
            distribution=record.distribution,
            version=record.version,
            count=asked.count,
            history=history,
            parameters=parameters,
        )
        return Regimes(model, detector, record.owner)

    return regimes(_history(regimes(1), seen))


def _history(regimes: Regimes, bars: Bars) -> int:
    """Bars on which the last row is the same as on all before: what the detector declares as `history`, or what is measured.

    :raise PluginError: it is more than is believed.
    """
    declared = getattr(regimes.detector, "history", None)
    if declared is not None:
        if type(declared) is not int or not 1 <= declared <= MOST:
            raise PluginError(
                f"{regimes.owner}: `history` must be a number of bars from 1 to {MOST:,}; got {declared!r:.60}"
            )
        return declared

    def columns_of(part: Bars) -> dict[str, Floats]:
        return {f"regime {number + 1}": column for number, column in enumerate(_probabilities(regimes, part).T)}

    history = bars_needed(columns_of, bars, columns_of(bars), WINDOWS)
    if history is None:
        raise PluginError(
            f"{regimes.owner}: its probabilities depend on more than {min(MOST, len(bars) // 2):,} bars before, as on where the file "
            f"begins; let it look at fewer, or {OTHERWISE}"
        )
    return history


def fitted_parameters(detector: Any, owner: str, bars: Bars, count: int) -> dict[str, Any]:
    """What `detector` gives for the training `bars`, as a card that is read again has it.

    :raise PluginError: it fails, or gives no JSON values.
    """
    given = _called(detector.fit, owner, read_only(bars), count)
    try:
        if not isinstance(given, Mapping):
            raise TypeError("got " + f"{given!r:.60}")
        text = json.dumps(dict(given), allow_nan=False)
        parameters: dict[str, Any] = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise PluginError(
            f"{owner}: fit(bars, count) must give its parameters as a mapping of JSON values, as a model's card holds them "
            f"({error!s:.100}); make lists and numbers of arrays, or {OTHERWISE}"
        ) from error
    if len(text) > MOST_TEXT:
        raise PluginError(
            f"{owner}: fit(bars, count) gave parameters of {len(text):,} letters as JSON, and a card holds {MOST_TEXT:,} at most; give "
            f"fewer, or {OTHERWISE}"
        )
    if not _bounded(parameters):
        raise PluginError(
            f"{owner}: fit(bars, count) gave a number beyond {LARGEST:g}, or lists in lists in lists ({DEEPEST} at most); mend it, or "
            f"{OTHERWISE}"
        )
    return parameters


def recorded_regimes(model: RegimeModel, owner: str) -> Regimes:
    """The detector that a saved model was trained with, as it is installed.

    :param owner: the saved model, as a message begins.
    :raise ModelError: it is not installed.
    """
    try:
        record, detector = _installed(model.name, f"the card of the {owner}", tuple(sys.path))
    except PluginError as error:
        raise ModelError(
            f"{owner}: it was trained with the regimes {model.name!r} of {model.distribution} {model.version}, which cannot be "
            f"used: install that package ({error})"
        ) from error
    if record.version != model.version:
        log.warning(
            "regimes are computed by another version than the model was trained with",
            regimes=record.name,
            trained=model.version,
            installed=record.version,
        )
    return Regimes(model, detector, record.owner)


@lru_cache(maxsize=32)
def _installed(name: str, named_in: str, found_by: tuple[str, ...]) -> tuple[Any, Any]:
    """As `installed_regime`, once for as long as packages are found by the same `sys.path`: it would take a third of a decision."""
    return installed_regime(name, (), named_in)


def _probabilities(regimes: Regimes, bars: Bars) -> Floats:
    """[T, count], as the detector gives them.

    :raise PluginError: it fails, or these are no probabilities.
    """
    owner, count = regimes.owner, regimes.model.count
    given = _called(regimes.detector.probabilities, owner, read_only(bars), deepcopy(regimes.model.parameters))
    try:
        values = np.zeros(0) if np.iscomplexobj(given) else np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.zeros(0)
    if values.shape != (len(bars), count):
        raise PluginError(
            f"{owner}: probabilities(bars, parameters) must give an array [bars, regimes] = [{len(bars)}, {count}]; got "
            f"{np.shape(given) or type(given).__name__}; mend it, or {OTHERWISE}"
        )
    wrong = ~((values >= 0).all(axis=1) & (np.abs(values.sum(axis=1) - 1) <= REST))  # not a number is wrong, too
    if wrong.any():
        row = int(wrong.argmax())
        raise PluginError(
            f"{owner}: {np.array2string(values[row], precision=4)} for the bar at {iso(bars.time[row : row + 1])[0]} are no "
            f"probabilities, which lie from 0 to 1 and add up to 1; mend it, or {OTHERWISE}"
        )
    return values


def _called(function: Any, owner: str, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{owner} failed: {error!r:.200}; mend it, or {OTHERWISE}") from error


def _bounded(value: Any, depth: int = DEEPEST) -> bool:
    """Whether every number in a JSON value is one, none is beyond `LARGEST`, and no more than `depth` lists or objects are in one
    another."""
    if isinstance(value, Mapping | list | tuple):
        inside = value.values() if isinstance(value, Mapping) else value
        return depth > 0 and all(_bounded(each, depth - 1) for each in inside)
    return not isinstance(value, int | float) or abs(value) < LARGEST
