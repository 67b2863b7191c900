"""The figures of the honesty table, from the rows that trainings left: counts with Wilson's interval, means with their error."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import mean, median, stdev

from attrs import frozen
from honesty_pieces import THIN
from honesty_runs import Result, words
from honesty_training import Row

Results = Mapping[str, Sequence[Result]]
"""By piece; without those that were not run."""
EARLY = 10  # episodes
HONEST = ("alarms", "walks", "real_minute", "real_hour", "planted_minute", "weak", "hard")
"""Pieces in which nothing knows the future."""
OLD_EDGE_T, OLD_TEST_T = 3.0, 2.0
"""What the rule before this one asked of validation and of test."""


@frozen
class Reached:
    """What was measured, in words, and whether that meets the target; None where there is none."""

    words: str
    met: bool | None = None


@frozen
class Measure:
    """A line of the table: what is measured, in which piece, what is wanted of it, what a `study` found before, and how it is
    computed."""

    piece: str
    name: str
    target: str
    study: str
    reached: Callable[[Results], Reached]


# ---------------------------------------------------------------------- statistics


def wilson(count: int, of: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    z = 1.96
    share, spread = count / of, z / (1 + z * z / of)
    centre = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = spread * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, centre - half), min(1.0, centre + half)


def counted(count: int, of: int) -> str:
    """A count with its share's interval."""
    low, high = wilson(count, of)
    return f"{count} of {of} ({low:.1%} to {high:.1%})"


def mean_error(groups: Iterable[Sequence[float]]) -> tuple[float, float]:
    """Mean of the groups' means, and its standard error (not a number for one group)."""
    means = [mean(values) for values in groups if values]
    if not means:
        return math.nan, math.nan
    return mean(means), stdev(means) / math.sqrt(len(means)) if len(means) > 1 else math.nan


def signed(pair: tuple[float, float]) -> str:
    """A mean with its error."""
    return f"{pair[0]:+.2f} ± {pair[1]:.2f}"


# ---------------------------------------------------------------------- walks


def rows_of(results: Results, piece: str, bars: str = "") -> list[Row]:
    """All rows of a piece; of those real bars alone where they are named."""
    return [row for result in results[piece] for row in result.rows if not bars or result.task["bars"] == bars]


def claims(row: Row) -> bool:
    """Whether the program says that there is something to earn."""
    return bool(row.get("edge") == "confirmed")


def walk_claims(results: Results) -> Reached:
    """Claims where there is nothing."""
    rows = rows_of(results, "walks")
    chains, scratch = ([row for row in rows if row["arm"] == arm] for arm in ("taught", "scratch"))
    wrong, alone = sum(map(claims, chains)), sum(map(claims, scratch))
    said = f"{counted(wrong, len(chains))}; from scratch {counted(alone, len(scratch))}"
    return Reached(said, wrong <= 3 * len(chains) / 480)


def forward(row: Row) -> list[str]:
    """The strategies of which a transfer to the bucket in training was kept."""
    return [strategy for phase, strategy in map(str.split, row["kept"]) if phase != "reverse"]


def noise_kept(results: Results) -> Reached:
    """Taught buckets that kept something of a teacher that learned from noise."""
    rows = [row for row in rows_of(results, "walks") if row["arm"] == "taught" and row["bucket"] != "Scalping"]
    kept = [row for row in rows if forward(row)]
    by_strategy = Counter(strategy for row in kept for strategy in set(forward(row)))
    names = ", ".join(f"{name} {count}" for name, count in sorted(by_strategy.items()))
    back = sum("reverse reverse" in row["kept"] for row in rows_of(results, "walks") if row["arm"] == "taught")
    said = f"{counted(len(kept), len(rows))}{': ' + names if names else ''}; taught back {back}"
    return Reached(said, len(kept) <= 0.12 * len(rows))


def gains(results: Results, figure: str, *, only_kept: bool) -> list[list[float]]:
    """Taught minus scratch of a figure, grouped by walk: a walk with and without a fee is one."""
    by_walk: dict[int, list[float]] = {}
    for result in results["walks"]:
        scratch = {row["bucket"]: row for row in result.rows if row["arm"] == "scratch"}
        for row in result.rows:
            if row["arm"] == "taught" and row["bucket"] in scratch and (forward(row) or not only_kept):
                gain = row[figure] - scratch[row["bucket"]][figure]
                by_walk.setdefault(result.task["seed"], []).append(gain)
    return list(by_walk.values())


def taught_gain(figure: str, bound: float | None = None) -> Callable[[Results], Reached]:
    """Taught minus scratch: of all taught buckets, and of those that kept a transfer."""

    def reached(results: Results) -> Reached:
        pair, kept = (mean_error(gains(results, figure, only_kept=only)) for only in (False, True))
        said = f"{signed(pair)}; where kept {'none' if math.isnan(kept[0]) else signed(kept)}"
        return Reached(said, None if bound is None else abs(pair[0]) <= bound)

    return reached


def walk_spread(results: Results) -> Reached:
    """Mean, deviation and largest of pooled t on walks."""
    values = [row["pooled_t"] for row in rows_of(results, "walks") if row["arm"] == "taught"]
    return Reached(f"{mean(values):+.2f}, {stdev(values):.2f}, {max(values):.1f}")


# ---------------------------------------------------------------------- edges


def found(piece: str, least: float | None, bars: str = "") -> Callable[[Results], Reached]:
    """Claims where there is something, at least that share of the trainings (on those real bars)."""

    def reached(results: Results) -> Reached:
        rows = rows_of(results, piece, bars)
        if not rows:
            return Reached("not run")
        count = sum(map(claims, rows))
        said = f"{counted(count, len(rows))}; test t median {median(row['test_t'] for row in rows):.1f}"
        return Reached(said, None if least is None else count >= least * len(rows))

    return reached


def thin_growth(results: Results) -> Reached:
    """The least that a bucket earned on the test part of the thin market."""
    values = [row["test"] for row in rows_of(results, "real_minute", THIN)]
    return Reached(f"{min(values):.2f} to {max(values):.2f}", min(values) >= 3.2) if values else Reached("not run")


def of_ridge(results: Results) -> Reached:
    """What all earned together on test, as a share of what ridge regression did; with the error of the mean of the shares."""
    rows = rows_of(results, "planted_minute")
    share = sum(row["test"] for row in rows) / (sum(row["ridge"] for row in rows) or math.nan)
    _, error = mean_error([[row["test"] / row["ridge"]] for row in rows if row["ridge"]])
    return Reached(f"{share:.0%} ± {error:.0%}", share >= 0.9)


def old_rule(row: Row) -> bool:
    """Whether the rule before this one would find an edge in the same training."""
    return row["validation_t"] >= OLD_EDGE_T and row["test_t"] >= OLD_TEST_T and not row["degenerate"]


def weak_found(results: Results) -> Reached:
    """Weak edges found, beside what the old rule would have found on the same trainings."""
    rows = rows_of(results, "weak")
    new, old = sum(map(claims, rows)), sum(map(old_rule, rows))
    times = f"{new / old:.2f} times" if old else "no ratio to"
    return Reached(f"{counted(new, len(rows))}: {times} the {old} of the old rule", bool(old) and new >= 1.2 * old)


def early(curve: Sequence[float]) -> float:
    """Mean of the best validation score so far over the first episodes, the start included."""
    some = [*curve[:EARLY], *[curve[-1]] * (EARLY - len(curve))]
    return mean(some)


def hard_start(results: Results) -> Reached:
    """Early score of taught buckets over that from scratch: of all together, with the error over markets."""
    sums = []
    for result in results["hard"]:
        scratch = {row["bucket"]: early(row["curve"]) for row in result.rows if row["arm"] == "scratch"}
        taught = [early(row["curve"]) for row in result.rows if row["arm"] == "taught" and row["bucket"] in scratch]
        sums.append((sum(taught), sum(scratch.values())))
    own, beside = (sum(side) for side in zip(*sums, strict=True))
    ratio = own / beside if beside > 0 else math.nan
    _, error = mean_error([[taught / scratch] for taught, scratch in sums if scratch > 0])
    return Reached(f"{ratio:.2f} ± {error:.2f}", ratio >= 1.5)


# ---------------------------------------------------------------------- leaks


def caught(bars: str) -> Callable[[Results], Reached]:
    """Leaks that the check names, and those that it passes and the verdict doubts; what is left, by kind."""

    def reached(results: Results) -> Reached:
        some = [result for result in results["leaks"] if result.task["bars"] == bars]
        if not some:
            return Reached("not run")
        rows = [result.rows[0] for result in some]
        named, doubted = sum(bool(row["named"]) for row in rows), sum(row.get("edge") == "implausible" for row in rows)
        left = [
            f"{result.task['kind']} ({result.task['variant'] + 1}: {'CLAIMED' if claims(row) else 'no edge'})"
            for result, row in zip(some, rows, strict=True)
            if not row["named"] and row["edge"] != "implausible"
        ]
        said = f"{named} named, {doubted} implausible of {len(some)}" + (f"; left: {', '.join(left)}" if left else "")
        return Reached(said, not left)

    return reached


def false_alarms(results: Results) -> Reached:
    """Honest columns that are named, and results of honest markets that are doubted."""
    rows = [(result.task, row) for piece in HONEST for result in results.get(piece, ()) for row in result.rows]
    wrong = [
        f"{words(task)} {'named' if row.get('named') else 'implausible'}"
        for task, row in rows
        if row.get("named") or row.get("edge") == "implausible"
    ]
    return Reached(counted(len(wrong), len(rows)) + (f": {', '.join(wrong)}" if wrong else ""), not wrong)
