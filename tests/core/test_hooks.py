"""How plugins are called: the order, what each sees, how answers combine, and how a failure is told."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from attrs import evolve

from progressive_app.config.resolve import defaults
from progressive_app.discovery.installed_plugins import installed_registry
from progressive_app.discovery.listing import survey
from progressive_core.plugins.hooks import Hooks
from progressive_training import (
    BucketInfo,
    EpisodeReport,
    Knowledge,
    PluginError,
    Resources,
    Skip,
    StopRequest,
    TransferContext,
    hookimpl,
)

Install = Callable[..., None]
BUCKET = BucketInfo(
    name="Long",
    horizons=(72, 576),
    sequence=("Short", "Long"),
    episodes=3,
    seed=0,
    run_dir=Path("run"),
    settings=MappingProxyType({**defaults(), "SEQUENCE": ["Short", "Long"], "EPISODES": {"Long": 3}}),
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
    traces={"lessons": [{"cause": "stop"}]},
)
CONTEXT = TransferContext(phase="initial", episode=0, bucket=BUCKET)
SOURCE = Knowledge(origin="Short", weights={"w": torch.ones(2)}, feature_importance={"range": 1.0}, horizons={6: 0.1})
TARGET = Knowledge(origin="Long", weights={"w": torch.zeros(2)})
WAY_ON = "(to go on without it: {}, or --set PLUGIN_ERRORS=disable)"
HEAD = """
from attrs import evolve
from progressive_training import Knowledge, Resources, StopRequest, hookimpl
"""


def installed(install: Install, **plugins: str) -> Hooks:
    """Hooks of these plugins and strategies only, the built-ins disabled; `transfer` in the source makes a strategy."""
    strategies = {name: f"acme_{name}" for name, source in plugins.items() if "def transfer" in source}
    others = {name: f"acme_{name}" for name in plugins if name not in strategies}
    modules = {f"acme_{name}": HEAD + source for name, source in plugins.items()}
    install("acme", transfers=strategies, plugins=others, **modules)
    built_in = [f"no:{each.name}" for each in survey() if each.distribution != "acme" and each.kind != "bucket"]
    return Hooks(installed_registry(built_in))


class Everything:
    """Implements every hook, each with a subset of its arguments, and writes down what it saw."""

    def __init__(self, name: str, calls: list[tuple[object, ...]]) -> None:
        self.name, self.calls = name, calls

    @hookimpl
    def on_bucket_start(self, resources: Resources) -> Resources:
        self.calls.append((self.name, "on_bucket_start", resources.batch_size))
        return evolve(resources, batch_size=resources.batch_size // 2)

    @hookimpl
    def transfer(self, source: Knowledge, target: Knowledge) -> Knowledge:
        self.calls.append((self.name, "transfer", source.origin, target.origin))
        return evolve(target, weights=source.weights)

    @hookimpl
    def on_episode_end(self, episode: EpisodeReport, bucket: BucketInfo) -> StopRequest:
        self.calls.append((self.name, "on_episode_end", bucket.name, episode.episode))
        return StopRequest(reason=f"{self.name} has seen enough")

    @hookimpl
    def cleanup(self, error: BaseException | None) -> None:
        self.calls.append((self.name, "cleanup", error))


def test_every_hook_is_called_in_the_configured_order_and_the_answers_combine(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[object, ...]] = []
    recorder = "import recorders\nplugin = recorders.{name}\n"
    install(
        "acme",
        transfers={"a": "acme_a:plugin", "b": "acme_b:plugin"},
        acme_a=recorder.format(name="a"),
        acme_b=recorder.format(name="b"),
    )
    recorders = type("recorders", (), {"a": Everything("a", calls), "b": Everything("b", calls)})
    monkeypatch.setitem(sys.modules, "recorders", recorders)
    built_in = [f"no:{each.name}" for each in survey() if each.distribution != "acme" and each.kind != "bucket"]
    hooks = Hooks(installed_registry(built_in, transfer_order=("b", "a")))

    resources = hooks.on_bucket_start(BUCKET, RESOURCES)
    transferred = [hooks.transfer(name, SOURCE, TARGET, CONTEXT) for name in hooks.transfers]
    stop = hooks.on_episode_end(BUCKET, EPISODE)
    hooks.cleanup(BUCKET, None)

    assert calls == [
        ("b", "on_bucket_start", 512),
        ("a", "on_bucket_start", 256),
        ("b", "transfer", "Short", "Long"),
        ("a", "transfer", "Short", "Long"),
        ("b", "on_episode_end", "Long", 1),
        ("a", "on_episode_end", "Long", 1),
        ("b", "cleanup", None),
        ("a", "cleanup", None),
    ]
    assert resources.batch_size == 128
    assert all(isinstance(knowledge, Knowledge) and knowledge.weights["w"].sum() == 2 for knowledge in transferred)
    assert stop == (StopRequest(reason="b has seen enough"), "b")


def test_none_leaves_everything_as_it_was(install: Install) -> None:
    hooks = installed(
        install,
        quiet="@hookimpl\ndef on_bucket_start(): ...\n@hookimpl\ndef on_episode_end(): ...\n",
        nudge="@hookimpl\ndef transfer(): ...\n",
    )
    assert hooks.on_bucket_start(BUCKET, RESOURCES) == RESOURCES
    assert hooks.on_episode_end(BUCKET, EPISODE) is None
    assert hooks.transfer("nudge", SOURCE, TARGET, CONTEXT) == Skip("nothing to transfer")


@pytest.mark.parametrize(
    ("source", "call", "told"),
    [
        (
            "@hookimpl\ndef on_bucket_start(): 1 / 0\n",
            lambda hooks: hooks.on_bucket_start(BUCKET, RESOURCES),
            "plugin 'broken' (acme 1.2): on_bucket_start for bucket 'Long' failed: ZeroDivisionError: division by zero",
        ),
        (
            "@hookimpl\ndef on_episode_end(): raise OSError\n",
            lambda hooks: hooks.on_episode_end(BUCKET, EPISODE),
            "plugin 'broken' (acme 1.2): on_episode_end for bucket 'Long' failed: OSError",
        ),
        (
            "@hookimpl\ndef transfer(): 1 / 0\n",
            lambda hooks: hooks.transfer("broken", SOURCE, TARGET, CONTEXT),
            "transfer 'broken' (acme 1.2): transfer for bucket 'Long' failed: ZeroDivisionError: division by zero",
        ),
        (
            "@hookimpl\ndef cleanup(): 1 / 0\n",
            lambda hooks: hooks.cleanup(BUCKET, None),
            "plugin 'broken' (acme 1.2): cleanup for bucket 'Long' failed: ZeroDivisionError: division by zero",
        ),
        (
            "@hookimpl\ndef transfer(): ...\ndef memory_needed(source, target): return source.size\n",
            lambda hooks: hooks.memory_needed("broken", BUCKET, SOURCE, TARGET),
            (
                "transfer 'broken' (acme 1.2): memory_needed(source, target) for bucket 'Long' failed: "
                "AttributeError: 'Knowledge' object has no attribute 'size'"
            ),
        ),
    ],
)
def test_a_failure_names_plugin_distribution_hook_and_bucket(
    install: Install, source: str, call: Callable[[Hooks], object], told: str
) -> None:
    hooks = installed(install, broken=source)
    with pytest.raises(PluginError) as caught:
        call(hooks)
    in_ledger = "transfer" in told  # which ends no run
    assert str(caught.value) == (told if in_ledger else f"{told} {WAY_ON.format('-p no:broken')}")
    assert isinstance(caught.value.__cause__, Exception)


@pytest.mark.parametrize(
    ("source", "call", "told"),
    [
        (
            "@hookimpl\ndef on_bucket_start(): return 5\n",
            lambda hooks: hooks.on_bucket_start(BUCKET, RESOURCES),
            "on_bucket_start for bucket 'Long' must return Resources or None; got a int: 5",
        ),
        (
            "@hookimpl\ndef on_episode_end(): return True\n",
            lambda hooks: hooks.on_episode_end(BUCKET, EPISODE),
            "on_episode_end for bucket 'Long' must return StopRequest or None; got a bool: True",
        ),
        (
            "@hookimpl\ndef transfer(source): return source.weights\n",
            lambda hooks: hooks.transfer("broken", SOURCE, TARGET, CONTEXT),
            "transfer for bucket 'Long' must return Knowledge, Skip or None; got a mappingproxy: ",
        ),
        (
            "@hookimpl\ndef transfer(source): return source\n",
            lambda hooks: hooks.transfer("broken", SOURCE, TARGET, CONTEXT),
            "transfer for bucket 'Long' must keep the target's origin 'Long'; got 'Short': answer with attrs.evolve(target, ...)",
        ),
        (
            "@hookimpl\ndef cleanup(): return 'done'\n",
            lambda hooks: hooks.cleanup(BUCKET, None),
            "cleanup for bucket 'Long' must return None; got a str: 'done'",
        ),
        (
            "@hookimpl\ndef transfer(): ...\ndef memory_needed(source, target): return 0.5\n",
            lambda hooks: hooks.memory_needed("broken", BUCKET, SOURCE, TARGET),
            "memory_needed(source, target) for bucket 'Long' must return bytes, a whole number from 0; got 0.5",
        ),
    ],
)
def test_a_wrong_answer_is_refused(install: Install, source: str, call: Callable[[Hooks], object], told: str) -> None:
    hooks = installed(install, broken=source)
    with pytest.raises(PluginError, match=r"'broken' \(acme 1.2\): " + "(.*: )?" + re.escape(told)):
        call(hooks)


def test_every_plugin_cleans_up_and_all_failures_are_told(install: Install, tmp_path: Path) -> None:
    hooks = installed(
        install,
        a="@hookimpl\ndef cleanup(): raise ValueError('first')\n",
        b="@hookimpl\ndef cleanup(): raise OSError('second')\n",
        c=f"import pathlib\n@hookimpl\ndef cleanup(): pathlib.Path({str(tmp_path / 'reached')!r}).touch()\n",
    )
    with pytest.raises(PluginError) as caught:
        hooks.cleanup(BUCKET, None)
    assert (tmp_path / "reached").exists()
    assert str(caught.value) == (
        "plugin 'a' (acme 1.2): cleanup for bucket 'Long' failed: ValueError: first; "
        "plugin 'b' (acme 1.2): cleanup for bucket 'Long' failed: OSError: second " + WAY_ON.format("-p no:a -p no:b")
    )
    group = caught.value.__cause__
    assert isinstance(group, ExceptionGroup)
    assert [type(failure.__cause__) for failure in group.exceptions] == [ValueError, OSError]


def test_an_interrupt_passes_through_after_every_plugin_has_cleaned_up(install: Install, tmp_path: Path) -> None:
    hooks = installed(
        install,
        a="@hookimpl\ndef cleanup(): raise KeyboardInterrupt\n"
        "@hookimpl\ndef on_episode_end(): raise KeyboardInterrupt\n",
        b=f"import pathlib\n@hookimpl\ndef cleanup(): pathlib.Path({str(tmp_path / 'reached')!r}).touch()\n",
    )
    with pytest.raises(KeyboardInterrupt):
        hooks.on_episode_end(BUCKET, EPISODE)
    with pytest.raises(KeyboardInterrupt):
        hooks.cleanup(BUCKET, KeyboardInterrupt())
    assert (tmp_path / "reached").exists()


@pytest.mark.parametrize(
    "vandal",
    [
        "@hookimpl\ndef on_bucket_start(bucket): bucket.settings['SEED'] = 1\n",
        "@hookimpl\ndef on_bucket_start(bucket): bucket.settings['SEQUENCE'].append('Mine')\n",
        "@hookimpl\ndef on_bucket_start(bucket): bucket.settings['EPISODES']['Long'] = 9\n",
        "@hookimpl\ndef on_bucket_start(bucket): bucket.name = 'Mine'\n",
        "@hookimpl\ndef on_bucket_start(resources): resources.batch_size = 1\n",
    ],
)
def test_a_plugin_cannot_change_what_others_see(install: Install, vandal: str) -> None:
    hooks = installed(install, vandal=vandal)
    with pytest.raises(PluginError, match="failed: (TypeError|AttributeError|FrozenInstanceError)"):
        hooks.on_bucket_start(BUCKET, RESOURCES)


def test_a_plugin_that_scribbles_harms_only_its_own_copy(install: Install) -> None:
    hooks = installed(
        install,
        vandal="@hookimpl\ndef on_episode_end(episode): episode.traces['lessons'][0].clear()\n",
        witness="@hookimpl\ndef on_episode_end(episode):\n"
        "    return StopRequest(reason=episode.traces['lessons'][0]['cause'])\n",
        nudge="@hookimpl\ndef transfer(source, target):\n    source.weights['w'].zero_()\n    target.weights['w'].fill_(9)\n",
    )
    assert hooks.on_episode_end(BUCKET, EPISODE) == (StopRequest(reason="stop"), "witness")
    assert hooks.transfer("nudge", SOURCE, TARGET, CONTEXT) == Skip("nothing to transfer")
    assert SOURCE.weights["w"].tolist() == [1, 1] and TARGET.weights["w"].tolist() == [0, 0]


def test_a_strategy_says_when_it_is_asked_and_what_it_needs(install: Install) -> None:
    hooks = installed(
        install,
        plain="@hookimpl\ndef transfer(): ...\n",
        light="phases = ('reverse',)\ndef memory_needed(source, target): return 7\n@hookimpl\ndef transfer(): ...\n",
    )
    assert hooks.phases("plain") == ("initial", "periodic", "reverse")
    assert hooks.memory_needed("plain", BUCKET, SOURCE, TARGET) == 16
    assert hooks.phases("light") == ("reverse",)
    assert hooks.memory_needed("light", BUCKET, SOURCE, TARGET) == 7
