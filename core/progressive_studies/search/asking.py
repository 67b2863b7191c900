"""Which values the next trials of a search get: Optuna's sampler, asked anew for each batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from progressive_app.json_values import json_values
from progressive_studies.search.space import Choices, Range, Span
from progressive_studies.search.tried import Trial
from progressive_studies.search.with_optuna import distributions_of, params_of, quiet_optuna, score_of, values_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

AT_RANDOM = 10
"""Trials before the sampler looks at what they gave."""
TRIES = 20
"""For each trial, to find values that were not tried."""
MOST_LISTED = 1_000
"""Points of a space that are gone through one by one where the sampler finds no new one."""
STEPS = 1_000
"""Into which a range of any numbers is divided, at least: 0.000317 is as good as 0.00031678234098, and can be read."""


def asked(space: Mapping[str, Span], tried: Sequence[Trial], count: int, seed: int) -> list[dict[str, Any]]:
    """The values of the next `count` trials, by a tree-structured Parzen estimator (Bergstra et al. 2011, NIPS 24).

    A pure function of its arguments: a sampler is made that knows `tried` alone, from `seed` and how many were tried. Those of one
    batch keep apart, since the sampler takes each that it has given out for a bad one until it is told ("constant liar").

    :return: distinct, and none that was tried: the same settings would give the same run. Fewer, or none, where the space has
        no more.
    :raise ConfigError: Optuna is missing.
    """
    with quiet_optuna():
        import numpy as np
        from optuna import create_study
        from optuna.samplers import TPESampler

        drawn_from = int(np.random.SeedSequence([seed, len(tried)]).generate_state(1)[0])
        # each setting by itself: of thirty noisy trials, all together are too few to see how settings go with each other
        sampler = TPESampler(seed=drawn_from, n_startup_trials=AT_RANDOM, multivariate=False, constant_liar=True)
        study = create_study(direction="maximize", sampler=sampler)
        for trial in tried:
            if len(params_of(space, trial.values)) == len(space):
                study.add_trial(_as_told(space, trial))
        distributions = distributions_of(space)
        known = {_identity(trial.values) for trial in tried}
        found: list[dict[str, Any]] = []

        def take(values: dict[str, Any]) -> None:
            if _identity(values) not in known and len(found) < count:
                known.add(_identity(values))
                found.append(values)

        for _ in range(TRIES * count):
            if len(found) == count:
                break
            drawn = values_of(space, study.ask(distributions).params)
            take({key: _rounded(space[key], value) for key, value in drawn.items()})
        for values in _points(space):
            take(values)
    return found


def _as_told(space: Mapping[str, Span], trial: Trial) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    finished = trial.status == "finished"
    return create_trial(
        state=TrialState.COMPLETE if finished else TrialState.PRUNED,
        value=score_of(trial.score) if finished else None,
        params=params_of(space, trial.values),
        distributions=distributions_of(space),
        intermediate_values={} if finished or not trial.steps else {trial.episodes: score_of(trial.steps[-1])},
    )


def _rounded(span: Span, value: Any) -> Any:
    """A number with as many digits as tell apart a thousand steps of its range."""
    if isinstance(span, Choices) or span.whole:
        return value
    width = value * math.log(span.high / span.low) if span.log else span.high - span.low
    digits = math.ceil(-math.log10(width / STEPS)) if width > 0 else 0
    return min(max(round(value, digits), span.low), span.high)


def _points(space: Mapping[str, Span]) -> Iterator[dict[str, Any]]:
    """All points of a space that has few, in order; none of another."""
    axes = [_values(span) for span in space.values()]
    if all(axes) and math.prod(map(len, axes)) <= MOST_LISTED:
        for values in product(*axes):
            yield dict(zip(space, values, strict=True))


def _values(span: Span) -> Sequence[Any]:
    if isinstance(span, Range):
        return range(int(span.low), int(span.high) + 1) if span.whole else ()
    return span.values


def _identity(values: Mapping[str, Any]) -> str:
    return repr(sorted(json_values(values).items()))
