"""Part (b): wall-clock to what the peers reach on planted markets, and everyone's score on test."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from statistics import median
from typing import Any

from attrs import frozen
from planted import Kind
from rich.table import Table

from rivals.common import Say
from rivals.racers import ALGORITHMS, OURS, Curve, Race, train_peer
from rivals.workers import pool

KINDS: tuple[Kind, ...] = ("easy", "hard")
Entry = tuple[Callable[..., Curve], tuple[Any, ...]]
RIDGE = "ridge regression, no-trade band"
TARGET = 50
"""Times less wall-clock than the peer, to its best validation score."""


def peers(race: Race, transitions: int) -> list[Entry]:
    """stable-baselines3's algorithms."""
    return [(train_peer, (race, algorithm, transitions)) for algorithm in ALGORITHMS]


def measure(entries: Sequence[Entry], processes: int, say: Say) -> list[Curve]:
    """Train all, so many at a time, each in a fresh process with one thread."""
    curves = []
    with pool(processes) as workers:
        for done in as_completed([workers.submit(train, *arguments) for train, arguments in entries]):
            curve = done.result()
            curves.append(curve)
            say(
                f"{curve.race.kind} {curve.race.seed}, {curve.trainer}: validation {curve.best[-1]:.2f} after "
                f"{curve.time_to_best():.1f} s of {curve.seconds[-1]:.1f}, test {curve.test:.2f}"
            )
    return curves


@frozen
class Comparison:
    """A trainer on the markets of one kind, medians over seeds: `seconds` to its best `validation` score, its `shares`
    of the ceiling on test, `ours` the seconds that ours took to the same validation score, and `times` less."""

    trainer: str
    seconds: float
    validation: float
    shares: tuple[float, ...]
    ours: float
    times: float


def compare(curves: list[Curve], kind: Kind) -> list[Comparison]:
    """Everyone on the markets of `kind`, ours last."""
    of_kind = [curve for curve in curves if curve.race.kind == kind]
    own = {curve.race: curve for curve in of_kind if curve.trainer == OURS}
    rows = []
    for name in sorted({curve.trainer for curve in of_kind}, key=lambda name: (name == OURS, name)):
        entered = [curve for curve in of_kind if curve.trainer == name]
        theirs = [curve.time_to_best() for curve in entered]
        reached = [own[curve.race].time_to(curve.best[-1]) for curve in entered]
        rows.append(
            Comparison(
                trainer=name,
                seconds=median(theirs),
                validation=median(curve.best[-1] for curve in entered),
                shares=tuple(curve.test / own[curve.race].ceiling for curve in entered),
                ours=median(reached),
                times=median(took / second for took, second in zip(theirs, reached, strict=True)),
            )
        )
    ridge = tuple(curve.ridge / curve.ceiling for curve in own.values())
    return [*rows, Comparison(RIDGE, math.nan, math.nan, ridge, math.nan, math.nan)]


def table(curves: list[Curve]) -> Table:
    """One line for each kind of market and trainer."""
    seeds = ", ".join(str(seed) for seed in sorted({curve.race.seed for curve in curves}))
    shown = Table(
        title=f"(b) Planted markets, medians of seeds {seeds}: seconds of training to the best validation score,\n"
        f"and how soon ours reached the same (target: {TARGET} times less)"
    )
    for column in ("market", "trainer"):
        shown.add_column(column)
    for column in ("s", "validation", "ours, s", "times less", "test, of ceiling", "worst seed"):
        shown.add_column(column, justify="right")
    for kind in dict.fromkeys(curve.race.kind for curve in curves):
        for row in compare(curves, kind):
            never = math.isinf(row.ours)
            shown.add_row(
                kind,
                row.trainer,
                _number(row.seconds, 1),
                _number(row.validation, 2),
                "never" if never else _number(row.ours, 2),
                "-" if never or row.trainer == OURS else _number(row.times, 0),
                f"{median(row.shares):.0%}",
                f"{min(row.shares):.0%}",
            )
    return shown


def _number(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"
