"""Part (f): the whole loop on a GPU. How fast, what share of its bf16 rate, and how long it waits; gradient steps one by one, and rounds
of them as a CUDA graph."""

from __future__ import annotations

from itertools import product
from time import perf_counter
from unittest.mock import patch

import torch
from attrs import frozen
from rich.table import Table
from torch.profiler import ProfilerActivity, profile

from progressive_buckets.learner.recorded_round import PASSES, RECORDED
from rivals.arithmetic import product_rate, settle
from rivals.common import throughput_bars
from rivals.machine_share import operations_of
from rivals.ours import BATCHES, EPISODE_BARS, window_learner

EPISODES = (1_024, 4_096, 16_384)
"""Parallel ones."""
BATCH = 16_384
SIZE = 8_192  # of the square matrices
PROFILED = 4  # episodes
STEPS = {"one by one": "", "a graph": RECORDED}
"""How gradient steps run, by the value of the environment variable that says it."""
FIRST = 3
"""Episodes before the clock starts: all sizes of round are recorded in the first, compared in the second."""


@frozen
class Load:
    """What a GPU does with so many parallel episodes; shares are from 0 to 1."""

    precision: str
    steps: str
    episodes: int
    rate: float
    bf16_share: float
    waiting: float
    peak_mb: float


def measure(device: str, bars: int, seconds: float) -> list[Load]:
    """Train with more and more parallel episodes."""
    peak = product_rate(torch.bfloat16, device, SIZE, seconds=1.0)
    loads = []
    for precision, episodes, steps in product(BATCHES, EPISODES, STEPS):
        with patch.dict("os.environ", {PASSES: STEPS[steps]}):
            loads.append(measure_one(device, bars, seconds, precision, steps, episodes, peak))
    return loads


def measure_one(device: str, bars: int, seconds: float, precision: str, steps: str, episodes: int, peak: float) -> Load:
    """Time whole episodes, then profile some: a profiler slows what it watches, but kernels hardly.

    :param peak: operations a second of bf16 products.
    """
    torch.cuda.reset_peak_memory_stats(device)
    learner = window_learner(throughput_bars(bars), precision, BATCH, episodes, device)
    for _ in range(FIRST):
        learner.run_episode()
    settle(device)
    start, done = perf_counter(), 0
    while perf_counter() - start < seconds:
        learner.run_episode()
        settle(device)
        done += 1
    took = perf_counter() - start
    with profile(activities=[ProfilerActivity.CUDA]) as watched:
        for _ in range(PROFILED):
            learner.run_episode()
        settle(device)
    spans = [
        (event.time_range.start, event.time_range.end)
        for event in watched.events() or ()
        if event.device_type.name == "CUDA"
    ]
    busy = covered(spans) / 1e6  # seconds; the profiler counts microseconds
    transitions = done * episodes * EPISODE_BARS
    samples = done * learner.updates * learner.batch
    return Load(
        precision=precision,
        steps=steps,
        episodes=episodes,
        rate=transitions / took,
        bf16_share=samples * operations_of(learner) / took / peak,
        waiting=max(0.0, 1 - (busy / PROFILED) / (took / done)),
        peak_mb=torch.cuda.max_memory_allocated(device) / 2**20,
    )


def covered(spans: list[tuple[float, float]]) -> float:
    """Length of the union of `spans`: kernels on several streams may overlap."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def table(loads: list[Load], device: str) -> Table:
    """One line for each precision and number of parallel episodes."""
    shown = Table(title=f"(f) {torch.cuda.get_device_name(device)}, batch {BATCH:,}, 8 gradient samples a transition")
    words = ("precision", "gradient steps")
    for column in (*words, "parallel episodes", "transitions/s", "of the bf16 rate", "device waits", "peak MB"):
        shown.add_column(column, justify="left" if column in words else "right")
    for load in loads:
        shown.add_row(
            load.precision,
            load.steps,
            f"{load.episodes:,}",
            f"{load.rate:,.0f}",
            f"{load.bf16_share:.1%}",
            f"{load.waiting:.0%}",
            f"{load.peak_mb:,.0f}",
        )
    return shown
