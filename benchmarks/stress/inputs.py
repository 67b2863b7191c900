"""Are a run's inputs what its manifest says, at every use? One command, one line a way of training, pass or fail.

    python benchmarks/stress/inputs.py             # 420 runs; some twenty minutes
    python benchmarks/stress/inputs.py --each 8    # eight in each way
    python benchmarks/stress/inputs.py --quick     # two in one way

A run on a file of bars is trained once undisturbed in each way: with its bars in memory, in the cache, read each time, each bucket in a
process of its own, in a stage, with scratch arms, an order that is found, a test part that is read when the bucket is judged. Then it is trained
again and again, and something becomes of the file before it is first read, or at a line of progress: it grows, shrinks, has one byte
changed and its time put back, is replaced, is gone, is only touched, or is changed and put back again. Each run must end with the files of the
undisturbed one, byte for byte, or in one line that names the file; it is then begun or gone on with on the old file, and must end so too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from attrs import evolve, field, frozen
from kill import SMALL, contents, differences

from progressive_app.machine.logs import configure_logging
from progressive_front.train_run import train_run
from progressive_market.bars import synthetic_bars
from progressive_training import DataError, ProgressiveTrainer, ProgressiveTrainingError, hookimpl

BARS, SEED = 2_500, 3
SETTINGS = {key: value for key, value in SMALL.items() if key != "SYNTHETIC_BARS"} | {
    "EPISODES": 2,
    "HORIZON_RANGE": (1, 24),
    "SEQUENCE": ("Scalping", "Short"),
}
QUIET = ("no:report", "no:picture", "no:console", "no:memory")
SINCE = "since the run was begun"
MOMENTS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.95)
"""Shares of the lines of progress after which the file changes; 0: before it is read."""
IN_MEMORY = ("progressive_market.prepared.run_memory.LARGEST", "progressive_market.prepared.shared_market.LARGEST")


@frozen(kw_only=True)
class Way:
    """A way of training: how it is begun, on how many workers, and whether bars may stay in the memory of the run."""

    settings: dict[str, Any] = field(factory=dict)
    plugins: tuple[Any, ...] = ()
    flags: dict[str, Any] = field(factory=dict)
    workers: int = 1
    memory: bool = True


class Taught:
    """A strategy whose offers are kept where they do no harm, so that there are scratch arms to train."""

    name = "taught"
    phases = ("initial",)

    @hookimpl
    def transfer(self, source: Any, target: Any, context: Any) -> Any:
        fitting = {name: tensor for name, tensor in source.weights.items() if name in target.weights}
        fitting = {name: tensor for name, tensor in fitting.items() if tensor.shape == target.weights[name].shape}
        return evolve(target, weights={**target.weights, **fitting})


def parts() -> list[str]:
    """Times that part the bars, the test part last."""
    time = synthetic_bars(BARS, SEED).time[[0, BARS // 2, BARS * 3 // 4, BARS - 10]]
    return [f"{each}Z" for each in np.datetime_as_string(time.view("<M8[ns]"))]


def ways() -> dict[str, Way]:
    """All ways by name."""
    stage = {"SEQUENCE": ("Scalping", ("Short", "Medium"))}
    return {
        "bars in memory": Way(plugins=("no:cache",)),
        "bars in the cache": Way(memory=False),
        "bars read each time": Way(plugins=("no:cache",), memory=False),
        "test part read when judged": Way(settings={"PARTS": parts()}),
        "scratch arms": Way(plugins=("no:cache", Taught()), flags={"scratch_arms": True}, memory=False),
        "an order that is found": Way(plugins=("no:cache",), flags={"find_order": True}, memory=False),
        "a stage": Way(settings=stage),
        "a process for each bucket": Way(flags={"isolate": True}),
        "the same without a cache": Way(plugins=("no:cache",), flags={"isolate": True}),
        "a stage on two workers": Way(plugins=("no:cache",), settings=stage, workers=2),
    }


def write_bars(file: Path, seed: int = SEED) -> None:
    """A market as a file of bars."""
    bars = synthetic_bars(BARS, seed)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    pd.DataFrame({"time": pd.to_datetime(bars.time, utc=True), **columns}).to_csv(file, index=False)


def grow(file: Path) -> None:
    """Half a row more, as a process that is still writing leaves it."""
    with file.open("ab") as written:
        written.write(b"2030-01-01 00:00:00+00:00,1.0,2.0")


def shrink(file: Path) -> None:
    """The last thousand rows are gone."""
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1_000]))


def edit(file: Path) -> None:
    """One digit is another, and neither size nor time of the file show it."""
    content, status = bytearray(file.read_bytes()), file.stat()
    place = len(content) // 2
    while not chr(content[place]).isdigit():
        place += 1
    content[place] ^= 1
    with file.open("r+b") as written:
        written.write(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace(file: Path) -> None:
    """Another market is renamed into its place."""
    other = file.with_name("other.csv")
    write_bars(other, SEED + 1)
    other.replace(file)


def touch(file: Path) -> None:
    """Nothing is other but the time."""
    file.touch()


CHANGES: dict[str, Callable[[Path], object]] = {
    "grows": grow,
    "shrinks": shrink,
    "is edited": edit,
    "is replaced": replace,
    "is gone": Path.unlink,
    "is touched": touch,
    "is edited and put back": edit,
}


def nothing(line: str) -> None:
    """A line of progress changes nothing."""


class Stress:
    """Runs in one way, and the undisturbed one that they are held against."""

    def __init__(self, directory: Path, way: Way) -> None:
        self.directory, self.way, self.file = directory, way, directory / "bars.csv"
        write_bars(self.file)
        self.content = self.file.read_bytes()
        self.lines = 0
        whole = directory / "whole"
        self.train(whole, nothing)
        self.expected, self.count = contents(whole), self.lines

    def trainer(self, run: Path, hear: Callable[[str], object]) -> ProgressiveTrainer:
        """Of a run on the file of bars."""
        self.lines = 0

        def count(line: str) -> None:
            self.lines += 1
            hear(line)

        settings = {**SETTINGS, **self.way.settings, "DATA": str(self.file)}
        plugins = (*QUIET, *self.way.plugins)
        return ProgressiveTrainer(count, settings=settings, run_dir=run, plugins=plugins, workers=self.way.workers)

    def train(self, run: Path, hear: Callable[[str], object], begun: Callable[[], object] = lambda: None) -> None:
        """Begin a run, or go on with it; `begun` is called when its manifest is written and nothing read."""

        def after_begin(*given: Any) -> Any:
            begun()
            return train_run(*given)

        trainer = self.trainer(run, hear)
        with in_memory(self.way), patch("progressive_front.trainer.train_run", after_begin):
            if (run / "state.json").is_file():
                trainer.resume()
            else:
                trainer.train_progressively(**self.way.flags)

    def restore(self) -> None:
        """Put the file back as it was."""
        self.file.unlink(missing_ok=True)
        self.file.write_bytes(self.content)

    def disturbed(self, name: str, share: float) -> tuple[str, list[str]]:
        """How a run ended whose file changes, and what was wrong with that."""
        change, run, wrong = CHANGES[name], self.directory / "run", list[str]()
        at, back = max(1, round(share * self.count)), name.endswith("put back")

        def hear(line: str) -> None:
            if share and self.lines == at:
                change(self.file)
            elif share and back and self.lines == at + 3:
                self.restore()

        try:
            self.train(run, hear, lambda: None if share else change(self.file))
            ended = "went on"
            said = [event for event in logged(run) if SINCE in event]
            if said:
                ended = "went on and said so"
            if name == "is touched" and said:
                wrong.append("a change was seen where there is none")
        except DataError as error:
            ended = "ended in one line"
            if (
                SINCE not in str(error)
                or str(self.file) not in str(error)
                or "\n" in str(error)
                or name == "is touched"
            ):
                wrong.append(f"{error}")
            self.restore()
            self.train(run, nothing)
        except ProgressiveTrainingError as error:
            return "ended otherwise", [f"{type(error).__name__}: {error}"]
        finally:
            self.restore()
        wrong += differences(contents(run), self.expected)
        shutil.rmtree(run)
        return ended, wrong


@contextmanager
def in_memory(way: Way) -> Iterator[None]:
    """Within it nothing is small enough for the memory of a run, unless the way has it."""
    if way.memory:
        yield
        return
    with patch(IN_MEMORY[0], 0), patch(IN_MEMORY[1], 0):
        yield


def logged(run: Path) -> list[str]:
    """The events of a run."""
    return [json.loads(line)["event"] for line in (run / "log.jsonl").read_text().splitlines()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Disturb runs in all ways, and print how they ended.

    :return: 0, or 1 when one was not as it should be.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one way, two changes while the first bucket trains")
    parser.add_argument("--each", type=int, metavar="N", help="only so many changes in each way, drawn at random")
    options = parser.parse_args(arguments)
    names, cases = ways(), list(product(CHANGES, MOMENTS))
    if options.quick:
        names = {"bars read each time": names["bars read each time"]}
        cases = [(name, 0.4) for name in ("grows", "is edited")]
    configure_logging()
    rng = random.Random(0)  # noqa: S311  (no secret)
    bad, ends = 0, ("went on", "went on and said so", "ended in one line")
    print(f"{'TRAINED WITH':28}{'RUNS':>6}" + "".join(f"{end.upper():>21}" for end in ends) + f"{'WRONG':>7}")
    total: Counter[str] = Counter()
    for way_name, way in names.items():
        counts: Counter[str] = Counter()
        with TemporaryDirectory() as directory:
            stress = Stress(Path(directory), way)
            for name, share in cases if options.each is None else rng.sample(cases, options.each):
                ended, wrong = stress.disturbed(name, share)
                counts.update([ended, "runs", *(["wrong"] if wrong else [])])
                if wrong:
                    print(f"{way_name}, the file {name} at {share:.0%}: {'; '.join(wrong)}", file=sys.stderr)
        bad += counts["wrong"]
        total.update(counts)
        print(
            f"{way_name:28}{counts['runs']:6}" + "".join(f"{counts[end]:21}" for end in ends) + f"{counts['wrong']:7}",
            flush=True,
        )
    print(
        f"{total['runs']} runs whose file changed, {bad} of them on other bytes than the manifest's or ended otherwise"
    )
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
