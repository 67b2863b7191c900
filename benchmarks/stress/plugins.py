"""Does a run outlast every plugin that misbehaves, under every policy? One command, one line a kind, pass or fail.

    python benchmarks/stress/plugins.py                # all of them, with the real buckets; some 10 minutes
    python benchmarks/stress/plugins.py --count 10     # ten of them, drawn by --seed

Each plugin is a distribution of its own on the path of a new process, which trains two small buckets. Where the policy is
to stop, the run must end with status 2 and one line that names plugin, distribution, hook and bucket, and go on with
`--resume -p no:NAME`. However it got there, it must end with the same bytes in every model as a run without the plugin.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen

HOOKS = {
    "on_bucket_start": "bucket, resources",
    "transfer": "source, target, context",
    "on_episode_end": "bucket, episode",
    "cleanup": "bucket, error",
}
POLICIES = ("stop", "disable", "warn")
NAME, DISTRIBUTION = "rogue", "rogues"
SMALL = [
    *("--sequence", "Scalping,Short", "--episodes", "2", "--set", "SYNTHETIC_BARS=4000", "--device", "cpu"),
    *("--set", "HORIZON_RANGE=[1,24]", "--set", "TRANSFER_COOLDOWN=1", "-p", "no:console", "-p", "no:report"),
]
MODULE = """
import os
import random
import sys
import warnings
from pathlib import Path

import torch
from attrs import evolve

from progressive_training import StopRequest, hookimpl


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Own(BaseException):
    pass


@hookimpl
def {hook}({arguments}):
    {body}
"""


@frozen(kw_only=True)
class Misbehaviour:
    """What a plugin does in a hook; `bodies` are by hook, "" standing for each that is not named."""

    name: str
    bodies: dict[str, str]
    fails: bool

    def module(self, hook: str) -> str | None:
        """The plugin's source, None where this can not be done in that hook."""
        body = self.bodies.get(hook, self.bodies.get(""))
        return None if body is None else MODULE.format(hook=hook, arguments=HOOKS[hook], body=body)


def _fails(name: str, body: str | None = None, **bodies: str) -> Misbehaviour:
    return Misbehaviour(name=name, bodies={**({"": body} if body else {}), **bodies}, fails=True)


def _harmless(name: str, body: str | None = None, **bodies: str) -> Misbehaviour:
    return Misbehaviour(name=name, bodies={**({"": body} if body else {}), **bodies}, fails=False)


MISBEHAVIOURS = (
    _fails("raises", "raise ValueError('broken')"),
    _fails("raises what cannot be told", "raise Mute"),
    _fails("raises a novel", "raise ValueError('line\\n' * 100_000)"),
    _fails("calls sys.exit", "sys.exit(3)"),
    _fails("raises GeneratorExit", "raise GeneratorExit"),
    _fails("raises a BaseException of its own", "raise Own('mine')"),
    _fails("returns a wrong type", "return 5"),
    _fails(
        "returns wrong values",
        on_bucket_start="return evolve(resources, batch_size=0)",
        transfer="return evolve(target, weights={'w': 5})",
        on_episode_end="return StopRequest(5)",
    ),
    _fails(
        "writes to what it was handed",
        on_bucket_start="bucket.settings['SEED'] = 1",
        transfer="target.weights.clear()",
        on_episode_end="episode.score = 1.0",
        cleanup="bucket.results.clear()",
    ),
    _harmless(
        "scribbles on its own copy",
        transfer="[tensor.zero_() for tensor in (*source.weights.values(), *target.weights.values())]\n    return None",
        on_episode_end="episode.traces.clear()",
    ),
    _harmless(
        "prints",
        "print('hello'); sys.stdout.write('and no line end'); os.write(1, b'past sys.stdout')\n    return None",
    ),
    _harmless("seeds and draws from what is global", "random.seed(1); torch.manual_seed(1); torch.rand(3)"),
    _harmless("warns", "warnings.warn('old', stacklevel=1)"),
    _harmless("deletes itself", "Path(__file__).unlink(missing_ok=True); sys.modules.pop(__name__, None)"),
)
HEAD = "from progressive_training import hookimpl\n"
TWICE = "has the name of another"
GOOD = f"{HEAD}@hookimpl\ndef cleanup(bucket): ...\n"
BROKEN = {
    "raises on import": ("raise RuntimeError('broken')", "RuntimeError: broken"),
    "calls sys.exit on import": ("import sys; sys.exit(3)", "it called sys.exit(3)"),
    "raises GeneratorExit on import": ("raise GeneratorExit", "GeneratorExit"),
    "imports what is not there": ("import not_there", "No module named 'not_there'"),
    "does not parse": ("def", "SyntaxError"),
    "imports what a newer version has": ("from progressive_training import NotYet", "it may need a newer version"),
    "needs a newer API": (f"{GOOD}progressive_training_api = 99\n", "needs plugin API 99"),
    "says its API in words": (f"{GOOD}progressive_training_api = 'new'\n", "must be a whole number from 1"),
    "misspells a hook": (f"{HEAD}@hookimpl\ndef on_epsiode_end(): ...\n", "Did you mean 'on_episode_end'?"),
    "forgets the marker": (f"{GOOD}def on_episode_end(bucket): ...\n", "has a hook's name but no @hookimpl"),
    "has no hook": ("", "implements no hook"),
    "is a class": (f"{HEAD}import sys\nclass Rogue: ...\nsys.modules[__name__] = Rogue\n", "and an instance is meant"),
    TWICE: (GOOD, "is taken twice"),
    "is asynchronous": (f"{HEAD}@hookimpl\nasync def cleanup(): ...\n", "its body would never run"),
    "takes what no hook gives": (f"{HEAD}@hookimpl\ndef cleanup(trainer): ...\n", "has no argument 'trainer'"),
}
"""Plugins that cannot be used, by what is wrong with them: the source, and what the line must say."""


def install(root: Path, source: str, kind: str, distribution: str = DISTRIBUTION) -> None:
    """Put a package into `root`, a folder of packages: the plugin, or transfer, `NAME` of `distribution` 1.2."""
    info = root / f"{distribution}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[progressive_training.{kind}s]\n{NAME} = {distribution}_{NAME}\n")
    (root / f"{distribution}_{NAME}.py").write_text(source)


def kind_of(hook: str) -> str:
    """What a plugin with this hook is installed as."""
    return "transfer" if hook == "transfer" else "plugin"


def command(*arguments: str, site: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, with the packages of `site`."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(site or "")}
    return subprocess.run(  # noqa: S603  (our own command line)
        [sys.executable, "-m", "progressive_training", *arguments],
        env=environment, capture_output=True, text=True, check=False, errors="replace", timeout=300,
    )  # fmt: skip


def models(run: Path) -> dict[str, bytes]:
    """Every model file of a run, by its path in it."""
    files = sorted((run / "models").rglob("*.safetensors"))
    return {str(file.relative_to(run)): file.read_bytes() for file in files}


def broken_in_hook(
    misbehaviour: Misbehaviour, hook: str, policy: str, directory: Path, expected: dict[str, bytes]
) -> list[str]:
    """Train with the plugin, go on without it if that ended the run, and say what was not as it should be."""
    source = misbehaviour.module(hook) or ""
    site, run = directory / "site", directory / "run"
    install(site, source, kind_of(hook))
    wrong = []
    done = command("--run-dir", str(run), *SMALL, "--set", f"PLUGIN_ERRORS={policy}", site=site)
    ends = misbehaviour.fails and policy == "stop" and hook != "transfer"  # a transfer that failed stands in the ledger
    if done.returncode != (2 if ends else 0):
        wrong.append(f"status {done.returncode}: {done.stderr[-500:]}")
    told = [line for line in done.stderr.splitlines() if f"{NAME}' ({DISTRIBUTION} 1.2)" in line]
    if misbehaviour.fails and not any(f"{hook} for bucket '" in line for line in told):
        wrong.append(f"not told: {done.stderr[-500:]}")
    if misbehaviour.fails and policy == "disable" and sum("is disabled" in line for line in told) != 1:
        wrong.append(f"not disabled once: {told}")
    if any(len(line) > 1000 for line in done.stderr.splitlines()):
        wrong.append("a line without end")
    if ends:
        done = command("--resume", "--run-dir", str(run), "-p", f"no:{NAME}", site=site)
        if done.returncode != 0:
            wrong.append(f"not resumed: {done.stderr[-500:]}")
    if models(run) != expected:
        wrong.append("other bytes in a model")
    return wrong


def broken_at_import(name: str, policy: str, directory: Path, expected: dict[str, bytes]) -> list[str]:
    """List the plugin, train with it and, where that was refused, without; say what was not as it should be."""
    source, reason = BROKEN[name]
    site, run = directory / "site", directory / "run"
    install(site, source, "plugin")
    if name == TWICE:
        install(site, source, "plugin", distribution="others")
    wrong = []
    listed = command("plugins", "--json", site=site)
    records = {record["name"]: record for record in json.loads(listed.stdout)} if listed.returncode == 0 else {}
    if NAME not in records or records[NAME]["enabled"] or reason not in records[NAME]["reason"]:
        wrong.append(f"not listed: {listed.stdout[-500:]}{listed.stderr[-500:]}")
    done = command("--run-dir", str(run), *SMALL, "--set", f"PLUGIN_ERRORS={policy}", site=site)
    told = [line for line in done.stderr.splitlines() if f"{DISTRIBUTION} 1.2" in line and reason in line]
    if done.returncode != (2 if policy == "stop" else 0) or len(told) != 1:
        wrong.append(f"status {done.returncode}: {done.stderr[-500:]}")
    if policy == "stop":
        done = command("--run-dir", str(run), *SMALL, "-p", f"no:{NAME}", site=site)
    if models(run) != expected:
        wrong.append(f"other bytes in a model: {done.stderr[-500:]}")
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Try them all, or some, and print how many of each kind kept every promise.

    :return: 0, or 1 when one did not.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, help="how many to try, drawn at random (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    options = parser.parse_args(arguments)
    cases: Sequence[tuple[str, str, Callable[..., list[str]]]] = [
        (misbehaviour.name, f"{hook}, {policy}", partial(broken_in_hook, misbehaviour, hook, policy))
        for misbehaviour in MISBEHAVIOURS
        for hook in HOOKS
        if misbehaviour.module(hook)
        for policy in POLICIES
    ] + [(name, policy, partial(broken_at_import, name, policy)) for name in BROKEN for policy in POLICIES]
    if options.count is not None:
        cases = random.Random(options.seed).sample(cases, min(options.count, len(cases)))  # noqa: S311  (no secret)
    tried: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    with TemporaryDirectory() as directory:
        reference = Path(directory) / "reference"
        done = command("--run-dir", str(reference), *SMALL)
        if done.returncode != 0:
            print(done.stderr, file=sys.stderr)
            return 1
        expected = models(reference)
        for number, (name, how, check) in enumerate(cases, 1):
            wrong = check(Path(directory) / str(number), expected)
            tried[name] += 1
            kept[name] += not wrong
            print(
                f"{number}/{len(cases)} {name}, {how}: {'; '.join(wrong) or 'kept'}",
                file=sys.stderr,
            )
    for name, count in tried.items():
        print(f"{name:36}{kept[name]:4} of {count:3}")
    print(f"{'all':36}{kept.total():4} of {tried.total():3} kept every promise")
    return int(kept.total() < tried.total())


if __name__ == "__main__":
    sys.exit(main())
