"""Does any file or word bring the program down? Inputs that are nearly right, counted. One command, pass or fail.

    python benchmarks/stress/fuzz.py                                   # every target with hypothesis; under 10 minutes
    python benchmarks/stress/fuzz.py --target "bars" --count 100000    # some targets, for longer
    pip install -e ".[test,stress]" && python benchmarks/stress/fuzz.py --engine atheris    # bytes, led by coverage

Every input must be accepted, or refused by an error of ours: one line, not too long, that names the file, line or key.
Whatever else comes is `other` and fails: another exception, more than 10 seconds, more than 4 GB, a file touched outside
the scratch directory, output left in part, or something accepted that does not keep what it promises.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import structlog
from fuzz_coverage import by_coverage
from fuzz_runs import run_targets
from fuzz_saved import saved_targets
from fuzz_targets import Target, bar_targets, configuration_targets
from fuzz_watch import Tally, Watch, limit_memory
from hypothesis import HealthCheck, Phase, given, seed, settings

COLUMNS = "{:28} {:10} {:>8} {:>8} {:>9} {:>6} {:>9}"


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz, print the table, and say whether every promise was kept."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--target", default="", help="only targets whose name holds this")
    parser.add_argument("--count", type=int, help="inputs of each target (default: each its own, some 20,000 in all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=("hypothesis", "atheris"), default="hypothesis")
    options = parser.parse_args(argv)
    begun, tallies = perf_counter(), []
    with TemporaryDirectory(prefix="fuzz-") as scratch:
        watch = prepared(Path(scratch))
        for target in targets_of(watch, options.target):
            if options.engine == "atheris" and not target.seeds:
                continue
            count = options.count or target.count
            print(f"{target.name}: {count} inputs", file=sys.stderr, flush=True)
            if options.engine == "atheris":
                tallies.append(by_coverage(target.name, count, options.seed))
            else:
                tallies.append(by_hypothesis(target, count, options.seed, watch))
    show(tallies, perf_counter() - begun)
    return 1 if not tallies or any(tally.other for tally in tallies) else 0


def prepared(scratch: Path) -> Watch:
    """A scratch directory to fuzz in, with all that is said on the way kept quiet."""
    sys.dont_write_bytecode = True
    warnings.simplefilter("ignore")  # numpy's, of numbers that overflow: what comes of them is looked at
    logging.disable()
    structlog.configure(processors=[_dropped])
    watch = Watch(scratch)
    os.environ["MPLCONFIGDIR"] = str(watch.inside / "matplotlib")
    return watch


def targets_of(watch: Watch, wanted: str) -> list[Target]:
    """Every target whose name holds `wanted`; models, checkpoints and runs are trained first, where they are asked for."""
    made = [*bar_targets(watch), *configuration_targets(watch)]
    for names, make in (
        (("models", "checkpoints"), saved_targets),
        (("runs: state.json", "runs: commands"), run_targets),
    ):
        if any(wanted in name for name in names):
            made += make(watch)
    limit_memory()
    return [target for target in made if wanted in target.name]


def _dropped(*_: Any) -> Any:
    raise structlog.DropEvent


def by_hypothesis(target: Target, count: int, number: int, watch: Watch) -> Tally:
    """Feed a target `count` inputs drawn by hypothesis; all of them, whatever is found."""
    tally = Tally(target.name, "hypothesis")

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def fed(value: Any) -> None:
        watch.feed(tally, value, target.feed, target.place)

    fed()
    return tally


def show(tallies: Sequence[Tally], seconds: float) -> None:
    """The table, and below it the first input of each kind that broke a promise."""
    print(COLUMNS.format("target", "engine", "inputs", "refused", "accepted", "other", "slowest"))
    for each in tallies:
        counts = (each.tried, each.refused, each.accepted, each.other)
        print(COLUMNS.format(each.target, each.engine, *counts, f"{each.slowest:.2f} s"))
    for each in tallies:
        if each.slowest > 1:
            print(
                f"\n{each.target}: the slowest input, {len(repr(each.slow_input)):,} letters: {each.slow_input!r:.300}"
            )
        for what, (message, value) in each.findings.items():
            print(f"\n{each.target}: {what}: {message}\n  input: {value!r:.2000}")
    print(f"\n{sum(each.tried for each in tallies):,} inputs in {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
