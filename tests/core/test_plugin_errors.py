"""Plugins that misbehave: the command line goes on working, the failure is named, and PLUGIN_ERRORS is followed."""

import json
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import torch

from progressive_app.config.resolve import defaults
from progressive_app.discovery.installed_plugins import installed_registry
from progressive_app.discovery.listing import survey
from progressive_app.machine.logs import configure_logging
from progressive_core.plugins.hooks import Hooks
from progressive_front.cli import main
from progressive_training import BucketInfo, EpisodeReport, Knowledge, PluginError, Resources, Skip, TransferContext

Install = Callable[..., None]
STRESS = Path(__file__).resolve().parents[2] / "benchmarks" / "stress" / "plugins.py"
spec = spec_from_file_location("stress_plugins", STRESS)
assert spec is not None and spec.loader is not None
stress = module_from_spec(spec)
spec.loader.exec_module(stress)

BUCKETS = (Path(__file__).parent / "line_bucket.py").read_text()
SETTINGS = {"SEQUENCE": ["First", "Second"], "EPISODES": 3, "DEVICE": "cpu", "TRANSFER_COOLDOWN": 2}
BUCKET = BucketInfo(
    name="Long", horizons=(6,), sequence=("Long",), episodes=3, seed=0, run_dir=Path("run"), settings=defaults()
)
RESOURCES = Resources(device="cpu", parallel_episodes=64, batch_size=512)
EPISODE = EpisodeReport(
    episode=1,
    score=0.1,
    best_score=0.1,
    best_episode=1,
    loss=1.0,
    exploration=0.2,
    exploration_cause="start",
    transitions=64,
    trades=3,
)
SOURCE = Knowledge(origin="Short", weights={"w": torch.ones(2)})
TARGET = Knowledge(origin="Long", weights={"w": torch.zeros(2)})
CALLS: dict[str, Callable[[Hooks], object]] = {
    "on_bucket_start": lambda hooks: hooks.on_bucket_start(BUCKET, RESOURCES),
    "transfer": lambda hooks: [
        hooks.transfer(name, SOURCE, TARGET, TransferContext(phase="initial", episode=0, bucket=BUCKET))
        for name in hooks.transfers
    ],
    "on_episode_end": lambda hooks: hooks.on_episode_end(BUCKET, EPISODE),
    "cleanup": lambda hooks: hooks.cleanup(BUCKET, None),
}
UNTOUCHED = {
    "on_bucket_start": RESOURCES,
    "transfer": [Skip("nothing to transfer")],
    "on_episode_end": None,
    "cleanup": None,
}
ROGUE = f"{stress.NAME}' ({stress.DISTRIBUTION} 1.2)"


@pytest.fixture
def rogue(install: Install) -> Callable[[str, str], None]:
    """Install a module as the plugin that misbehaves, with what its hook makes it."""

    def put(source: str, hook: str = "cleanup", distribution: str = stress.DISTRIBUTION) -> None:
        module = f"{distribution}_{stress.NAME}"
        install(distribution, **{f"{stress.kind_of(hook)}s": {stress.NAME: module}, module: source})

    return put


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Install) -> Path:
    """A working directory with a configuration for two quick buckets."""
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    Path("config.json").write_text(json.dumps(SETTINGS))
    install("lines", buckets={"First": "line_bucket:first", "Second": "line_bucket:second"}, line_bucket=BUCKETS)
    return directory


def hooks_of(policy: str) -> Hooks:
    """Those of the plugin that misbehaves alone."""
    others = [f"no:{each.name}" for each in survey() if each.name != stress.NAME and each.kind != "bucket"]
    return Hooks(installed_registry(others, policy=policy), policy)  # type: ignore[arg-type]


def train(*arguments: str) -> int:
    return main([*arguments, "-p", "no:console", "-p", "no:report"])


@pytest.mark.filterwarnings("ignore:old:UserWarning")
@pytest.mark.parametrize("hook", stress.HOOKS)
@pytest.mark.parametrize("misbehaviour", stress.MISBEHAVIOURS, ids=lambda each: each.name)
def test_whatever_a_hook_does_is_a_failure_that_is_named_or_harms_nobody(
    rogue: Callable[..., None], misbehaviour: Any, hook: str, capfd: pytest.CaptureFixture[str]
) -> None:
    source = misbehaviour.module(hook)
    if source is None:
        return
    rogue(source, hook)
    configure_logging()
    hooks = hooks_of("stop")
    if not misbehaviour.fails:
        assert CALLS[hook](hooks) == UNTOUCHED[hook]
    else:
        with pytest.raises(PluginError) as caught:
            CALLS[hook](hooks)
        message = str(caught.value)
        assert f"{ROGUE}: {hook} for bucket 'Long' " in message
        assert len(message.splitlines()) == 1 and len(message) < 600
    assert SOURCE.weights["w"].tolist() == [1, 1] and TARGET.weights["w"].tolist() == [0, 0]
    outlasted = hooks_of("warn")
    if hook != "transfer":  # which the core outlasts
        assert CALLS[hook](outlasted) == UNTOUCHED[hook]
        assert ("a plugin failed, and training goes on" in capfd.readouterr().err) == misbehaviour.fails


@pytest.mark.parametrize("hook", ["on_bucket_start", "transfer", "on_episode_end"])
def test_a_disabled_plugin_cleans_up_once_and_is_called_no_more(
    rogue: Callable[..., None], tmp_path: Path, hook: str, capfd: pytest.CaptureFixture[str]
) -> None:
    calls = tmp_path / "calls"
    noted = f"""
from pathlib import Path
from progressive_training import hookimpl

def note(what):
    with Path({str(calls)!r}).open("a") as file:
        file.write(what + "\\n")

@hookimpl
def {hook}():
    note("{hook}")
    raise ValueError("broken")

@hookimpl
def cleanup(error):
    note(f"cleanup after {{type(error).__name__}}")
    raise OSError("still broken")
"""
    rogue(noted, hook)
    configure_logging()
    hooks = hooks_of("disable")
    if hook == "transfer":
        with pytest.raises(PluginError, match="ValueError: broken"):
            CALLS[hook](hooks)
        assert hooks.transfers == ()
    for _ in range(3):
        CALLS[hook](hooks)
        hooks.cleanup(BUCKET, None)
    assert calls.read_text().splitlines() == [hook, "cleanup after PluginError"]
    (line,) = capfd.readouterr().err.splitlines()
    assert "a plugin failed, and is disabled for the rest of this run" in line and ROGUE in line


def test_an_estimate_of_memory_sees_shapes_and_cannot_change_weights(rogue: Callable[..., None]) -> None:
    rogue(
        "from progressive_training import hookimpl\n"
        "@hookimpl\ndef transfer(): ...\n"
        "def memory_needed(source, target):\n    target.weights['w'].fill_(9)\n    return target.nbytes\n",
        "transfer",
    )
    assert hooks_of("stop").memory_needed(stress.NAME, BUCKET, SOURCE, TARGET) == TARGET.nbytes
    assert TARGET.weights["w"].tolist() == [0, 0]


def test_what_ended_a_bucket_is_not_changed_by_who_cleans_up(rogue: Callable[..., None]) -> None:
    rogue(
        "from progressive_training import hookimpl\n"
        "@hookimpl\ndef cleanup(error):\n    error.args = ()\n    raise error\n"
    )
    ended = ValueError("the bucket's own")
    with pytest.raises(PluginError):
        hooks_of("stop").cleanup(BUCKET, ended)
    assert str(ended) == "the bucket's own"


@pytest.fixture
def expected(here: Path) -> dict[str, bytes]:
    """The models of a run without the plugin."""
    assert train("--run-dir", "alone") == 0
    models: dict[str, bytes] = stress.models(here / "alone")
    assert models
    return models


@pytest.mark.parametrize("policy", stress.POLICIES)
@pytest.mark.parametrize("hook", stress.HOOKS)
def test_a_run_ends_the_same_whatever_the_policy(
    here: Path,
    expected: dict[str, bytes],
    rogue: Callable[..., None],
    hook: str,
    policy: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    rogue(stress.MISBEHAVIOURS[0].module(hook), hook)
    capfd.readouterr()
    code = train("--run-dir", "run", "--set", f"PLUGIN_ERRORS={policy}")
    lines = [line for line in capfd.readouterr().err.splitlines() if ROGUE in line]
    logged = [json.loads(line) for line in (here / "run" / "log.jsonl").read_text().splitlines()]
    assert f"{hook} for bucket 'First' failed: ValueError: broken" in lines[0] or hook == "transfer"
    if hook == "transfer":
        ledger = [json.loads(line) for line in (here / "run" / "ledger.jsonl").read_text().splitlines()]
        failed = [line for line in ledger if line["strategy"] == stress.NAME]
        assert {line["verdict"] for line in failed} == {"failed"} and ROGUE in failed[0]["reason"]
        assert code == 0 and (len(failed) == 1) == (policy == "disable")
    elif policy == "stop":
        assert code == 2 and len(lines) == 1
        assert lines[0].endswith(
            f"(to go on without it: -p no:{stress.NAME}, or --set PLUGIN_ERRORS=disable); go on from the last checkpoint "
            "with: progressive-training --resume --run-dir run -p no:console -p no:report"
        )
        assert json.loads((here / "run" / "state.json").read_text())["status"] == "interrupted"
        assert train("--resume", "--run-dir", "run", "-p", f"no:{stress.NAME}") == 0
    else:
        assert code == 0
        calls = 6 if hook == "on_episode_end" else 2
        assert len(lines) == (1 if policy == "disable" else calls)
        assert sum("reason" in line for line in logged if ROGUE in str(line.get("reason"))) == len(lines)
    assert stress.models(here / "run") == expected


@pytest.mark.parametrize("name", stress.BROKEN)
def test_a_plugin_that_cannot_be_used_is_listed_named_and_left_out(
    here: Path, rogue: Callable[..., None], name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    source, reason = stress.BROKEN[name]
    rogue(source)
    if name == stress.TWICE:
        rogue(source, distribution="others")
    assert main(["plugins", "--json"]) == 0
    record = {each["name"]: each for each in json.loads(capfd.readouterr().out)}[stress.NAME]
    owner = ROGUE if name != stress.TWICE else "of others 1.2 and plugin 'rogues_rogue' of rogues 1.2"
    assert not record["enabled"] and reason in record["reason"] and owner in record["reason"]
    assert main(["--help"]) == main(["runs"]) == 0
    capfd.readouterr()
    assert train("--bucket", "First", "--run-dir", "run") == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert reason in line and owner in line and f"(to go on without it: -p no:{stress.NAME}, or " in line
    assert not (here / "run").exists()
    assert train("--bucket", "First", "--run-dir", "run", "--set", "PLUGIN_ERRORS=disable") == 0
    (line,) = capfd.readouterr().err.splitlines()
    assert "a plugin cannot be used, and is left out" in line and reason in line


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("phases = property(lambda self: 1 / 0)", "cannot be examined: ZeroDivisionError"),
        ("opt_in = property(lambda self: exit(4))", "cannot be examined: it called sys.exit(4)"),
        ("progressive_training_api = property(lambda self: 1 / 0)", "cannot be examined: ZeroDivisionError"),
        ("__eq__ = lambda self, other: 1 / 0; __hash__ = object.__hash__", "cannot be registered: ZeroDivisionError"),
        ("__hash__ = None", ": a Rogue is not hashable, and pluggy keeps plugins in sets"),
        ("__dir__ = lambda self: 1 / 0", "cannot be examined: ZeroDivisionError"),
    ],
)
def test_an_object_that_fails_when_it_is_looked_at(rogue: Callable[..., None], lines: str, reason: str) -> None:
    rogue(
        "from progressive_training import hookimpl\n"
        f"class Rogue:\n    @hookimpl\n    def transfer(self): ...\n    {lines}\n"
        "import sys; sys.modules[__name__] = Rogue()\n",
        "transfer",
    )
    with pytest.raises(PluginError) as caught:
        installed_registry()
    assert f"transfer '{ROGUE} {reason}".replace(" :", ":") in str(caught.value)
    registry = installed_registry(policy="warn")
    assert stress.NAME not in registry.transfers and len(registry.left_out) == 1
    (listed,) = [record for record in survey() if record.name == stress.NAME]
    assert not listed.enabled and reason in listed.reason


def test_a_bucket_that_is_needed_is_an_error_under_every_policy(
    here: Path, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("acme", buckets={"Third": "acme_third"}, acme_third="import sys; sys.exit(3)")
    for policy in stress.POLICIES:
        assert train("--sequence", "First,Third", "--set", f"PLUGIN_ERRORS={policy}") == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "bucket 'Third' (acme 1.2) cannot be imported from 'acme_third': it called sys.exit(3)" in line
    assert main(["plugins"]) == 0


def test_what_a_plugin_needs_and_is_not_there_is_said_before_anything_is_made(
    here: Path, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    needs = 'needs_packages = {"json": "stdlib", "absent_a": "acme[a]", "absent_b.part": "acme[a]"}'
    install("acme", plugins={"watch": "acme_watch"}, acme_watch=f"{stress.GOOD}\n{needs}\nopt_in = True\n")
    assert main(["plugins"]) == 0
    assert train("--run-dir", "first", "--episodes", "1") == 0  # it is off unless named
    before = {file: file.read_bytes() for file in Path().rglob("*") if file.is_file()}
    expected = "plugin 'watch' (acme 1.2) needs absent_a and absent_b.part: pip install 'acme[a]' (to go on without it: -p no:watch, or"
    for way in (["--run-dir", "run"], ["--resume", "--run-dir", "first", "--episodes", "2"]):
        capsys.readouterr()
        assert train(*way, "-p", "watch") == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert expected in line
        assert {file: file.read_bytes() for file in Path().rglob("*") if file.is_file()} == before
        assert not Path("run").exists()
    assert train("--run-dir", "other", "--episodes", "1", "-p", "watch", "--set", "PLUGIN_ERRORS=disable") == 0


@pytest.mark.parametrize("needs", ["['absent']", "{'absent': 3}", "property(lambda self: 1 / 0)"])
def test_a_wrong_word_for_what_a_bucket_needs_is_named(
    here: Path, install: Install, capsys: pytest.CaptureFixture[str], needs: str
) -> None:
    source = f"{BUCKETS}\nclass Third(type(first)):\n    needs_packages = {needs}\nthird = Third('Third')\n"
    install("acme", buckets={"Third": "acme_third:third"}, acme_third=source)
    assert train("--run-dir", "run", "--sequence", "Third") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "bucket 'Third' (acme 1.2)" in line
    assert "`needs_packages` must map" in line or "cannot be examined: ZeroDivisionError" in line
    assert not Path("run").exists()


def test_a_package_with_damaged_files_is_named(
    here: Path, install: Install, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    install("acme", plugins={"watch": "acme_watch"}, acme_watch=stress.GOOD)
    info = tmp_path / "acme" / "acme-1.2.dist-info"
    (info / "METADATA").write_bytes(b"\xff")
    assert main(["plugins"]) == 0
    assert "unknown ?" in capfd.readouterr().out
    (info / "entry_points.txt").write_text("[progressive_training.plugins]\nwatch\n")
    assert main(["plugins", "--json"]) == 0
    printed = capfd.readouterr()
    assert "weights" in {each["name"] for each in json.loads(printed.out)}
    damaged = "acme-1.2.dist-info: its METADATA or entry_points.txt cannot be read"
    assert damaged in printed.err
    assert train("--bucket", "First") == 2
    assert damaged in capfd.readouterr().err
    assert train("--bucket", "First", "--set", "PLUGIN_ERRORS=warn") == 0


def test_what_plugins_print_stays_out_of_what_programs_read(
    here: Path, rogue: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    rogue("import os, sys\nprint('hello')\nsys.stdout.write('no end')\nos.system('echo from a shell')\n" + stress.GOOD)
    assert main(["plugins", "--json"]) == 0
    printed = capfd.readouterr()
    assert stress.NAME in {each["name"] for each in json.loads(printed.out)}
    assert "hello" in printed.err and "no end" in printed.err and "from a shell" in printed.err
    assert train("--run-dir", "run") == 0
    capfd.readouterr()
    for command in (["evaluate", "run", "--json"], ["runs", "--json"]):
        assert main(command) == 0
        json.loads(capfd.readouterr().out)
