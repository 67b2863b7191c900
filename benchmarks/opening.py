"""What do transfers take of a run, opening and saving finished models included? One command, one table, pass or fail.

    python benchmarks/opening.py                   # a default run, and one on 5 m bars; some 3 minutes
    python benchmarks/opening.py --before ../old   # the same against another checkout, in turn; with `git worktree add ../old 2932570`
    python benchmarks/opening.py --data bars.parquet --rounds 5

Each run is a process of its own. Its ledger says what transfers took: the tries of the strategies, the proofs, and what is
shared by all of them. `share` is that of the time of the buckets; it must be below a tenth. Times are processor seconds on one
thread, which other programs change little, and the median over the rounds. With --before `ratio` is the processor time of the
whole run against that of the other checkout, importing aside, and all that both left is compared: models, metrics, ledger and
accounts must be the same bytes, times aside.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

from attrs import frozen
from history import commit_of, record

ROOT = Path(__file__).resolve().parents[1]
ROOTS = (".", "core", "buckets", "transfers", "plugins")
"""Where the packages of a checkout are."""
REAL_BARS = ROOT.parent / "shared/data/binance_btcusdt_5m.parquet"
MOST = 0.1
"""Share of a bucket's time that transfers may take."""
SMALL = {
    "SYNTHETIC_BARS": 3000,
    "HORIZON_RANGE": [1, 24],
    "EPISODES": 2,
    "SEQUENCE": ["Scalping", "Short"],
    "PLUGINS": ["no:report"],
}
TIMES = {"seconds", "proof_seconds", "shared_seconds", "memory_used"}
"""What differs from run to run."""
TIMED = ("exchange", "transfer", "sequence")
"""Modules of the engine whose clock counts processor time here."""


@frozen
class Took:
    """Processor seconds of the whole run, of its buckets and of the transfers in them; and a digest of each file that it left."""

    run: float
    buckets: float
    transfers: float
    files: dict[str, str]

    @property
    def share(self) -> float:
        """Of the buckets' time that transfers took."""
        return self.transfers / self.buckets


def run_here(settings: dict[str, Any], run: Path) -> Took:
    """Train in this process, with the engine's clock counting processor time."""
    training = import_module("progressive_training")
    clocked = [import_module(f"progressive_core.engine.{name}") for name in TIMED]
    clocks = [vars(module)["perf_counter"] for module in clocked]
    started = process_time()
    try:
        for module in clocked:
            vars(module)["perf_counter"] = process_time
        training.ProgressiveTrainer(str, settings=settings, run_dir=run).train_progressively()
    finally:
        for module, clock in zip(clocked, clocks, strict=True):
            vars(module)["perf_counter"] = clock
    took = process_time() - started
    ledger = [json.loads(line) for line in (run / "ledger.jsonl").read_text().splitlines()]
    results = json.loads((run / "state.json").read_text())["results"]
    transfers = sum(entry[name] for entry in ledger for name in ("seconds", "proof_seconds", "shared_seconds"))
    return Took(took, sum(result["seconds"] for result in results), transfers, digests(run))


def digests(run: Path) -> dict[str, str]:
    """Digests of models, metrics, ledger and accounts, without the times in them."""
    found = {}
    for file in sorted(run.rglob("*")):
        if file.suffix in (".safetensors", ".parquet") or file.name in ("card.json", "account.json"):
            found[str(file.relative_to(run))] = sha256(file.read_bytes()).hexdigest()
        elif file.name in ("metrics.jsonl", "ledger.jsonl"):
            lines = [_without_times(json.loads(line)) for line in file.read_text().splitlines()]
            found[str(file.relative_to(run))] = sha256(json.dumps(lines).encode()).hexdigest()
    return found


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key not in TIMES}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def run_there(checkout: Path, settings: dict[str, Any]) -> Took:
    """Train with the packages of `checkout`, in a process of its own."""
    path = os.pathsep.join(str((checkout / root).resolve()) for root in ROOTS)
    with TemporaryDirectory() as directory:
        command = [sys.executable, __file__, "--here", str(Path(directory) / "run"), json.dumps(settings)]
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(  # noqa: S603  (this file)
            command, env=environment, cwd=directory, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(f"{checkout}: the run failed\n{done.stderr}")
    return Took(**json.loads(done.stdout.splitlines()[-1]))


def measured(name: str, settings: dict[str, Any], before: Path | None, rounds: int) -> tuple[bool, dict[str, float]]:
    """Run one case, both checkouts in turn, and print its line; whether it is as it must be, and its ratios by their names."""
    now, then = [], []
    for _ in range(rounds):
        now.append(run_there(ROOT, settings))
        then += [run_there(before, settings)] if before else []
    share, ok = median(each.share for each in now), True
    kept = {f"transfers, of the time of the buckets, {name}": share}
    line = f"{name:24}{median(each.buckets for each in now):9.1f}{median(each.transfers for each in now):10.2f}{share:8.1%}"
    if before:
        pairs = list(zip(now, then, strict=True))
        ratios = sorted(one.run / other.run for one, other in pairs)
        kept[f"{name}, of the time at {commit_of(before)}"] = median(ratios)
        differing = {
            file
            for one, other in pairs
            for file in one.files.keys() | other.files
            if one.files.get(file) != other.files.get(file)
        }
        line += (
            f"{median(each.share for each in then):10.1%}{median(ratios):8.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )
        line += f"  {', '.join(sorted(differing))} differ" if differing else f"  {len(now[0].files)} files the same"
        ok = not differing
    print(line, flush=True)
    return ok and share < MOST, kept


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every case and print a line for each.

    :return: 0, or 1 where transfers take too much or the results differ.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, metavar="DIR", help="another checkout, to be run in turn with this one")
    parser.add_argument(
        "--data", type=Path, action="append", help="bars to train on; may be repeated (default: 5 m bars)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each case is run (default: 3)")
    parser.add_argument("--quick", action="store_true", help="one small run, to see that the program works")
    parser.add_argument("--here", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.here:
        took = run_here(json.loads(options.here[1]), Path(options.here[0]))
        print(json.dumps({"run": took.run, "buckets": took.buckets, "transfers": took.transfers, "files": took.files}))
        return 0
    if options.before is not None and not (options.before / "progressive_training").is_dir():
        parser.error(f"--before {options.before}: no checkout of this project is there")
    cases: dict[str, dict[str, Any]] = {"a default run": {}}
    for data in options.data or [REAL_BARS]:
        if data.is_file():
            cases[data.stem] = {"DATA": str(data.resolve())}
        else:
            print(f"{data}: no such file, left out", file=sys.stderr)
    if options.quick:
        cases = {"a small run": SMALL}
    against = f"{'before':>10}{'ratio':>8}" if options.before else ""
    print(f"{'':24}{'buckets s':>9}{'transf. s':>10}{'share':>8}{against}")
    rounds = 1 if options.quick else options.rounds
    results = [
        measured(name, {"DEVICE": "cpu", **settings}, options.before, rounds) for name, settings in cases.items()
    ]
    if options.quick:
        return 0
    record("opening.py", {name: ratio for _, ratios in results for name, ratio in ratios.items()}, "less")
    return int(not all(passed for passed, _ in results))


if __name__ == "__main__":
    sys.exit(main())
