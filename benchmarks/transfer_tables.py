"""The table of the transfer study, and whether its targets are met."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from statistics import mean, median

from attrs import frozen
from rich.table import Table
from transfer_markets import FINE, REAL, STUDIES
from transfer_measures import (
    Pair,
    chain,
    first_buckets,
    mean_and_error,
    middle,
    pairs_of,
    pooled_area_ratio,
    with_error,
)
from transfer_training import AGAIN, DEFAULT, FOUND, SCRATCH, Returned, Trained

from progressive_studies.transfer_report.measures import THRESHOLD

STEPS_SHARE, CHAIN, AREA, CONTEXT_GAIN, PROBES = 0.2, 2.5, 1.25, 10.0, 0.05
ERRORS = 2.0
"""Standard errors by which a mean over seeds may be short: one-sided 5 % with 5 seeds."""
WORST_ERRORS = 3.0
"""Deviations by which the worst of all poisoned trainings may: the least of some hundred lies at 2.5."""
SHARED = ("easy", "hard")
STEPS: int = FINE["UPDATES_PER_EPISODE"]


@frozen
class Verdict:
    """One target, what came of it, and whether that is enough."""

    target: str
    got: str
    met: bool


def table_of(done: Sequence[Trained]) -> Table:
    """Medians over seeds and buckets; test differences as means with their standard error over the seeds."""
    seeds = sorted({one.seed for one in done})
    table = Table(title=f"Taught against scratch, seeds {seeds[0]} to {seeds[-1]}", title_justify="left")
    for column in ("market", "arm", "bucket"):
        table.add_column(column)
    for column in (
        "seeds", "scratch\ntest", "jump-\nstart", "scratch\nsteps", "share\nof them", "never", "chain\nx fewer",
        "area\nratio", "at most\nby speed", "best", "test\npoints more",
    ):  # fmt: skip
        table.add_column(column, justify="right", no_wrap=True)
    for (market, arm, bucket), pairs in rows_of(done):
        if bucket and arm != DEFAULT:
            continue
        firsts = first_buckets(done, market) if not bucket else []
        table.add_row(market, arm, bucket or "all", *cells_of(pairs, firsts))
    return table


def rows_of(done: Sequence[Trained]) -> Iterator[tuple[tuple[str, str, str], list[Pair]]]:
    """Market, arm and bucket with its pairs; no bucket where it is all of them."""
    pairs = pairs_of(one for one in done if not STUDIES[one.market].poisoned and one.arm != FOUND)
    for market in dict.fromkeys(pair.taught.market for pair in pairs):
        for arm in dict.fromkeys(pair.taught.arm for pair in pairs if pair.taught.market == market):
            own = [pair for pair in pairs if (pair.taught.market, pair.taught.arm) == (market, arm)]
            yield (market, arm, ""), own
            for bucket in dict.fromkeys(pair.taught.bucket for pair in own):
                yield (market, arm, bucket), [pair for pair in own if pair.taught.bucket == bucket]


def cells_of(pairs: Sequence[Pair], firsts: Sequence[Trained]) -> list[str]:
    """One row, from the number of seeds on."""
    gain, error = mean_and_error(pairs, lambda pair: pair.gain)
    never = sum(math.isinf(pair.share) for pair in pairs)
    return [
        str(len({pair.taught.seed for pair in pairs})),
        f"{mean(pair.scratch.test for pair in pairs):.1f}",
        number(middle(pair.jumpstart for pair in pairs)),
        number(STEPS * middle(pair.scratch_steps(THRESHOLD) for pair in pairs), 0),
        number(middle(pair.share for pair in pairs)),
        f"{never} of {len(pairs)}" if never else "",
        f"{number(chain(firsts, pairs, THRESHOLD), 1)} ({number(chain(firsts, pairs, 1.0), 1)})" if firsts else "",
        number(middle(pair.area_ratio for pair in pairs)),
        number(middle(pair.area_most for pair in pairs)),
        number(middle(pair.asymptote for pair in pairs)),
        with_sign(gain, error),
    ]


def number(value: float, digits: int = 2) -> str:
    """A number, or what stands for none."""
    return "-" if math.isnan(value) else "never" if math.isinf(value) else f"{value:.{digits}f}"


def with_sign(gain: float, error: float) -> str:
    """Points more or fewer, and their standard error."""
    return f"{gain:+.1f} ± {number(error, 1)}"


def poison_table(done: Sequence[Trained]) -> Table:
    """The poisoned trainings beside scratch, and scratch beside itself with another seed."""
    table = Table(title="Teachers made to harm: points on test more than scratch", title_justify="left")
    for column in ("market", "arm", "teacher"):
        table.add_column(column)
    for column in ("seeds", "mean", "worst", "best", "same as scratch"):
        table.add_column(column, justify="right", no_wrap=True)
    pairs = poisoned_pairs(done)
    for market, arm, teacher in dict.fromkeys((p.taught.market, p.taught.arm, p.taught.teacher) for p in pairs):
        own = [p for p in pairs if (p.taught.market, p.taught.arm, p.taught.teacher) == (market, arm, teacher)]
        gain, error = mean_and_error(own, lambda pair: pair.gain)
        gains = [pair.gain for pair in own]
        same = sum((pair.taught.curve, pair.taught.test) == (pair.scratch.curve, pair.scratch.test) for pair in own)
        table.add_row(
            market, arm, teacher, str(len(own)), with_sign(gain, error), f"{min(gains):+.1f}",
            f"{max(gains):+.1f}", str(same),
        )  # fmt: skip
    return table


def back_table(returned: Sequence[Returned]) -> Table:
    """What finished buckets gained from later ones."""
    table = Table(title="Taught backward: a finished bucket's points on test", title_justify="left")
    for column in ("market", "arm", "bucket"):
        table.add_column(column)
    for column in ("offers", "kept", "before", "points more where kept"):
        table.add_column(column, justify="right", no_wrap=True)
    for market, arm, bucket in dict.fromkeys((one.market, one.arm, one.bucket) for one in returned):
        own = [one for one in returned if (one.market, one.arm, one.bucket) == (market, arm, bucket)]
        kept = [one for one in own if any(entry.verdict == "kept" for entry in one.entries)]
        gains = [one.after - one.before for one in kept]
        more = with_sign(*with_error(gains)) if gains else ""
        table.add_row(market, arm, bucket, str(len(own)), str(len(kept)), f"{mean(o.before for o in own):.1f}", more)
    return table


def poisoned_pairs(done: Iterable[Trained]) -> list[Pair]:
    """Trainings with teachers made to harm, and scratch with another seed, beside scratch."""
    return pairs_of(one for one in done if STUDIES[one.market].poisoned)


def verdicts(done: Sequence[Trained]) -> list[Verdict]:
    """The targets that the markets trained on are judged by, for the default arm."""
    rows = {key: pairs for key, pairs in rows_of(done) if key[1] == DEFAULT}
    found: list[Verdict] = []
    for (market, _, bucket), pairs in rows.items():
        if bucket and market in SHARED:
            share = middle(pair.share for pair in pairs)
            target = f"{market} {bucket}: {THRESHOLD:.0%} of scratch's best in at most {STEPS_SHARE:.0%} of its steps"
            found.append(Verdict(target, number(share), share <= STEPS_SHARE))
        elif not bucket:
            found += market_verdicts(done, market, pairs)
    return found + poison_verdicts(done) + probe_verdicts(done)


def market_verdicts(done: Sequence[Trained], market: str, pairs: Sequence[Pair]) -> list[Verdict]:
    """The targets of one market, over all its buckets."""
    found = []
    if market in SHARED:
        fewer, ratio = chain(first_buckets(done, market), pairs, THRESHOLD), middle(p.area_ratio for p in pairs)
        most = middle(pair.area_most for pair in pairs)
        found.append(Verdict(f"{market}: chain at least {CHAIN} times cheaper", number(fewer), fewer >= CHAIN))
        got = f"{number(ratio)} (speed alone can bring {number(most)})"
        found.append(Verdict(f"{market}: area ratio at least {AREA}", got, ratio >= AREA))
    if market in REAL:
        ratio, low = pooled_area_ratio(pairs)
        met = low >= 1.0 or math.isclose(low, 1.0)
        return [Verdict(f"{market}: lower bound of the area ratio at least 1", f"{ratio:.3f}, from {low:.3f}", met)]
    gain, error = mean_and_error(pairs, lambda pair: pair.gain)
    got = with_sign(gain, error)
    if market == "hard":
        headroom = 100 - mean(pair.scratch.test for pair in pairs)
        told = f"{got} (scratch leaves {headroom:.0f} to the ceiling)"
        found.append(Verdict(f"{market}: test at least {CONTEXT_GAIN:.0f} points higher", told, gain >= CONTEXT_GAIN))
    else:
        found.append(Verdict(f"{market}: test not lower beyond noise", got, not gain + ERRORS * error < 0))
    return found


def poison_verdicts(done: Sequence[Trained]) -> list[Verdict]:
    """No poisoned training is worse than scratch by more than scratch with another seed may be."""
    found = []
    pairs = [pair for pair in poisoned_pairs(done) if pair.taught.arm in (AGAIN, DEFAULT)]
    for market in dict.fromkeys(pair.taught.market for pair in pairs):
        luck = [pair.gain for pair in pairs if pair.taught.market == market and pair.taught.arm == AGAIN]
        own = [pair for pair in pairs if pair.taught.market == market and pair.taught.arm == DEFAULT]
        if not own or len(luck) < 2:
            continue
        allowed = -WORST_ERRORS * math.sqrt(mean(gain * gain for gain in luck))
        worst = min(own, key=lambda pair: pair.gain)
        got = f"{worst.gain:+.1f} ({worst.taught.teacher}, seed {worst.taught.seed})"
        target = f"{market}: the worst of {len(own)} not below {allowed:.1f} points"
        found.append(Verdict(target, got, worst.gain >= allowed))
        for teacher in dict.fromkeys(pair.taught.teacher for pair in own):
            some = [pair for pair in own if pair.taught.teacher == teacher]
            gain, error = mean_and_error(some, lambda pair: pair.gain)
            met = not gain + ERRORS * error < 0
            target = f"{market}, {teacher}: not lower beyond noise"
            found.append(Verdict(target, with_sign(gain, error), met))
    return found


def probe_verdicts(done: Sequence[Trained]) -> list[Verdict]:
    """What the transfers cost."""
    own = [one for one in done if one.arm == DEFAULT]
    if not own:
        return []
    share = sum(one.spent for one in own) / sum(one.seconds for one in own)
    target = f"transfers take less than {PROBES:.0%} of the training's time"
    return [
        Verdict(target, f"{share:.1%}, median {median(one.spent / one.seconds for one in own):.1%}", share < PROBES)
    ]


def verdict_table(found: Sequence[Verdict]) -> Table:
    """The targets, one a line."""
    table = Table(title="Targets of the default against scratch", title_justify="left")
    for column in ("target", "got", ""):
        table.add_column(column)
    for verdict in found:
        table.add_row(verdict.target, verdict.got, "[green]pass[/]" if verdict.met else "[red]FAIL[/]")
    return table


def ledger_line(one: Trained) -> str:
    """A training in one line: how it went, and what the ledger says."""
    counts: dict[str, int] = {}
    for entry in one.entries:
        key = f"{entry.strategy} {entry.verdict}"
        counts[key] = counts.get(key, 0) + 1
    told = "" if one.arm == SCRATCH else ": " + ", ".join(f"{key} {count}" for key, count in counts.items())
    teacher = f" from {one.teacher}" if one.teacher else ""
    return (
        f"{one.market} seed {one.seed} {one.bucket} {one.arm}{teacher}: best {one.curve[-1]:.3f}, test {one.test:.1f}, "
        f"{one.seconds:.1f} s{told}"
    )
