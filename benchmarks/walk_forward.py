"""Does walking forward measure what is there, and does knowledge travel through time? One command, one table with targets.

    python benchmarks/walk_forward.py                    # five seeds; some 20 minutes of two idle cores
    python benchmarks/walk_forward.py --part still       # one part: still, flip, walks, border or real
    python benchmarks/walk_forward.py --quick            # whether it runs; the numbers mean nothing

Medium, seven folds of planted markets of 60,000 bars (see planted.py), default settings, no slippage. `still`: a market that
stays as it is, walked from scratch and with WARM_START proof, and trained once on a single split, of which 15 % test. `flip`:
the columns that tell of it say the opposite after the first third, and each fold trains on a window of two of its length; there
`always`, without proof, is the control that fails.
`walks`: twenty driftless random walks without a fee. `border`: all bars from a fold's start on are changed, and its model
is compared to the bit. `real`: hourly and 5-minute bars of BTC, with and without fee, eight folds, beside breakout and buy and
hold: every result is a look, and looks are counted. Log returns are over all test parts; a share is of sums over seeds.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from attrs import frozen
from learnability import each
from rich.console import Console
from row_file import show
from walk_forward_training import (
    Walked,
    Warm,
    driftless_walk,
    flipped_market,
    is_same_model,
    log_return,
    single_split_t,
    still_market,
    walked,
)

from progressive_market.judging.verdict import SHOWN_T
from progressive_training import Folding

PARTS = ("still", "flip", "walks", "border", "real")
BARS, WALK_BARS, FOLDS, REAL_FOLDS, WALKS = 60_000, 24_000, 7, 8, 20
QUICK: dict[str, Any] = {
    "EPISODES": 1,
    "UPDATES_PER_EPISODE": 1,
    "EPISODE_BARS": 16,
    "PARALLEL_EPISODES": 4,
    "HORIZON_RANGE": [1, 24],
}
QUICK_BARS = 2_000
WINDOW = 2
"""Of the flipped market, in lengths of a fold."""
TURN = 2
"""Folds before the first whose validation part lies behind the turn: it comes at the start of the second one's test part."""
DATA = Path(__file__).resolve().parents[1] / "../shared/data"
REAL = {"BTC 1 h": "binance_btcusdt_1h.parquet", "BTC 5 min": "binance_btcusdt_5m.parquet"}
REAL_BUCKETS = {"BTC 1 h": ("Scalping", "Short", "Medium", "Long"), "BTC 5 min": ("Scalping", "Medium")}
FEES: dict[str, dict[str, Any]] = {"0.1 % and slippage": {}, "no fee": {"FEE": 0.0, "SLIPPAGE": 0.0}}
FREE: dict[str, Any] = {"SLIPPAGE": 0.0}


@frozen
class Task:
    """One walk-forward of a part: a planted market by its seed, or a file of real bars with a bucket and a fee."""

    part: str
    seed: int
    warm: Warm
    quick: bool
    file: Path | None = None
    market: str = ""
    bucket: str = "Medium"
    fee: str = ""


def done(task: Task) -> Walked:
    """Walk forward as the task says, and print what it came to: a part takes minutes."""
    walk = _walked(task)
    whose = ", ".join(filter(None, (task.market, task.bucket, task.fee)))
    print(f"{task.part} {task.seed}, {whose}, {task.warm}: {line(walk)}", flush=True)
    return walk


def _walked(task: Task) -> Walked:
    torch.set_num_threads(1)
    settings: dict[str, Any] = {"SEED": task.seed, **(QUICK if task.quick else {})}
    if task.file is not None:
        folding = Folding(folds=2 if task.quick else REAL_FOLDS)
        return walked(task.file, folding, task.warm, task.bucket, **settings, **FEES[task.fee])
    make, count = {
        "still": (still_market, BARS),
        "flip": (flipped_market, BARS),
        "walks": (driftless_walk, WALK_BARS),
    }[task.part]
    free = FEES["no fee"] if task.part == "walks" else FREE
    bars, folds = (QUICK_BARS, 2) if task.quick else (count, FOLDS)
    window = WINDOW * 3_600.0 * bars / (folds + 2) if task.part == "flip" else None
    return walked(make(bars, task.seed), Folding(folds=folds, window=window), task.warm, **settings, **free)


def single(seed: int, quick: bool) -> float:
    """t of the test part of one training on a single split of the still market."""
    torch.set_num_threads(1)
    settings: dict[str, Any] = {"SEED": seed, **(QUICK if quick else {})}
    return single_split_t(still_market(QUICK_BARS if quick else BARS, seed), **settings, **FREE)


Row = tuple[str, str, str, bool | None]
"""What is measured, the target, what was reached, and whether that is enough (None where there is no target)."""


def still(seeds: Sequence[int], processes: int, quick: bool) -> list[Row]:
    """A market that stays as it is."""
    tasks = [Task("still", seed, warm, quick) for seed in seeds for warm in ("never", "proof")]
    told = list(each(done, tasks, processes))
    scratch, gated = told[::2], told[1::2]
    singles = list(each(partial(single, quick=quick), seeds, processes))
    print(f"still, single split: t {', '.join(f'{alone:.2f}' for alone in singles)}", flush=True)
    pooled, apart = mean(t_of(scratch)), mean(singles) or math.nan
    shared = share(gated, scratch, lambda walk: log_return(walk.own))
    abstained = share(scratch, scratch, lambda walk: log_return(walk.abstaining), lambda walk: log_return(walk.own))
    steps = share(gated, scratch, lambda walk: float(walk.taught_kept_steps))
    trained = share(gated, scratch, lambda walk: float(walk.taught_steps))
    return [
        ("still: pooled t, mean over seeds (least)", "6", f"{pooled:.1f} ({min(t_of(scratch)):.1f})", pooled >= 6),
        ("still: the same, of the t of a single split", "1.4", f"{pooled / apart:.2f}", pooled / apart >= 1.4),
        (
            "still: ridge with a no-trade band, pooled t",
            "",
            f"{mean(walk.row('ridge')['t'] for walk in scratch):.1f}",
            None,
        ),
        ("still: steps to the kept model, taught by proof, of scratch's", "at most 0.7", f"{steps:.2f}", steps <= 0.7),
        ("still: steps in all, of scratch's", "", f"{trained:.2f}", None),
        ("still: result, taught by proof, of scratch's", "85 %", f"{shared:.0%}", shared >= 0.85),
        ("still: kept by pooled abstaining", "75 %", f"{abstained:.0%}", abstained >= 0.75),
        (
            "still: kept where each fold's own validation t decides",
            "",
            f"{share(scratch, scratch, by_own_validation):.0%}",
            None,
        ),
    ]


def flip(seeds: Sequence[int], processes: int, quick: bool) -> list[Row]:
    """A market whose sign flips in the middle."""
    arms: tuple[Warm, ...] = ("never", "proof", "always")
    told = list(each(done, [Task("flip", seed, warm, quick) for seed in seeds for warm in arms], processes))
    scratch, gated, forced = told[::3], told[1::3], told[2::3]
    means = [mean(log_return(walk.own) for walk in each_arm) for each_arm in (scratch, gated, forced)]
    later = [mean(since_the_turn(walk) for walk in each_arm) for each_arm in (scratch, gated, forced)]
    kept, control = (value / (means[0] or math.nan) for value in means[1:])
    after, control_after = (value / (later[0] or math.nan) for value in later[1:])
    return [
        ("flip: log return from scratch, by proof, forced", "", ", ".join(f"{value:+.2f}" for value in means), None),
        ("flip: result, taught by proof, of scratch's", "75 %", f"{kept:.0%}", kept >= 0.75),
        ("flip: the same in folds that were chosen after the turn", "75 %", f"{after:.0%}", after >= 0.75),
        ("flip: the control there: forced, of scratch's", "fails", f"{control_after:.0%}", control_after < 0.75),
        ("flip: the control: forced, of scratch's", "fails", f"{control:.0%}", control < 0.75),
    ]


def since_the_turn(walk: Walked) -> float:
    """Log return of the folds whose validation part lies behind the turn; no proof can know of it earlier."""
    return sum(log_return(fold) for fold in walk.bucket["folds"][TURN:])


def walks(seeds: Sequence[int], processes: int, quick: bool) -> list[Row]:
    """Driftless random walks without a fee."""
    tasks = [Task("walks", 500 + number, "proof", quick) for number in range(len(seeds) if quick else WALKS)]
    told = list(each(done, tasks, processes))
    found = t_of(told)
    claims = sum(walk.bucket["edge"] != "none" for walk in told)
    return [
        (
            f"{len(told)} driftless walks: pooled t of 3, and edges claimed",
            "0",
            f"{sum(t >= 3 for t in found)}, {claims}",
            max(found) < 3 and not claims,
        ),
        ("walks: largest pooled t, mean", "", f"{max(found):.2f}, {mean(found):.2f}", None),
    ]


def border(seeds: Sequence[int], processes: int, quick: bool) -> list[Row]:
    """Whether a fold's model is the same to the bit when the bars from its start on are changed."""
    settings: dict[str, Any] = {"SEED": seeds[0], **(QUICK if quick else {}), **FREE}
    same = is_same_model(still_market(QUICK_BARS if quick else 12_000, seeds[0]), **settings)
    return [
        (
            "border: model after all bars from its fold's start on were changed",
            "the same",
            "the same" if same else "another",
            same,
        )
    ]


def real(data: Path, seeds: Sequence[int], processes: int, quick: bool) -> list[Row]:
    """Real bars: nothing is promised, and every result is a look."""
    rows: list[Row] = []
    looks = 0
    for market, name in REAL.items():
        file = data / name
        if not file.is_file():
            rows.append((f"{market}: skipped, {file} is not there", "", "", None))
            continue
        for fee in FEES:
            tasks = [
                Task("real", seed, "proof", quick, file, market, bucket, fee)
                for seed in seeds
                for bucket in REAL_BUCKETS[market][: 1 if quick else None]
            ]
            looks += len(tasks)
            told = dict(zip(tasks, each(done, tasks, processes), strict=True))
            one = next(iter(told.values()))
            for bucket in dict.fromkeys(task.bucket for task in tasks):
                own = [walk for task, walk in told.items() if task.bucket == bucket]
                rows.append((f"{market}, {fee}: {bucket}", "", spread(own), None))
            for baseline in ("breakout", "buy and hold"):
                row = one.row(baseline)
                rows.append((f"{market}, {fee}: {row['strategy']}", "", f"{row['t']:.1f} ({row['sharpe']:.2f})", None))
            rows.append(
                (
                    f"{market}: share of histories of {one.years:.1f} years in which a true Sharpe ratio of 1 shows t 3",
                    "",
                    f"{one.chance:.0%}",
                    None,
                )
            )
    rows.append(("looks at real bars", "", str(looks), None))
    return rows


def spread(own: Sequence[Walked]) -> str:
    """Pooled t by seed, Sharpe ratio, abstaining profit, and what the verdicts say."""
    t = ", ".join(f"{walk.own['t']:.1f}" for walk in own)
    sharpe = mean(walk.own["sharpe"] for walk in own)
    edges = sum(walk.bucket["edge"] == "confirmed" for walk in own)
    return f"{t} ({sharpe:.2f}); abstaining {mean(log_return(walk.abstaining) for walk in own):+.2f} log; {edges} edges"


def by_own_validation(walk: Walked) -> float:
    """Log return of the folds whose own validation part shows a t of 3."""
    return sum(log_return(fold) for fold in walk.bucket["folds"] if (fold["validation_t"] or 0.0) >= SHOWN_T)


def t_of(told: Sequence[Walked]) -> list[float]:
    """Pooled t of each strategy."""
    return [walk.own["t"] for walk in told]


def share(
    some: Sequence[Walked],
    others: Sequence[Walked],
    of: Callable[[Walked], float],
    to: Callable[[Walked], float] | None = None,
) -> float:
    """The sum over `some` walks, as a share of that over the `others`."""
    return sum(map(of, some)) / (sum(map(to or of, others)) or math.nan)


def line(walk: Walked) -> str:
    """One walk in a few numbers, and the log return of each fold, marked where the model before taught it."""
    folds = " ".join(
        f"{log_return(fold):+.1f}{'*' if number in walk.taught else ''}"
        for number, fold in enumerate(walk.bucket["folds"], 1)
    )
    return (
        f"t {walk.own['t']:.2f}, log {log_return(walk.own):+.2f} ({folds}), abstaining {log_return(walk.abstaining):+.2f}, "
        f"steps {walk.steps}, {walk.kept_steps} to the kept models"
    )


def main() -> int:
    """Train what is asked for, print the table, and answer 0 when every target is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--part", choices=PARTS, help="only this one")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--real-seeds", type=int, default=2)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of real bars")
    parser.add_argument("--quick", action="store_true", help="the smallest there is, to see that it runs")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
    measures: dict[str, Callable[[Sequence[int], int, bool], list[Row]]] = {
        "still": still,
        "flip": flip,
        "walks": walks,
        "border": border,
        "real": partial(real, asked.data),
    }
    rows: list[Row] = []
    for part in [asked.part] if asked.part else PARTS:
        own = seeds[: asked.real_seeds] if part == "real" else seeds
        rows += measures[part](own, asked.processes, asked.quick)
    show("Walk-forward", rows, Console(width=150))
    return 0 if asked.quick or all(enough is not False for *_, enough in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
