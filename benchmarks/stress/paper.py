"""Is an account on paper the model's trajectory to the last bit, and does it come out the same when it is killed? Counts, pass or fail.

    python benchmarks/stress/paper.py                # 4,000 synthetic hours, 20 kills; some ten minutes on two cores
    python benchmarks/stress/paper.py --data BARS    # the newest 4,000 of a file of yours

Two models are trained for three episodes on the bars before. Each follows the bars one by one, and by sevens, and must have the trajectory of
all of them at once. Then `paper --follow` keeps an account of a file that grows, and gets SIGKILL at times on the clock. What it wrote last is
cut off at a random byte, as a power cut may, and it is begun again. In the end the journal must hold the bytes of one that was left alone.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from attrs import frozen

from progressive_training import load_bars, load_model
from progressive_training.market import PaperAccount, synthetic_bars

SMALL = {"EPISODES": 3, "HORIZON_RANGE": "[1,24]", "FEE": 0.0001, "DEVICE": "cpu"}
BUCKETS = ("Scalping", "Medium")
BEFORE = 6000
"""Bars to train on."""
LATEST = 900
"""Bytes of the journal that are lost at most."""


@frozen
class Place:
    """A directory with a run, `mine`, and the `bars` that are followed behind the first `BEFORE`, which it was trained on."""

    directory: Path
    bars: pd.DataFrame

    def train(self) -> None:
        """Train the run."""
        self.bars.iloc[:BEFORE].to_parquet(self.directory / "before.parquet")
        settings = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
        words = ("--data", "before.parquet", "--run-dir", "mine", "--sequence", ",".join(BUCKETS), "-p", "no:report")
        self._begin(*words, "--quiet", *settings).wait()

    def put(self, count: int) -> None:
        """Have the file that is followed end behind so many bars."""
        self.bars.iloc[:count].to_parquet(self.directory / "new.parquet")
        (self.directory / "new.parquet").replace(self.directory / "now.parquet")

    def follow(self, name: str, *more: str) -> subprocess.Popen[bytes]:
        """Begin to keep the account `name`, or go on with it."""
        since = f"{self.bars['time'].iloc[BEFORE]:%Y-%m-%dT%H:%M}"
        words = ("paper", "mine/Medium", "--data", "now.parquet", "--policy", "strategy", "--from", since)
        return self._begin(*words, "--name", name, *more)

    def journal(self, name: str) -> Path:
        """The file of an account."""
        return self.directory / "mine" / "paper" / name / "journal.jsonl"

    def _begin(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  (ours)
            [sys.executable, "-m", "progressive_training", *words],
            cwd=self.directory,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
        )


def compared(place: Place) -> list[str]:
    """Follow the bars in pieces, print how long that takes, and return the columns that are not those of the trajectory."""
    wrong = []
    for bucket in BUCKETS:
        model = load_model(place.directory / "mine" / "models" / bucket, policy="strategy")
        bars = model.read(place.bars)
        since = int(bars.time[BEFORE])
        for piece in (1, 7):
            account, begun = PaperAccount(model, since=since), time.process_time()
            stops = [*range(BEFORE + 1, len(bars), piece), len(bars)]
            for stop in stops:
                account.follow(bars.between(0, stop))
            spent = 1000 * (time.process_time() - begun) / len(stops)
            own, expected = account.trajectory(), model.trajectory(bars, pd.Timestamp(since, tz="UTC"))
            differing = [name for name in expected if not own[name].equals(expected[name])]
            wrong += [f"{bucket} by {piece}: {name}" for name in differing]
            trades = account.standing().trades
            print(
                f"{bucket}, {len(own):,} bars by {piece}: {trades:,} trades, {len(differing)} of {expected.shape[1]} columns "
                f"differ; {spent:.1f} ms a piece",
                flush=True,
            )
    return wrong


def killed(place: Place, kills: int, rng: random.Random) -> list[str]:
    """Keep an account that is killed so many times while its file grows, and return what is not as in one that was left alone."""
    count = len(place.bars)
    place.put(count)
    begun = time.monotonic()
    status = place.follow("alone").wait()
    whole, torn = time.monotonic() - begun, 0
    for kill in range(kills):
        grown = BEFORE + 1 + (count - BEFORE - 1) * kill // kills
        place.put(grown)
        process = place.follow("killed", "--follow")
        time.sleep(rng.uniform(0.4, 1.1) * whole)
        place.put(grown + (count - grown) // 2)  # what comes while it follows
        time.sleep(rng.uniform(0.0, 0.5) * whole)
        process.send_signal(signal.SIGKILL)
        process.wait()
        journal = place.journal("killed")
        if journal.is_file() and rng.random() < 0.7:
            os.truncate(journal, max(0, journal.stat().st_size - rng.randrange(LATEST)))
            torn += 1
    place.put(count)
    status = place.follow("killed").wait() or status
    alone, other = place.journal("alone"), place.journal("killed")
    print(f"{kills} kills, after {torn} of which the journal was cut: {len(other.read_bytes()):,} bytes", flush=True)
    left = sorted(
        file.name for file in other.parent.iterdir() if file.name not in {"journal.jsonl", "account.svg", ".lock"}
    )
    return [
        *([f"status {status}"] if status else []),
        *([] if alone.read_bytes() == other.read_bytes() else ["the journal is not that of an account left alone"]),
        *(f"{name} was left behind" for name in left),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print both parts; 0 where nothing differs, else 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--data", metavar="BARS", help="a file of bars, of which the newest are taken (default: synthetic hours)"
    )
    parser.add_argument("--bars", type=int, default=4000, help="to follow")
    parser.add_argument("--kills", type=int, default=20)
    asked = parser.parse_args(argv)
    with TemporaryDirectory() as directory:
        place = Place(Path(directory), bars_of(asked.data, BEFORE + asked.bars))
        place.train()
        wrong = [*compared(place), *killed(place, asked.kills, random.Random(0))]  # noqa: S311  (no secret)
    print("\n".join(wrong) or "the trajectory to the last bit, and the same bytes")
    return 1 if wrong else 0


def bars_of(file: str | None, count: int) -> pd.DataFrame:
    """The newest bars of a file, or synthetic ones."""
    made = synthetic_bars(count, seed=5) if file is None else load_bars(file)
    made = made.between(max(0, len(made) - count), len(made))
    columns = {name: getattr(made, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"time": pd.to_datetime(made.time, utc=True), **columns})


if __name__ == "__main__":
    sys.exit(main())
