"""A space in Optuna's words, and Optuna itself, which is imported where a search needs it and never before."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from progressive_core.contract.errors import ConfigError
from progressive_studies.search.space import Choices, Span

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

MAJOR = 5


def require_optuna() -> None:
    """See that Optuna can be used.

    :raise ConfigError: it is missing, or another version's.
    """
    try:
        from optuna import __version__ as version
    except ModuleNotFoundError:
        raise ConfigError("tune needs Optuna: pip install 'progressive-training[tune]'") from None
    if version.partition(".")[0] != str(MAJOR):
        raise ConfigError(
            f"tune needs Optuna {MAJOR}, and {version} is installed: pip install 'progressive-training[tune]'"
        )


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Within it Optuna logs errors alone: that a study was made, or has few trials yet, is nothing that a user has to act on."""
    require_optuna()
    logger = logging.getLogger("optuna")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # not what it says of its own future
            yield
    finally:
        logger.setLevel(level)


def distributions_of(space: Mapping[str, Span]) -> dict[str, BaseDistribution]:
    """Each span as Optuna draws from it; a choice goes by its text, which a file holds and a dashboard shows."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    return {
        key: CategoricalDistribution(span.texts)
        if isinstance(span, Choices)
        else IntDistribution(int(span.low), int(span.high), log=span.log)
        if span.whole
        else FloatDistribution(span.low, span.high, log=span.log)
        for key, span in space.items()
    }


def params_of(space: Mapping[str, Span], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a trial as Optuna has them: those that lie in the space."""
    held = {key: values[key] for key, span in space.items() if key in values and span.holds(values[key])}
    return {key: _param(space[key], value) for key, value in held.items()}


def values_of(space: Mapping[str, Span], params: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a trial as the program has them, from Optuna's.

    :raise ValueError: a parameter is none of the space, or its value.
    """
    values = {}
    for key, param in params.items():
        span = space.get(key)
        if isinstance(span, Choices):
            values[key] = span.values[span.texts.index(param)]
        elif span is None or not span.holds(param):
            raise ValueError(f"{key} is {param!r}")
        else:
            values[key] = int(param) if span.whole else float(param)
    return values


def score_of(number: float) -> float:
    """A score that can be compared: one that is no number is the worst there is."""
    return -math.inf if math.isnan(number) else number


def _param(span: Span, value: Any) -> Any:
    if isinstance(span, Choices):
        return span.text_of(value)
    return int(value) if span.whole else float(value)
