"""The verdict by regime, and where a model may trade for which the whole shows no edge.

A strategy is judged in a regime as one who trades in it alone, and pays for leaving when it ends. Drift counts for
nothing there either: alpha is what was earned beyond holding the market in the same regime.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import TYPE_CHECKING

import torch
from attrs import evolve, frozen

from progressive_market.judging.baselines import Ridge
from progressive_market.judging.breakout import breakout, breakout_name
from progressive_market.judging.by_regime.traded_regimes import in_regimes, regime_name
from progressive_market.judging.by_regime.validation_evidence import by_regime
from progressive_market.judging.degenerate import degeneration
from progressive_market.judging.implausible import implausible
from progressive_market.judging.performance import measure
from progressive_market.judging.verdict import (
    NOWHERE,
    SHOWN_T,
    Alpha,
    bars_of_evidence,
    evidence_of,
    if_known_in_time,
    pooled_t,
    warnings,
)
from progressive_training import Edge, Evaluation, PerformanceKind
from progressive_training.presentation import share_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from torch import Tensor

    from progressive_market.market import Market, Part
    from progressive_training import Performance

    Parts = tuple[Part, Part]


def needed_t(regimes: int) -> float:
    """The t that confirms an edge in one of so many regimes: 3.2 of two, 3.4 of four, 3.6 of eight.

    All of them together get one look more than the whole has: by luck one of K independent values passes this as often as a
    single value passes `SHOWN_T` (Bonferroni).
    """
    normal = NormalDist()
    return -normal.inv_cdf(normal.cdf(-SHOWN_T) / regimes)


@frozen(eq=False)
class Subject:
    """The strategy that is judged: a bucket's `name`, `positions` [N] of it on any part, its `ridge` baseline, the columns that
    ALLOW_LEAK lets pass, and the bars `scored` by which it is found degenerate."""

    name: str
    positions: Callable[[Part], Tensor]
    ridge: Ridge
    allow_leak: tuple[str, ...]
    scored: Part


def judge_regimes(
    subject: Subject, market: Market, parts: Parts, known: Sequence[tuple[float, float]]
) -> tuple[Evaluation, ...]:
    """What the strategy does in each regime alone, and whether it has an edge there; none where the market knows no regimes.

    The rows are the model's, then baselines that trade in the same regime alone.

    :param parts: validation and test. :param known: for each regime, t and t of alpha on validation bars that did not choose the
        model; NaN where they say nothing.
    """
    gated = list(zip(*map(by_regime, parts), strict=True))
    scored = by_regime(subject.scored)
    return tuple(
        _judge_one(subject, market, parts, gated[regime], regime, known[regime], scored[regime])
        for regime in range(len(gated))
    )


def _judge_one(
    subject: Subject,
    market: Market,
    parts: Parts,
    gated: Parts,
    regime: int,
    known: tuple[float, float],
    scored: Part,
) -> Evaluation:
    validation, test = (
        tuple(_rows(subject, market, part, inside, regime)) for part, inside in zip(parts, gated, strict=True)
    )
    (own_before, *_), (own, *_) = validation, test
    bars = int(gated[0].decidable.sum()), int(gated[1].decidable.sum())
    alpha = Alpha(known[1], own.alpha_t, max(own_before.beta, own.beta, key=abs))
    regimes = 0 if parts[0].regimes is None else parts[0].regimes.shape[1]
    found, lacking = evidence_of(known[0], own.t, bars, alpha, needed_t(regimes))
    edge, verdict = Edge.NONE, f"no edge shown ({found}; {lacking})"
    carriers: tuple[str, ...] = ()
    if not lacking:
        # only what would be an edge is doubted: both questions cost
        doubt = implausible(subject.positions, market, gated, subject.allow_leak)
        degenerate = degeneration(subject.positions(scored), scored, market, lambda: subject.ridge)
        if doubt is not None:
            edge, carriers = Edge.IMPLAUSIBLE, doubt.carriers
            verdict = f"implausible: a column probably knows the future ({doubt.reason})"
        elif degenerate:
            verdict = f"no edge of its own, whatever one action earned ({found}); {degenerate}"
        else:
            edge, verdict = Edge.CONFIRMED, f"edge confirmed ({found})"
    shares = [share_text(count / max(int(part.decidable.sum()), 1)) for count, part in zip(bars, parts, strict=True)]
    return Evaluation(
        validation=validation,
        test=test,
        verdict=f"{verdict}, on {shares[0]} of the validation bars and {shares[1]} of test",
        edge=edge,
        trades=in_regimes({regime}) if edge is Edge.CONFIRMED else NOWHERE,
        t=pooled_t(known[0], own.t, bars),
        validation_t=known[0],
        test_t=own.t,
        carriers=carriers,
    )


def _rows(subject: Subject, market: Market, part: Part, inside: Part, regime: int) -> Iterator[Performance]:
    """The model's row, then those of baselines that trade in the same regime."""
    held, hold = subject.positions(inside), holding_inside(part, inside, market)
    yield regime_row(subject.name, regime, held, part, inside, market)
    for name, positions in (
        ("buy and hold", torch.ones_like(held)),
        (breakout_name(market), breakout(inside, market)),
        ("ridge with no-trade band", subject.ridge.positions(inside, market)),
    ):
        yield measure(name, positions, inside, market, PerformanceKind.BASELINE, hold)


def regime_row(name: str, regime: int, held: Tensor, part: Part, inside: Part, market: Market) -> Performance:
    """What the positions `held` [N] earned, of one who trades on the bars `inside` a single regime of a `part`.

    :param name: of the bucket. :param regime: its number, from 0.
    """
    hold = holding_inside(part, inside, market)
    return measure(f"{name} in {regime_name(regime)}", held, inside, market, PerformanceKind.REGIME, hold)


def holding_inside(part: Part, inside: Part, market: Market) -> Tensor:
    """Log growth of each bar of a `part` [N] of holding the market on the bars `inside` a regime; 0 on the others."""
    return market.hold(part) * inside.decidable


def regimes_with_edge(judged: Evaluation) -> tuple[int, ...]:
    """The numbers of the regimes in which a model may trade: those with an edge, where the whole shows none."""
    if judged.edge is not Edge.NONE:
        return ()
    return tuple(regime for regime, each in enumerate(judged.regimes) if each.edge is Edge.CONFIRMED)


def doubted(judged: Evaluation) -> Evaluation:
    """The same evaluation; implausible where the whole shows no edge and a regime shows one that cannot be honest, and with a warning
    of that where the whole shows an edge."""
    found = [(regime, each) for regime, each in enumerate(judged.regimes) if each.edge is Edge.IMPLAUSIBLE]
    if not found:
        return judged
    regime, first = found[0]
    verdict = f"implausible in {regime_name(regime)}{first.verdict.removeprefix('implausible')}"
    if judged.edge is Edge.NONE:
        return evolve(judged, edge=Edge.IMPLAUSIBLE, verdict=verdict, carriers=first.carriers)
    return evolve(judged, warnings=(*judged.warnings, verdict))


def conditional(
    judged: Evaluation,
    traded: Collection[int],
    rows: tuple[tuple[Performance, ...], tuple[Performance, ...]],
    parts: Parts,
    allow_leak: Sequence[str],
    alone: str,
) -> Evaluation:
    """The verdict on a model that trades in the regimes `traded` alone, each of which shows an edge where the whole shows none.

    Its t is that of these regimes together: validation parts of single regimes pooled by their numbers of bars, and the test part as
    it is traded.

    :param rows: on validation and test, of what the model does in use and of the baselines, which trade everywhere.
    :param parts: validation and test. :param alone: as for `judge`.
    """
    bars = tuple(int(part.within(traded).decidable.sum()) for part in parts)
    shares = [int(parts[0].within({regime}).decidable.sum()) / max(bars[0], 1) for regime in traded]
    known = [judged.regimes[regime].validation_t for regime in traded]
    validation_t = sum(t * math.sqrt(share) for t, share in zip(known, shares, strict=True))
    test_t = rows[1][0].t
    t = pooled_t(validation_t, test_t, (bars[0], bars[1]))
    where = in_regimes(traded)
    verdict = (
        f"edge confirmed {where} (edge t = {t:.1f} there on {bars_of_evidence(validation_t, alone)}; all regimes together show none: "
        f"{_why_none(judged, alone)}){if_known_in_time(allow_leak)}"
    )
    kept = tuple(note for note in judged.warnings if note.startswith("degenerate"))
    return evolve(
        judged,
        validation=rows[0],
        test=rows[1],
        verdict=verdict,
        edge=Edge.CONFIRMED,
        trades=where,
        t=t,
        validation_t=validation_t,
        test_t=test_t,
        warnings=(*kept, *warnings(*rows, Edge.CONFIRMED)),
    )


def _why_none(judged: Evaluation, alone: str) -> str:
    """What the verdict on the whole has in brackets, without the bars of its evidence: a t of 4 shows none where alpha has 2."""
    together, inside = bars_of_evidence(judged.validation_t, alone), judged.verdict.partition(" (")[2]
    return inside.rpartition(")")[0].replace(f", on {together}", "").replace(f" on {together}", "")
