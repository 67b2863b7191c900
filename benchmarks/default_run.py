"""How long does a default run take, and each stage of it, beside another commit? One command, one table.

    python benchmarks/default_run.py --against d650500    # both in turn, with five seeds; some 3 minutes
    python benchmarks/default_run.py                      # this tree alone

A run is the program as a user starts it, with the default configuration, `--quiet`, in a process of its own on one thread. Counted is
its processor time, and the time on the wall. Each repeat takes another SEED, in both trees: how many episodes a bucket takes is for its
validation to decide, and a rounding changes it, so that the means over the seeds are compared, and an episode on its own. Stages end
where plugins are called: `start` with the first bucket, `open` with its first episode, `train` with its last, `judge` with the next
bucket or the run's last, `report` with the run, `exit` with the process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from time import perf_counter

from history import record
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (".", "core", "buckets", "transfers", "plugins")
STAGES = ("start", "open", "train", "judge", "report", "exit")
WHOLE, EPISODE = "whole", "an episode"
TARGET, REPEATS = 0.5, 5
_NOTED = """
import atexit, json, sys, time
noted = []
from progressive_core.plugins.hooks import Hooks
def counted(name):
    hook = getattr(Hooks, name)
    def call(*arguments, **named):
        noted.append((name, time.process_time(), time.perf_counter()))
        try:
            return hook(*arguments, **named)
        finally:
            noted.append((name + " done", time.process_time(), time.perf_counter()))
    setattr(Hooks, name, call)
begun = time.perf_counter()
for name in ("on_bucket_start", "on_episode_end", "on_run_end"):
    counted(name)
from progressive_front import cli
def write():
    with open(sys.argv[0] + ".json", "w") as file:
        json.dump([begun, noted], file)
atexit.register(write)
sys.exit(getattr(cli, "program", cli.main)())  # older commits have no `program`
"""
"""Runs the program, and writes when its plugins were called: hook, processor time, time on the wall."""
Seconds = dict[str, tuple[float, float]]
"""By stage, of the whole, and of an episode: seconds of the processor and on the wall."""


def one_run(tree: Path, settings: Sequence[str], folder: Path) -> Seconds:
    """Train with the code in `tree`, in `folder`."""
    script = folder / "run.py"
    script.write_text(_NOTED)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment |= {
        "PYTHONPATH": os.pathsep.join(str(tree / each) for each in FOLDERS),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, str(script), "--quiet", "--device", "cpu", "--set", f"RUNS_DIR={folder}"]
    command += [word for each in settings for word in ("--set", each)]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  (this Python)
    if done.returncode:
        raise SystemExit(f"{tree}: the run failed\n{done.stderr}")
    wall, after = perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    loaded, noted = json.loads(Path(f"{script}.json").read_text())
    seconds = dict.fromkeys(STAGES, (0.0, 0.0))
    last, stage = (0.0, loaded), "start"
    for place, (hook, used, shown) in enumerate(noted):
        spent = seconds[stage]
        seconds[stage] = (spent[0] + used - last[0], spent[1] + shown - last[1])
        last, stage = (used, shown), _next(hook, stage, [each for each, *_ in noted[place + 1 :]])
    inside = [sum(each[side] for each in seconds.values()) for side in (0, 1)]
    episodes = sum(hook == "on_episode_end" for hook, *_ in noted)
    seconds[EPISODE] = (seconds["train"][0] / episodes, seconds["train"][1] / episodes)
    return {**seconds, "exit": (processor - inside[0], wall - inside[1]), WHOLE: (processor, wall)}


def _next(hook: str, stage: str, later: Sequence[str]) -> str:
    """The stage that begins with a call of a hook; `later`: those to come."""
    if hook == "on_bucket_start":
        return "open"
    if hook == "on_episode_end done":
        return "train" if later[:1] == ["on_episode_end"] else "judge"
    if hook == "on_run_end":
        return "report"
    return "exit" if hook == "on_run_end done" else stage


def show(here: Sequence[Seconds], there: Sequence[Seconds], name: str, console: Console) -> Mapping[str, float]:
    """Print the table; answer the ratios of processor time, and that of the whole on the wall."""
    table = Table(title=f"a default run with {len(here)} seeds: mean seconds of the processor (and on the wall)")
    for column in ("stage", "here", *([name, "ratio", "on the wall"] if there else [])):
        table.add_column(column, justify="left" if column == "stage" else "right")
    ratios = {}
    for stage in (*STAGES, WHOLE, EPISODE):
        cells = [_cell(stage, here)]
        if there:
            used, shown = (_mean(stage, side, here) / max(_mean(stage, side, there), 1e-9) for side in (0, 1))
            ratios[stage] = used
            cells += [_cell(stage, there), f"{used:.2f}", f"{shown:.2f}"]
        table.add_row(stage, *cells)
    console.print(table)
    return ratios


def _mean(stage: str, side: int, runs: Sequence[Seconds]) -> float:
    return fmean(run[stage][side] for run in runs)


def _cell(stage: str, runs: Sequence[Seconds]) -> str:
    used, shown = (_mean(stage, side, runs) for side in (0, 1))
    return f"{used:.3g} ({shown:.3g})"


def main() -> int:
    """Run, print the table, and answer 0 when the whole takes at most half of the other's time, or there is no other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--against", metavar="COMMIT", help="another commit of this repository")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="runs of each, with as many seeds")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="another setting")
    asked = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(dir=".", prefix="default-run-"))).resolve()
        trees = {"here": ROOT}
        if asked.against:
            tree = directory / "tree"
            _git("worktree", "add", "--detach", str(tree), asked.against)
            stack.callback(_git, "worktree", "remove", "--force", str(tree))
            _name_its_plugins(tree)
            trees["there"] = tree
        runs: dict[str, list[Seconds]] = {"here": [], "there": []}
        for name, tree in trees.items():  # compiles the modules
            one_run(tree, ["SYNTHETIC_BARS=12000", "EPISODES=2"], _folder(directory, f"{name}-first"))
        for repeat in range(asked.repeats):
            for name, tree in trees.items():
                settings = [f"SEED={repeat}", *asked.set]
                runs[name].append(one_run(tree, settings, _folder(directory, f"{name}-{repeat}")))
        ratios = show(runs["here"], runs["there"], asked.against or "", Console(width=100))
    if not asked.against:
        return 0
    if not asked.set and asked.repeats >= REPEATS:
        record(f"default_run.py --against {asked.against}", ratios, "less")
    return 0 if ratios[WHOLE] <= TARGET else 1


def _folder(directory: Path, name: str) -> Path:
    folder = directory / name
    folder.mkdir()
    return folder


def _name_its_plugins(tree: Path) -> None:
    """What an installation of `tree` would say of its entry points, before what is said of the one that is installed."""
    project = tomllib.loads((tree / "pyproject.toml").read_text())["project"]
    folder = tree / f"progressive_training-{project['version']}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = {"console_scripts": project["scripts"], **project["entry-points"]}
    lines = [
        line
        for group, names in groups.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in names.items()))
    ]
    (folder / "entry_points.txt").write_text("\n".join(lines))


def _git(*words: str) -> None:
    subprocess.run(["git", *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)  # noqa: S603, S607  (git is git)


if __name__ == "__main__":
    sys.exit(main())
