"""Part (a): transitions a second of everyone's training loop, on equal bars, network and gradient samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from statistics import median
from typing import Any

from attrs import frozen
from rich.table import Table

from rivals.common import BATCH, SAMPLES, Say
from rivals.ours import BATCHES
from rivals.workers import Use, Worker

PPO_BATCH = 64  # its default
BASELINE = "stable-baselines3 DQN"
BUSY = 0.9  # of a processor: less, and somebody else had it
WARM_UP = 2_048  # transitions, to find out how many fill the time


@frozen
class Trainer:
    """One line of the table: what trains is `make(bars, *arguments)`, named as module:class, in steps of `batch`."""

    name: str
    make: str
    arguments: tuple[str, ...]
    batch: int


@frozen
class Speed:
    """Transitions a second of one trainer in each round, with so many threads, and what its process took."""

    trainer: Trainer
    threads: int
    rates: tuple[float, ...]
    use: Use


def peers() -> list[Trainer]:
    """The baseline and its sibling."""
    return [
        Trainer(BASELINE, "rivals.anytrading:StableBaselines", ("DQN",), BATCH),
        Trainer("stable-baselines3 PPO", "rivals.anytrading:StableBaselines", ("PPO",), PPO_BATCH),
    ]


OTHERS = {
    "skrl": Trainer("skrl DQN", "rivals.skrl_dqn:Skrl", (), BATCH),
    "tianshou": Trainer("tianshou DQN", "rivals.tianshou_dqn:Tianshou", (), BATCH),
    "torchrl": Trainer("torchrl DQN", "rivals.torchrl_dqn:TorchRL", (), BATCH),
}
"""Those that take part when asked for, each by the name of its package, which no extra of ours installs."""
OTHER_REQUIREMENTS = {"skrl": "skrl>=2.1", "tianshou": "tianshou>=2.0", "torchrl": "torchrl>=0.14"}
"""What to install for each, best apart from other work (tianshou holds pandas below 3): older ones have other interfaces."""


def own() -> list[Trainer]:
    """Those that need no other package: DQN in a single file, and ours in each precision."""
    return [
        Trainer("single-file DQN, 64 env.", "rivals.single_file_dqn:SingleFileDQN", (), BATCH),
        *(Trainer(f"ours, {precision}", "rivals.ours:Ours", (precision,), BATCHES[precision]) for precision in BATCHES),
    ]


def build(trainer: Trainer, bars: int) -> Any:
    """Make the trainer, in the process that imports its module."""
    module, name = trainer.make.split(":")
    make: Callable[..., Any] = getattr(import_module(module), name)
    return make(bars, *trainer.arguments)


def measure(
    taking_part: list[Trainer], bars: int, rounds: int, seconds: float, threads: Sequence[int], say: Say
) -> list[Speed]:
    """Let everyone train for some `seconds` in turn, for so many `rounds`, on each number of torch threads."""
    crew = [(trainer, count) for count in threads for trainer in taking_part]
    workers: list[Worker] = []
    try:
        transitions = []
        for trainer, count in crew:
            worker = Worker(build, trainer, bars, threads=count)
            workers.append(worker)
            worker.ask("train", WARM_UP)
            done, took = worker.ask("train", WARM_UP)
            transitions.append(max(1, round(seconds * done / took)))
            say(f"{trainer.name}, threads {count}: ready, some {done / took:,.0f} transitions/s")
        rates: list[list[float]] = [[] for _ in crew]
        for turn in range(rounds):
            for worker, asked, seen in zip(workers, transitions, rates, strict=True):
                done, took = worker.ask("train", asked)
                seen.append(done / took)
            say(f"round {turn + 1} of {rounds}: " + ", ".join(f"{seen[-1]:,.0f}" for seen in rates))
        return [
            Speed(trainer, count, tuple(seen), worker.use())
            for worker, (trainer, count), seen in zip(workers, crew, rates, strict=True)
        ]
    finally:
        for worker in workers:
            worker.close()


def best_of(speeds: list[Speed]) -> list[Speed]:
    """Of each trainer the number of threads that suits it best, in the order they came."""
    names = dict.fromkeys(speed.trainer.name for speed in speeds)
    return [
        max((speed for speed in speeds if speed.trainer.name == name), key=lambda speed: median(speed.rates))
        for name in names
    ]


def ratio(speed: Speed, baseline: Speed) -> float:
    """How many times the baseline's transitions a second: the median over rounds that lie side by side."""
    return median(own / other for own, other in zip(speed.rates, baseline.rates, strict=True))


def ratios(speeds: list[Speed]) -> dict[str, float]:
    """How many times the baseline at its best ours are, in each precision and with each number of threads; none without it."""
    baseline = next((speed for speed in best_of(speeds) if speed.trainer.name == BASELINE), None)
    ours = [speed for speed in speeds if speed.trainer.name.startswith("ours")]
    return {f"{own.trainer.name}, threads {own.threads}": ratio(own, baseline) for own in ours} if baseline else {}


def table(speeds: list[Speed]) -> Table:
    """One line a trainer, at its best number of threads."""
    best = best_of(speeds)
    baseline = next((speed for speed in best if speed.trainer.name == BASELINE), None)
    shown = Table(
        title=f"(a) Training, {SAMPLES} gradient samples a transition, medians of {len(best[0].rates)} rounds"
    )
    for column in ("trainer", "transitions/s", "low - high", "times", "threads", "CPUs", "batch", "peak MB"):
        shown.add_column(column, justify="left" if column == "trainer" else "right")
    for speed in best:
        shown.add_row(
            speed.trainer.name,
            f"{median(speed.rates):,.0f}",
            f"{min(speed.rates):,.0f} - {max(speed.rates):,.0f}",
            f"{ratio(speed, baseline):.1f}" if baseline else "-",
            str(speed.threads),
            f"{speed.use.processors:.2f}",
            f"{speed.trainer.batch:,}",
            f"{speed.use.peak_mb:,.0f}",
        )
    if any(speed.threads == 1 and speed.use.processors < BUSY for speed in speeds):
        shown.caption = "[red]others were using the processors meanwhile: these figures say little[/]"
    return shown
