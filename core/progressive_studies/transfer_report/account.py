"""Totals of a run's ledger: verdicts and gains of each strategy, proofs of the sources, and the time they took."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

Line = Mapping[str, Any]


@frozen(kw_only=True)
class StrategyAccount:
    """What one strategy did in one phase: how often by verdict, and the validation score `gained` by what was kept."""

    strategy: str
    phase: str
    kept: int
    rolled_back: int
    skipped: int
    failed: int
    gained: float
    seconds: float


@frozen(kw_only=True)
class Trial:
    """The proof of a source for a target (see `Proof`), and the source's own t."""

    source: str
    target: str
    phase: str
    episode: int
    before: float
    after: float
    error: float
    source_t: float


@frozen(kw_only=True)
class Account:
    """A ledger, added up. Of the `run_seconds` of all buckets, `proofs` went to trying sources, `tries` to strategies and
    measuring what they offered, `rest` to asking for knowledge, opening and saving earlier models."""

    strategies: tuple[StrategyAccount, ...]
    trials: tuple[Trial, ...] = field(repr=False)
    run_seconds: float
    proofs: float
    tries: float
    rest: float

    @property
    def seconds(self) -> float:
        """Seconds that transfer took in all."""
        return self.proofs + self.tries + self.rest


def account_of(ledger: Sequence[Line], run_seconds: float) -> Account:
    """Add a ledger up; strategies and trials in the order in which they first come."""
    groups = dict.fromkeys((line["strategy"], line["phase"]) for line in ledger)
    trials = dict.fromkeys(_trial(line) for line in ledger if line.get("proof"))
    return Account(
        strategies=tuple(_strategy(ledger, *group) for group in groups),
        trials=tuple(trials),
        run_seconds=run_seconds,
        proofs=math.fsum(line.get("proof_seconds", 0.0) for line in ledger),
        tries=math.fsum(line["seconds"] for line in ledger),
        rest=math.fsum(line.get("shared_seconds", 0.0) for line in ledger),
    )


def _strategy(ledger: Sequence[Line], strategy: str, phase: str) -> StrategyAccount:
    lines = [line for line in ledger if (line["strategy"], line["phase"]) == (strategy, phase)]
    verdicts = Counter(line["verdict"] for line in lines)
    return StrategyAccount(
        strategy=strategy,
        phase=phase,
        kept=verdicts["kept"],
        rolled_back=verdicts["rolled back"],
        skipped=verdicts["skipped"],
        failed=verdicts["failed"],
        gained=math.fsum(
            line["after"] - line["before"]
            for line in lines
            if line["verdict"] == "kept" and line["before"] is not None and line["after"] is not None
        ),
        seconds=math.fsum(line["seconds"] for line in lines),
    )


def _trial(line: Line) -> Trial:
    numbers = {key: line["proof"][key] for key in ("before", "after", "error")} | {"source_t": line.get("source_t")}
    known = {key: math.nan if value is None else value for key, value in numbers.items()}
    return Trial(source=line["source"], target=line["target"], phase=line["phase"], episode=line["episode"], **known)
