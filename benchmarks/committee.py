"""What a committee is worth: the vote of a run's buckets beside the mean of them, on later bars of the same market.

    python benchmarks/committee.py --runs DIR           # planted markets of 20 and 40 thousand bars, walks, real bars; some 40 minutes
    python benchmarks/committee.py --runs DIR --part 20 # one part: 20, 40, walks or real
    python benchmarks/committee.py --quick              # does it run: some seconds, numbers without meaning

Each run is what `progressive-training --sequence Scalping,Short,Medium,Long,Committee` does with the default settings, slippage aside. A planted
market is made twice as long as the run's bars, and everything is judged on the half behind them, which nobody has seen. Points: log
return there as a share of what a Kalman filter with the true dynamics earns. Walks have no drift: no edge may be claimed. Real bars
are hourly and 5-minute ones of BTC; the last third of them is kept for judging, in per cent of log return a year. A run that is in DIR is not trained
again. What else was tried, on the same votes: their median, votes weighted by each member's t on validation bars that did not choose
it, advantages in deviations of a bar's reward in place of costs, and the first three buckets alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import torch
from attrs import frozen
from planted import Kind, kalman_ceiling, planted_bars
from rich.console import Console
from rich.table import Table

from progressive_buckets.committee.committee_learner import STRATEGY
from progressive_buckets.committee.mean_vote import vote_costs
from progressive_market.market_settings import TEST_SHARE, VALIDATION_SHARE
from progressive_market.policy import cost_matrix, positions_of
from progressive_market.split import split_bars
from progressive_training import ProgressiveTrainer, load_model

NAMES = ("Scalping", "Short", "Medium", "Long")
COMMITTEE = "Committee"
LONGEST, YEAR = 576, 365.25 * 24 * 3600
TARGET = 2.0
"""Points that the vote is to gain on the mean bucket, median of 10 seeds."""
WALKS, WALK_BARS = 24, 12_000
REAL = {"1 h": "binance_btcusdt_1h.parquet", "5 min": "binance_btcusdt_5m.parquet"}
SHARED = Path(__file__).resolve().parents[1] / "../shared/data"
REAL_BARS = 30_000
QUICK: dict[str, Any] = {"EPISODES": 1, "UPDATES_PER_EPISODE": 1, "HORIZON_RANGE": (1, 12), "PARALLEL_EPISODES": 4}
TRIED = ("median", "weighted by t", "in deviations", "first three")


@frozen
class Case:
    """A run to train on the first bars of `frame`, `trained` many, and to judge on the others; `scale`: points of one log return."""

    name: str
    frame: pd.DataFrame
    trained: int
    scale: float


@frozen
class Found:
    """Growth on later bars, in points: of the `committee` and of its members in the mean, and what each other way to vote `gained`. `t`: of the
    comparison on validation by which it is adopted; `claims`: its verdict is an edge."""

    committee: float
    members: float
    best: float
    gained: dict[str, float]
    t: float
    claims: bool

    @property
    def gain(self) -> float:
        return self.committee - self.members


def planted_case(kind: Kind, bars: int, seed: int) -> Case:
    """A planted market; of a walk, where nobody earns anything, points are per cent of log return."""
    market = planted_bars(kind, 2 * bars, seed)
    scale = 100.0
    if kind != "random_walk":
        rows = split_bars(
            bars, LONGEST if bars > 12_000 else 12, VALIDATION_SHARE.default, TEST_SHARE.default, "all"
        ).validation
        ceiling = kalman_ceiling(market, validation=(rows.start, rows.stop), test=(bars, 2 * bars - 2))
        scale = 100 / ceiling.log_return
    bars_of = market.bars
    prices = {name: getattr(bars_of, name) for name in ("open", "high", "low", "close", "volume")}
    frame = pd.DataFrame({"time": pd.to_datetime(bars_of.time, utc=True), **prices, **bars_of.extra})
    return Case(f"{kind}-{bars}-{seed}", frame, bars, scale)


def real_case(name: str) -> Case:
    """The newest real bars of one length."""
    frame = pd.read_parquet(SHARED / REAL[name]).tail(REAL_BARS).reset_index(drop=True)
    trained = len(frame) * 2 // 3
    times = pd.to_datetime(frame.iloc[:, 0], utc=True, unit="ms" if frame.dtypes.iloc[0].kind in "iu" else None)
    years = (times.iloc[-1] - times.iloc[trained]).total_seconds() / YEAR
    return Case(f"real {name}".replace(" ", "-"), frame, trained, 100 / years)


def found_in(case: Case, runs: Path, quick: bool) -> Found:
    """Train the run of a case, unless it is there, and judge its models on the bars behind it."""
    run, seed = runs / case.name, int(case.name.rpartition("-")[2]) if case.name[-1].isdigit() else 0
    settings = {"SEED": seed, **({} if case.name.startswith("real") else {"SLIPPAGE": 0.0}), **(QUICK if quick else {})}
    data = case.frame.iloc[: case.trained]
    trainer = ProgressiveTrainer(
        lambda _: None, settings=settings, data=data, run_dir=run, plugins=["no:console", "no:report"]
    )
    if not (run / "models" / COMMITTEE / "model.safetensors").is_file():
        if (run / "models").is_dir():
            trainer.resume({"SEQUENCE": [*NAMES, COMMITTEE]})
        else:
            trainer.train_progressively([*NAMES, COMMITTEE])
    card = load_model(run / "models" / COMMITTEE).card
    ledger = map(json.loads, (run / "ledger.jsonl").read_text().splitlines())
    choice = next(line for line in ledger if line["strategy"] == STRATEGY)
    growth = judged(run, case)
    members = mean(growth[name] for name in NAMES)
    return Found(
        committee=growth[COMMITTEE] * case.scale,
        members=members * case.scale,
        best=max(growth[name] for name in NAMES) * case.scale,
        gained={name: (growth[name] - members) * case.scale for name in TRIED},
        t=float(choice["reason"].rpartition("t ")[2].rstrip(")")),
        claims=card.trades != "nowhere",
    )


def judged(run: Path, case: Case) -> dict[str, float]:
    """Log return on the bars behind a run of each model's strategy, and of other ways to take the same votes."""
    committee = load_model(run / "models" / COMMITTEE, policy="strategy")
    market = committee.market(committee.read(case.frame))
    part = market.part(slice(case.trained, len(market.returns)))
    own = {name: load_model(run / "models" / name, policy="strategy") for name in NAMES}
    costs, device = vote_costs(market.costs, market.device), market.device

    def earned(advantages: torch.Tensor, at: torch.Tensor = costs) -> float:
        return float(market.growth(positions_of(advantages, part.decidable, at, part.absent), part).sum())

    votes = torch.stack([member.votes(part) for member in committee.members])  # [M, N, 2]
    weights = torch.tensor([max(model.card.validation_t, 0.0) for model in own.values()]).nan_to_num()
    weights = weights / weights.sum() if bool(weights.sum() > 0) else torch.full_like(weights, 1 / len(weights))
    _, one, two = market.costs.table()
    each = torch.tensor([one * (1 + model.card.reluctance) / model.unit for model in own.values()])  # a side, in units
    middle = votes.sort(dim=0).values[1:3].mean(dim=0)
    usual = float(each.mean())
    return {
        **{name: earned(member.votes(part)) for name, member in zip(NAMES, committee.members, strict=True)},
        COMMITTEE: earned(votes.mean(dim=0)),
        "median": earned(middle),
        "weighted by t": earned((votes * weights[:, None, None]).sum(dim=0)),
        "in deviations": earned(
            (votes * each[:, None, None]).mean(dim=0),
            cost_matrix((0.0, usual, usual * two / one), device, market.costs.allowed),
        ),
        "first three": earned(votes[:3].mean(dim=0)),
    }


def cases(part: str, seeds: int, quick: bool) -> Iterator[tuple[str, list[Case]]]:
    """The cases of one part, by market."""
    if part in ("20", "40"):
        bars = 3_000 if quick else 1_000 * int(part)
        kinds: tuple[Kind, ...] = ("easy", "hard")
        for kind in kinds:
            yield f"{kind}, {bars:,} bars", [planted_case(kind, bars, seed) for seed in range(seeds)]
    elif part == "walks":
        bars = 3_000 if quick else WALK_BARS
        yield f"walks, {bars:,} bars", [planted_case("random_walk", bars, seed) for seed in range(seeds)]
    else:
        for name in REAL:
            yield f"real, {name}", [real_case(name)]


def table_of(market: str, found: Sequence[Found]) -> Table:
    """What each way to vote gained on the mean bucket, in points."""
    table = Table(title=market, box=None, pad_edge=False)
    for head in ("vote", "median gain", "mean", "all"):
        table.add_column(head, no_wrap=head != "all")
    rows = {"mean (built in)": [each.gain for each in found]}
    rows |= {name: [each.gained[name] for each in found] for name in TRIED}
    for name, gains in rows.items():
        shown = " ".join(f"{gain:+.1f}" for gain in sorted(gains))
        table.add_row(name, f"{median(gains):+.1f}", f"{mean(gains):+.1f}", shown)
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, judge and print; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=Path, help="where runs are kept; those that are there are not trained again")
    parser.add_argument("--part", choices=("20", "40", "walks", "real"), action="append")
    parser.add_argument("--seeds", type=int, help="10, of walks 24")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args(arguments)
    console, missed = Console(width=150, highlight=False), 0
    with TemporaryDirectory() as made:
        for part in asked.part or (("20", "walks") if asked.quick else ("20", "40", "walks", "real")):
            seeds = asked.seeds or (2 if asked.quick else WALKS if part == "walks" else 10)
            for market, each in cases(part, seeds, asked.quick):
                found = [found_in(case, asked.runs or Path(made), asked.quick) for case in each]
                console.print(table_of(market, found))
                shares = [f"{one.members:.0f} -> {one.committee:.0f} (best {one.best:.0f})" for one in found]
                console.print(f"mean bucket -> committee: {', '.join(shares)}")
                console.print(f"adoption's t on validation: {' '.join(f'{one.t:+.1f}' for one in found)}")
                claims = sum(one.claims for one in found)
                console.print(f"edges claimed: {claims} of {len(found)}")
                if part in ("20", "40"):
                    reached = median(one.gain for one in found)
                    missed += reached < TARGET
                    console.print(
                        f"{'ok' if reached >= TARGET else 'FAIL'}: {reached:+.1f} points (target {TARGET:+.0f})\n"
                    )
                elif part == "walks":
                    missed += claims > 0
                    console.print(f"{'FAIL' if claims else 'ok'}: {claims} claims (target 0)\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
