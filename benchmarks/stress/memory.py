"""Does a process that trains bucket after bucket grow? One command: it prints what is held after each bucket's cleanup.

    python benchmarks/stress/memory.py               # the four buckets three times, as `progressive-training` trains them
    python benchmarks/stress/memory.py --count 10 --episodes 20

All passes are runs in this one process, with reverse transfer and every plugin that is on by default. The first pass is
left out: it imports, compiles and fills what stays for good. After it, the slope of the resident memory per bucket is
taken between passes (each bucket against itself, so that a large one after a small one is no growth).

The rule: memory grows when the slope is above both two of its standard errors and 0.5 MB a bucket. On a GPU, moreover,
what is allocated there must be back within 5 MB of the start after each bucket.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import psutil
from attrs import field, frozen

from progressive_app.config.resolve import defaults
from progressive_training import ProgressiveTrainer

STANDARD_ERRORS = 2.0
MOST_A_BUCKET = 0.5
"""MB of growth a bucket that nobody would notice: a thousand buckets in a day would take half a gigabyte."""
MOST_ON_GPU = 5.0
"""MB that may stay allocated on a GPU."""
MB = 1e6


@frozen
class Held:
    """MB in use after one bucket's cleanup: resident in this process, and allocated on the GPU (0 where there is none)."""

    bucket: str
    resident: float
    on_gpu: float


@frozen
class Watch:
    """Told every line of progress, it notes what is held when a bucket has been cleaned up after."""

    held: list[Held] = field(factory=list)
    training: list[str] = field(factory=list)

    def __call__(self, line: str) -> None:
        """A bucket that starts comes after the cleanup of the one before it."""
        bucket, _, said = line.partition(": ")
        if said.startswith("starting"):
            self.note()
            self.training.append(bucket)

    def note(self) -> None:
        """Note what is held now, if a bucket has ended since the last time."""
        if self.training:
            self.held.append(Held(self.training.pop(), *held_now()))
            print(
                f"{len(self.held)} {self.held[-1].bucket}: {self.held[-1].resident:.1f} MB",
                file=sys.stderr,
            )


def held_now() -> tuple[float, float]:
    """MB that are resident, and MB allocated on the GPU."""
    torch = sys.modules.get("torch")
    on_gpu = torch.cuda.memory_allocated() if torch is not None and torch.cuda.is_initialized() else 0
    return psutil.Process().memory_info().rss / MB, on_gpu / MB


def slope_of(held: Sequence[Held]) -> tuple[float, float]:
    """MB a bucket by which the resident memory grows, each bucket against itself, and the standard error.

    Least squares with an intercept for each bucket's name; not a number where nothing came twice.
    """
    names = {each.bucket for each in held}
    points: list[tuple[float, float]] = []
    for name in names:
        own = [(number, each.resident) for number, each in enumerate(held) if each.bucket == name]
        mean = [sum(values) / len(own) for values in zip(*own, strict=True)]
        points += [(x - mean[0], y - mean[1]) for x, y in own]
    spread, freedom = sum(x * x for x, _ in points), len(points) - len(names) - 1
    if not spread or freedom < 1:
        return math.nan, math.nan
    slope = sum(x * y for x, y in points) / spread
    rest = sum((y - slope * x) ** 2 for x, y in points)
    return slope, math.sqrt(rest / freedom / spread)


def grows(slope: float, error: float) -> bool:
    """Whether that is growth, by the rule."""
    return slope > STANDARD_ERRORS * error and slope > MOST_A_BUCKET


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, print what was held, and say whether it grows.

    :return: 0, or 1 when it does.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--count", type=int, default=3, help="how often the sequence is trained; 3 or more (default: 3)"
    )
    parser.add_argument("--episodes", type=int, help="episodes a bucket (default: those of the settings)")
    parser.add_argument("--device", default="auto", help="as for progressive-training (default: auto)")
    options = parser.parse_args(arguments)
    if options.count < 3:
        parser.error(
            "--count must be 3 or more: the first pass is left out, and one more has nothing to be held against"
        )
    settings = {**defaults(), "DEVICE": options.device}
    if options.episodes is not None:
        settings["EPISODES"] = options.episodes
    watch, started, on_gpu_at_start = Watch(), perf_counter(), held_now()[1]
    with TemporaryDirectory() as directory:
        for number in range(1, options.count + 1):
            trainer = ProgressiveTrainer(watch, settings={**settings, "RUNS_DIR": str(Path(directory) / str(number))})
            trainer.train_progressively()
            watch.note()
    first = len(settings["SEQUENCE"])
    print(f"{'':4}{'bucket':12}{'resident MB':>12}{'on GPU MB':>12}")
    for number, each in enumerate(watch.held, 1):
        print(f"{number:<4}{each.bucket:12}{each.resident:12.1f}{each.on_gpu:12.1f}")
    slope, error = slope_of(watch.held[first:])
    stayed = max(each.on_gpu for each in watch.held) - on_gpu_at_start
    failed = [
        *(["resident memory grows"] if grows(slope, error) else []),
        *(["memory stays allocated on the GPU"] if stayed > MOST_ON_GPU else []),
    ]
    print(
        f"after the first {first}: {slope:+.3f} MB a bucket, standard error {error:.3f} (growth: above {STANDARD_ERRORS:g} "
        f"standard errors and {MOST_A_BUCKET} MB); on the GPU {stayed:+.1f} MB since the start (at most {MOST_ON_GPU:g})"
    )
    print(
        f"{len(watch.held)} buckets in {perf_counter() - started:.0f} s: {'; '.join(failed) or 'memory does not grow'}"
    )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
