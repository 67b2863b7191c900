"""Ours beside the alternatives, on the same bars, in one process tree: speed, wall-clock to a score, memory.

    pip install -e ".[bench]"
    python benchmarks/peers.py                    # everything; some 12 minutes on two idle cores
    python benchmarks/peers.py --quick            # every part once, in a minute: the figures say little
    python benchmarks/peers.py --parts throughput,race
    python benchmarks/peers.py --parts throughput --also skrl,tianshou,torchrl      # pip install those first
    python benchmarks/peers.py --device cuda      # our loop alone, on a GPU

Parts, each in processes of its own, one for each trainer, interleaved and repeated:
`throughput`: transitions a second at equal bars, window, network and gradient samples. `race`: wall-clock to the
validation score that each peer reaches on planted markets, and what all earn on test. `stepping`: environment steps
alone. `machine`: the share of the matrix-product rate that our update reaches. `growth`: what a transition and the
memory cost, from 10 thousand to 4 million bars. `gymnasium`: steps of `MarketEnv` and `MarketVectorEnv`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from time import perf_counter

import torch
from attrs import evolve, frozen
from history import record
from planted import Kind
from rich.console import Console
from rich.table import Table
from rivals import growth, gymnasium_steps, machine_share, race, stepping, throughput
from rivals.common import PEER_PACKAGES, Say, missing
from rivals.racers import Race, train_ours

PARTS = ("throughput", "race", "stepping", "machine", "growth", "gymnasium")
WITH_PEERS = ("throughput", "race", "stepping", "gymnasium")
RACERS = 2
"""At a time, each on one thread."""


@frozen
class Effort:
    """How much to measure.

    Of all parts the market's `bars` and the `rounds` of so many `seconds` each, on so many torch `threads`; of
    throughput which other libraries train `also`; of the race the `kinds` of market, how many `seeds` of each, and the
    peers' `transitions`; of machine the `matrix` whose products count; of growth the `sizes`.
    """

    bars: int = 60_000
    rounds: int = 3
    seconds: float = 2.5
    threads: tuple[int, ...] = (1, 2)
    also: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = race.KINDS
    seeds: int = 2
    transitions: int = 300_000
    matrix: int = 2_048
    sizes: tuple[int, ...] = growth.BARS


QUICK = Effort(
    bars=10_000,
    rounds=1,
    seconds=0.3,
    threads=(1,),
    kinds=("easy",),
    seeds=1,
    transitions=3_000,
    matrix=256,  # bf16 takes minutes for more on a processor that has to emulate it
    sizes=(10_000, 20_000),
)


def run(part: str, effort: Effort, first_seed: int, say: Say) -> tuple[Table, dict[str, float]]:
    """Measure one part and lay out its table; beside it the ratios that are kept, of which more is better."""
    bars, rounds, seconds, threads = effort.bars, effort.rounds, effort.seconds, effort.threads
    if part == "throughput":
        others = [throughput.OTHERS[name] for name in effort.also]
        taking_part = [*throughput.peers(), *others, *throughput.own()]
        speeds = throughput.measure(taking_part, bars, rounds, seconds, threads, say)
        return throughput.table(speeds), throughput.ratios(speeds)
    if part == "race":
        seeds = range(first_seed, first_seed + effort.seeds)
        races = [Race(kind, seed) for seed in seeds for kind in effort.kinds]
        # ours among theirs, so that the machine is as busy for one as for the other
        entries = [entry for each in races for entry in (*race.peers(each, effort.transitions), (train_ours, (each,)))]
        return race.table(race.measure(entries, RACERS, say)), {}
    if part == "stepping":
        lines = [*stepping.PEERS, *stepping.OURS]
        paces = stepping.measure(lines, bars, rounds, seconds / 2, say)
        return stepping.table(paces), stepping.ratios(paces)
    if part == "gymnasium":
        paces = stepping.measure(gymnasium_steps.LINES, bars, rounds, seconds / 2, say)
        return gymnasium_steps.table(paces), gymnasium_steps.ratios(paces)
    if part == "machine":
        return machine_share.table(machine_share.measure(bars, effort.matrix, rounds, seconds / 5, threads, say)), {}
    return growth.table(growth.measure(effort.sizes, max(1, rounds // 2), seconds, say)), {}


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers separated by commas."""
    return tuple(int(number) for number in text.split(","))


def names(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(text.split(","))


def not_installed(parts: Sequence[str], also: Sequence[str]) -> str:
    """What the parts and the libraries asked for lack, and how to install it, in one line; empty if they lack nothing."""
    if any(part in WITH_PEERS for part in parts) and (packages := missing(PEER_PACKAGES)):
        return f'{", ".join(packages)} not installed: pip install -e ".[bench]"'
    if packages := missing(also):
        requirements = " ".join(f'"{throughput.OTHER_REQUIREMENTS[name]}"' for name in packages)
        return f"{', '.join(packages)} not installed: pip install {requirements}"
    return ""


def main(given: Sequence[str] | None = None) -> int:
    """Measure what is asked for and print the tables; 2 where something that it needs is not there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--parts", type=names, default=PARTS, help="of " + ", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="every part for a moment, to see that it works")
    parser.add_argument("--rounds", type=int, help="how often each trainer takes its turn")
    parser.add_argument("--threads", type=numbers, help="numbers of torch threads to try; of each the best is shown")
    parser.add_argument("--also", type=names, default=(), help="in throughput, of " + ", ".join(throughput.OTHERS))
    parser.add_argument("--seeds", type=int, help="markets of each kind in the race")
    parser.add_argument("--first-seed", type=int, default=100, help="the learner was tuned on 0 to 4: these are fresh")
    parser.add_argument("--transitions", type=int, help="that each peer trains for in the race")
    parser.add_argument("--device", default="cpu", help="cuda: our loop alone, on a GPU")
    asked = parser.parse_args(given)
    parts = asked.parts
    if unknown := [part for part in parts if part not in PARTS]:
        parser.error(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if unknown := [name for name in asked.also if name not in throughput.OTHERS]:
        parser.error(f"no other library is called {', '.join(unknown)}; there are {', '.join(throughput.OTHERS)}")
    if asked.also and "throughput" not in parts:
        parser.error("--also adds to the part throughput, which --parts leaves out")
    changeable = ("rounds", "threads", "also", "seeds", "transitions")
    changes = {name: getattr(asked, name) for name in changeable if getattr(asked, name)}
    effort = evolve(QUICK if asked.quick else Effort(), **changes)
    if asked.device != "cpu":
        return on_gpu(asked.device, effort)
    if lacking := not_installed(parts, effort.also):
        print(f"peers.py: {lacking}", file=sys.stderr)
        return 2
    console = Console(width=110)
    start = perf_counter()

    def say(progress: str) -> None:
        console.print(f"[dim]{perf_counter() - start:5.0f} s  {part}: {progress}[/]", highlight=False)

    tables = {}
    for part in parts:
        tables[part], ratios = run(part, effort, asked.first_seed, say)
        if ratios and not asked.quick:
            record(f"peers.py --parts {part}", ratios, "more")
    console.print(*tables.values(), sep="\n")
    return 0


def on_gpu(device: str, effort: Effort) -> int:
    """Our loop alone, on the GPU."""
    if not torch.cuda.is_available():
        print(f"peers.py: --device {device}: torch {torch.__version__} finds no CUDA device here", file=sys.stderr)
        return 2
    from rivals import gpu

    Console(width=110).print(gpu.table(gpu.measure(device, effort.bars, effort.seconds), device))
    return 0


if __name__ == "__main__":
    sys.exit(main())
