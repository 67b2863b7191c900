"""Part (d): the share of this machine's matrix-product rate that our update reaches, both measured side by side."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from time import perf_counter

import torch
from attrs import frozen
from learnability import all_resources, alone, declared
from rich.table import Table

from progressive_app.config.resolve import defaults
from progressive_buckets.learner.compute import prepare
from progressive_buckets.learner.learner import MarketLearner
from progressive_buckets.learner.opening import learner_on
from rivals.arithmetic import COUNT, operations, product_rate, valued_share
from rivals.common import Say, throughput_bars
from rivals.ours import BATCHES, BUCKET, window_learner
from rivals.workers import Worker

UPDATES = 20


@frozen
class Share:
    """Operations a second in each round: of our update, and of `torch.mm` of matrices of that `size` in both precisions."""

    name: str
    size: int
    threads: int
    batch: int
    per_bar: int
    update: tuple[float, ...]
    fp32: tuple[float, ...]
    bf16: tuple[float, ...]


def operations_of(learner: MarketLearner) -> int:
    """Floating-point operations for each bar of its batches."""
    train = learner.split.train
    return operations(learner.critic.online.shape, valued_share(train.stop - train.start, learner.batch))


class Updates:
    """Learners that do nothing but gradient steps, by name: on windows of raw features, and a bucket's defaults. Beside them
    matrices of that `size` are multiplied."""

    def __init__(self, bars: int, size: int) -> None:
        self.size = size
        market = throughput_bars(bars)
        self.learners = {}
        for precision in BATCHES:
            self.learners[f"windows, {precision}"] = window_learner(market, precision, BATCHES[precision])
            bucket, settings = (
                declared(BUCKET),
                {**defaults(), "PRECISION": precision, "THREADS": torch.get_num_threads()},
            )
            prepare(settings)
            self.learners[f"bucket, {precision}"] = learner_on(
                market, bucket, alone(bucket, 0, settings), all_resources(settings)
            )
            self.learners[f"bucket, {precision}"].run_episode()  # for its replay to hold something

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Of each learner the bars in a batch, and the operations for each of them."""
        return {name: (own.batch, operations_of(own)) for name, own in self.learners.items()}

    def rates(self, name: str, seconds: float) -> tuple[float, float, float]:
        """Operations a second of a learner's gradient steps, and of products in fp32 and bf16."""
        learner = self.learners[name]
        start, done = perf_counter(), 0
        while perf_counter() - start < seconds:
            learner.critic.learn(learner.replay, UPDATES, learner.batch)
            done += UPDATES * learner.batch
        update = done * operations_of(learner) / (perf_counter() - start)
        fp32, bf16 = (product_rate(dtype, "cpu", self.size, seconds / 2) for dtype in (torch.float32, torch.bfloat16))
        return update, fp32, bf16


def measure(bars: int, size: int, rounds: int, seconds: float, threads: Sequence[int], say: Say) -> list[Share]:
    """Take gradient steps and multiply square matrices of that `size` in turn, on equal threads."""
    shares = []
    for count in threads:
        with Worker(Updates, bars, size, threads=count) as worker:
            sizes: dict[str, tuple[int, int]] = worker.ask("sizes")
            rates: dict[str, list[tuple[float, float, float]]] = {name: [] for name in sizes}
            for turn in range(rounds):
                for name, seen in rates.items():
                    seen.append(worker.ask("rates", name, seconds))
                say(f"threads {count}, round {turn + 1} of {rounds}")
            for name, seen in rates.items():
                update, fp32, bf16 = zip(*seen, strict=True)
                shares.append(Share(name, size, count, *sizes[name], update, fp32, bf16))
    return shares


def table(shares: list[Share]) -> Table:
    """One line for each setting and number of threads."""
    size = shares[0].size
    shown = Table(title=f"(d) The update beside torch.mm of {size} x {size}, GFLOP/s", caption=COUNT)
    shown.add_column("update on")
    columns = ("threads", "batch", "kFLOP a bar", "update", "mm fp32", "mm bf16", "of fp32", "of bf16")
    for column in columns:
        shown.add_column(column, justify="right")
    for share in shares:
        update, fp32, bf16 = (median(rates) / 1e9 for rates in (share.update, share.fp32, share.bf16))
        shown.add_row(
            share.name,
            str(share.threads),
            f"{share.batch:,}",
            f"{share.per_bar / 1e3:,.0f}",
            f"{update:,.0f}",
            f"{fp32:,.0f}",
            f"{bf16:,.0f}",
            f"{_median_ratio(share.update, share.fp32):.0%}",
            f"{_median_ratio(share.update, share.bf16):.0%}",
        )
    return shown


def _median_ratio(own: tuple[float, ...], other: tuple[float, ...]) -> float:
    return median(one / another for one, another in zip(own, other, strict=True))
