"""The verdict: whether an edge is confirmed, and what a user must know before believing it.

All honest evidence counts: validation bars that did not choose the model, and test. Since test helps to decide whether the
model trades, its result is slightly flattered for models that claim an edge.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attrs import frozen

from progressive_training import Edge, Evaluation, PerformanceKind
from progressive_training.presentation import profit_text, share_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from progressive_training import Performance

SHOWN_T = 3.0
"""A t of 2 is for one look. A learner looks many times, so this is the hurdle of Harvey, Liu and Zhu (2016) for results
found by searching. Seen by us: pooled over validation and test, none of 245 buckets on driftless random walks reached 2.7."""
ONE_ACTION = 0.98
LARGE_BETA = 0.2
"""From here on alpha must show the edge too, lest drift be sold as skill. Below, drift adds little: a model that is long on a
fifth of the bars by chance has less than half the t of buy and hold."""
EVERYWHERE, NOWHERE = "everywhere", "nowhere"
"""Where a model trades."""
NOT_JUDGED = "not judged yet: that is done when no transfer can change the model any more"
TRIAL = "a trial: no verdict (EVIDENCE is half: half of validation chose it, and nothing was measured on test)"
A_TRIAL = Evaluation(validation=(), test=(), verdict=TRIAL, t=math.nan)
NOTHING_CONSIDERED = "no choice was considered on validation"
SETTINGS_CHOSEN = "validation chose its settings"
"""Why the test part alone counts."""


@frozen
class Doubt:
    """Why a result is too good to be honest, and the columns that carry it."""

    reason: str
    carriers: tuple[str, ...] = ()


@frozen
class Alpha:
    """What a model earned beyond its share of buy and hold: the t of it on both parts, as `validation_t` and `test_t` of the
    verdict are, and the larger `beta` of the two."""

    validation_t: float
    test_t: float
    beta: float


def pooled_t(validation_t: float, test_t: float, bars: tuple[int, int]) -> float:
    """The t of validation and test together, (t_v sqrt(n_v) + t_t sqrt(n_t)) / sqrt(n_v + n_t): each weighs by the root of
    its number of bars (Stouffer's method with weights, Liptak 1958). That of test where validation says nothing (NaN), and 0 where
    neither has a bar, as of a regime that does not occur there.

    :param bars: of the validation and of the test part.
    """
    if math.isnan(validation_t):
        return test_t
    weights = [math.sqrt(count / max(sum(bars), 1)) for count in bars]
    return validation_t * weights[0] + test_t * weights[1]


def judge(
    validation: tuple[Performance, ...],
    test: tuple[Performance, ...],
    validation_t: float,
    bars: tuple[int, int],
    degenerate: str = "",
    doubt: Doubt | None = None,
    alpha: Alpha | None = None,
    allow_leak: Sequence[str] = (),
    alone: str = NOTHING_CONSIDERED,
) -> Evaluation:
    """Judge the model by its rows on validation and test, its own first.

    An edge is confirmed by a pooled t of `SHOWN_T` of which both parts are positive; that of alpha likewise, where the model
    moves with buy and hold.

    :param validation_t: t of validation bars that did not choose the model (see `MarketEvaluator`); NaN where validation may
        have decided unseen: test alone must then show the edge.
    :param bars: of the validation and of the test part.
    :param degenerate: the reason that `degeneration` gives, or empty: what one action earned while others paid is no edge of
        the policy's.
    :param doubt: why the result cannot be honest; it is then never an edge.
    :param alpha: what the model earned beyond its share of buy and hold.
    :param allow_leak: columns that may know the future, on the user's word: an edge is said to rest on it.
    :param alone: why test alone has to show the edge, where validation says nothing.
    """
    test_t, together = test[0].t, bars_of_evidence(validation_t, alone)
    t = pooled_t(validation_t, test_t, bars)
    found, lacking = evidence_of(validation_t, test_t, bars, alpha)
    edge = Edge.NONE
    if doubt is not None:
        edge = Edge.IMPLAUSIBLE
        verdict = f"implausible: a column probably knows the future ({doubt.reason})"
    elif lacking:
        verdict = f"no edge shown ({found} on {together}; {lacking})"
    elif degenerate:
        verdict = f"no edge of its own, whatever one action earned ({found} on {together})"
    else:
        edge = Edge.CONFIRMED
        verdict = f"edge confirmed ({found} on {together}){if_known_in_time(allow_leak)}"
    noted = warnings(validation, test, edge)
    if degenerate:
        verdict = f"{verdict}; degenerate policy"
        noted.insert(0, f"{degenerate}; it does not teach other buckets")
    return Evaluation(
        validation=validation,
        test=test,
        verdict=verdict,
        edge=edge,
        trades=EVERYWHERE if edge is Edge.CONFIRMED else NOWHERE,
        t=t,
        validation_t=validation_t,
        test_t=test_t,
        carriers=doubt.carriers if doubt is not None else (),
        warnings=tuple(noted),
    )


def bars_of_evidence(validation_t: float, alone: str = NOTHING_CONSIDERED) -> str:
    """On which bars an edge was looked for, in words; `alone` is why on test alone, where validation says nothing."""
    if math.isnan(validation_t):
        return f"test bars alone, since {alone}"
    return "validation bars that did not choose the model and on test together"


def if_known_in_time(allow_leak: Sequence[str]) -> str:
    """On what an edge rests, to follow a verdict: on columns that may know the future; empty where there are none."""
    return f", if {' and '.join(allow_leak)}, which ALLOW_LEAK lets pass, can be known in time" if allow_leak else ""


def evidence_of(
    validation_t: float, test_t: float, bars: tuple[int, int], alpha: Alpha | None, needed: float = SHOWN_T
) -> tuple[str, str]:
    """The evidence for an edge, and what it lacks, both in words; the latter is empty where it is enough. Arguments are those of
    `judge`; `needed` is the t that is enough."""
    shown = _shown(pooled_t(validation_t, test_t, bars), needed)
    found, lacking = f"edge t = {shown}", _lacking(validation_t, test_t, bars, needed)
    if not lacking and alpha is not None and abs(alpha.beta) >= LARGE_BETA:
        alpha_t = pooled_t(alpha.validation_t, alpha.test_t, bars)
        found = f"{found}, edge t of alpha = {_shown(alpha_t, needed)} at beta {alpha.beta:.1f} to buy and hold,"
        lacking = _lacking(alpha.validation_t, alpha.test_t, bars, needed, " of alpha")
    return found, lacking


def _lacking(validation_t: float, test_t: float, bars: tuple[int, int], needed: float, what: str = "") -> str:
    """What the evidence of a t lacks, in words; empty where it is enough."""
    if not pooled_t(validation_t, test_t, bars) >= needed:
        return f"{needed:.2g} is needed{' of both' if what else ''}"
    for name, t in (("validation", validation_t), ("test", test_t)):
        if t <= 0:
            return f"{_shown(t, needed)}{what} on {name}, and both parts must be above 0"
    return ""


def _shown(t: float, needed: float) -> str:
    """A t to one digit; one that is not enough does not look as if it were."""
    rounded = round(t, 1)
    return f"{(rounded - 0.1 if t < needed <= rounded else rounded) + 0.0:.1f}"


def warnings(validation: tuple[Performance, ...], test: tuple[Performance, ...], edge: Edge) -> list[str]:
    """What the numbers alone might hide."""
    own = test[0]
    if not own.turnover:  # nobody beats a strategy that stayed out
        return [
            "its strategy made no trade"
            if validation and not validation[0].turnover
            else "its strategy made no trade on test"
        ]
    noted = [
        f"collapsed to one action: {action} on {share_text(getattr(own, action))} of the bars"
        for action in ("long", "flat", "short")
        if getattr(own, action) >= ONE_ACTION and not (edge is Edge.NONE and action == "flat")
    ]
    if own.log_return < 0:
        noted.append(f"its strategy lost money on test: {profit_text(own.log_return)} after costs")
    baselines = [row for row in test if row.kind is PerformanceKind.BASELINE]
    better = [row.strategy for row in baselines if row.log_return > max(own.log_return, 0.0)]
    if better:
        noted.append(f"its strategy earned less on test than {' and '.join(better)}")
    return noted
