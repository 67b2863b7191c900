"""The conformance checks accept what is sound, and tell an author in one line what is not."""

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve

from progressive_training import (
    Adoption,
    BucketInfo,
    EpisodeReport,
    Knowledge,
    LedgerEntry,
    Resources,
    State,
    StopRequest,
    TransferContext,
    hookimpl,
)
from progressive_training.testing import check_bucket, check_plugin, check_transfer

LINES = (Path(__file__).parent / "line_bucket.py").read_text()


@pytest.fixture
def lines(install: Callable[..., None]) -> Any:
    install("acme", line_bucket=LINES)
    return import_module("line_bucket")


def test_a_sound_bucket_passes(lines: Any) -> None:
    check_bucket(lines.first)


def noisy_validate(learner: Any, sound: Callable[[], float]) -> float:
    torch.rand(1, generator=learner.generator)
    return sound()


def touchy_validate(learner: Any, sound: Callable[[], float]) -> float:
    learner.weight = learner.weight + 0.01
    return sound()


def forgetful_snapshot(learner: Any, sound: Callable[[], State]) -> State:
    state = sound()
    return evolve(state, tensors={**state.tensors, "weight": torch.zeros(2)})


def shared_snapshot(learner: Any, sound: Callable[[], State]) -> State:
    learner.shared = getattr(learner, "shared", torch.zeros(1))
    return evolve(sound(), tensors={**sound().tensors, "shared": learner.shared})


def episode_from_global_randomness(learner: Any, sound: Callable[[], EpisodeReport]) -> EpisodeReport:
    report = sound()
    return evolve(report, loss=float(torch.rand(1)))


def growing_episode(learner: Any, sound: Callable[[], EpisodeReport]) -> EpisodeReport:
    learner.shared = getattr(learner, "shared", torch.zeros(1)).add_(1)
    return sound()


SPOILT: dict[str, tuple[dict[str, Callable[..., Any]], str]] = {
    "draws in validate": (
        {"validate": noisy_validate},
        "must repeat the episode to the bit; score was",
    ),
    "trains in validate": ({"validate": touchy_validate}, "validate() must change nothing; asked twice it gave"),
    "forgets its weights": ({"snapshot": forgetful_snapshot}, "must repeat the episode to the bit; score was"),
    "hands out its own tensors in a snapshot": (
        {"snapshot": shared_snapshot, "run_episode": growing_episode},
        "a snapshot must be a copy: training on changed it",
    ),
    "draws from the global generator": (
        {"run_episode": episode_from_global_randomness},
        "Save all that training reads (replay, optimiser, generators), draw from BucketInfo.seed only",
    ),
    "counts episodes from 0": (
        {"run_episode": lambda learner, sound: evolve(sound(), episode=learner.episode - 1)},
        "run_episode() number 1 reports episode 0: episodes count from 1",
    ),
    "reports a loss that is not finite": (
        {"run_episode": lambda learner, sound: evolve(sound(), loss=float("nan"))},
        "run_episode() number 1: loss must be finite; got nan",
    ),
    "reports another score than validate": (
        {"run_episode": lambda learner, sound: evolve(sound(), score=-99.0)},
        "score is the validation score after the episode, but it says -99.0 and validate() -",
    ),
    "writes traces that are not JSON": (
        {"run_episode": lambda learner, sound: evolve(sound(), traces={"lessons": {1, 2}})},
        "the report's traces must be JSON values, because it is written to a file: Object of type set",
    ),
    "hands out its own weights": (
        {"knowledge": lambda learner, sound: evolve(sound(), weights={"line.weight": learner.weight.add_(1e-3)})},
        "knowledge(): the tensors must be copies",
    ),
    "importance that does not sum to 1": (
        {"knowledge": lambda learner, sound: evolve(sound(), feature_importance={"x": 0.7})},
        "knowledge(): feature_importance must sum to 1; got 0.7",
    ),
    "horizons that are not the bucket's": (
        {"knowledge": lambda learner, sound: evolve(sound(), horizons={7: 0.1})},
        "knowledge(): horizons must be among the bucket's own (1, 6) (BucketInfo); got [7]",
    ),
    "another's origin": (
        {"knowledge": lambda learner, sound: evolve(sound(), origin="Short")},
        "its origin must be 'First', the bucket whose knowledge it is; got 'Short'",
    ),
    "adopts nothing": (
        {"adopt": lambda learner, sound, knowledge: Adoption(new=("line.weight",))},
        "adopt(knowledge()) must copy every weight that it offered itself; dropped (), missing ['line.weight']",
    ),
    "keeps the last": (
        {"keep_best": lambda learner, sound: learner.weight.zero_()},
        "keep_best() must return to what reached best_score",
    ),
    "chooses for another bucket": (
        {"keep_best": lambda learner, sound: (sound(), [choice("Second")])[1]},
        "keep_best() returns None, or ledger entries of phase 'choice' from First to itself",
    ),
    "gives a weight's name to another tensor": (
        {"model": lambda learner, sound: evolve(sound(), tensors={"line.weight": torch.zeros(2)})},
        "model(): a tensor of the name of a weight in knowledge() must be that weight: both are kept in one file",
    ),
    "does not load": (
        {"load": lambda learner, sound, model: None},
        "load(model()) in a new learner must give the same",
    ),
    "evaluates with shares that do not sum to 1": (
        {"evaluate": lambda evaluator, sound, policy: spoil_row(sound(), flat=0.5)},
        "evaluator.evaluate(policy()): validation: model: long, flat and short are shares of the bars and sum to 1; got 0.0, 0.5, 0.0",
    ),
    "lets a model trade without an edge": (
        {"evaluate": lambda evaluator, sound, policy: evolve(sound(), trades="everywhere")},
        "a model trades where an edge is confirmed; got edge 'none' and trades 'everywhere'",
    ),
}


def choice(bucket: str) -> LedgerEntry:
    return LedgerEntry(
        strategy="caution", source=bucket, target=bucket, phase="choice", episode=1, verdict="kept", reason=""
    )


def spoil_row(evaluation: Any, **changes: float) -> Any:
    return evolve(evaluation, validation=(evolve(evaluation.validation[0], **changes),))


@pytest.mark.parametrize("fault", SPOILT)
def test_a_spoilt_learner_is_told_what_is_wrong(lines: Any, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    methods, told = SPOILT[fault]
    for name, spoilt in methods.items():
        part = lines.LineEvaluator if name == "evaluate" else lines.LineLearner
        sound = getattr(part, name)

        def method(self: Any, *arguments: Any, _spoilt: Any = spoilt, _sound: Any = sound) -> Any:
            return _spoilt(self, lambda *inner: _sound(self, *(inner or arguments)), *arguments)

        monkeypatch.setattr(part, name, method)
    with pytest.raises(AssertionError, match="^check_bucket: First: .*" + re.escape(told)) as caught:
        check_bucket(lines.first)
    assert "\n" not in str(caught.value)


def test_a_bucket_that_breaks_the_contract_is_told_in_the_registrys_words(lines: Any) -> None:
    with pytest.raises(AssertionError, match=r"^check_bucket: First: `horizons` must be a tuple of positive whole"):
        check_bucket(lines.LineBucket("First", horizons=(6, 1)))


def test_a_learner_without_a_method(lines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(lines.LineLearner, "keep_best")
    with pytest.raises(AssertionError, match=r"its learner, a LineLearner, needs the method keep_best\(\)"):
        check_bucket(lines.first)


@pytest.mark.parametrize(
    ("spans", "told"),
    [
        (["EPISODES"], 'tunable() must return texts like {"LEARNING_RATE": "1e-4..1e-2:log"}; got'),
        ({}, "tunable() must return texts"),
        ({"EPISODES": 3}, "tunable() must return texts"),
        ({"NO_SUCH": "1..2"}, "tunable(): NO_SUCH is no known setting"),
        ({"SEED": "1..2"}, "tunable(): SEED has one value for all buckets"),
        ({"EPISODES": "2"}, "tunable(): EPISODES: expected low..high, low..high:log or a|b|c"),
        ({"EPISODES": "9..2"}, "tunable(): EPISODES: expected low..high"),
        ({"EPISODES": "0..9"}, "tunable(): EPISODES: expected low..high"),
        ({"EPISODES": "few|2"}, "tunable(): EPISODES: expected low..high"),
    ],
)
def test_what_a_bucket_says_may_vary_is_examined(lines: Any, spans: object, told: str) -> None:
    class Tunable(lines.LineBucket):  # type: ignore[misc, name-defined]
        def tunable(self) -> object:
            return spans

    with pytest.raises(AssertionError, match="^check_bucket: First: " + re.escape(told)):
        check_bucket(Tunable("First"))


def test_a_bucket_that_says_what_may_vary_passes(lines: Any) -> None:
    class Tunable(lines.LineBucket):  # type: ignore[misc, name-defined]
        def tunable(self) -> dict[str, str]:
            return {"EPISODES": "2..10:log", "TRANSFER_COOLDOWN": "1|5"}

    check_bucket(Tunable("First"))


class Sound:
    """Gives the teacher's weights that fit."""

    @hookimpl
    def transfer(self, source: Knowledge, target: Knowledge) -> Knowledge | None:
        weights = {
            name: source.weights[name].clone()
            for name, tensor in target.weights.items()
            if name in source.weights and source.weights[name].shape == tensor.shape
        }
        return evolve(target, weights=weights) if weights else None


def test_a_sound_strategy_passes() -> None:
    check_transfer(Sound())


class WritesIntoTheTarget:
    @hookimpl
    def transfer(self, source: Knowledge, target: Knowledge) -> Knowledge:
        for tensor in target.weights.values():
            tensor.add_(1)
        return target


class ChangesTheOrigin:
    @hookimpl
    def transfer(self, source: Knowledge, target: Knowledge) -> Knowledge:
        return source


class Dithers:
    @hookimpl
    def transfer(self, target: Knowledge) -> Knowledge:
        return evolve(target, weights={name: torch.rand(2) for name in target.weights})


class DividesByNothing:
    @hookimpl
    def transfer(self, source: Knowledge, target: Knowledge) -> Knowledge:
        return evolve(target, weights={name: tensor * float("nan") for name, tensor in target.weights.items()})


class LeavesSharesOver:
    phases = ("periodic",)

    @hookimpl
    def transfer(self, source: Knowledge, target: Knowledge) -> Knowledge:
        return evolve(target, feature_importance={"range": 0.5})


class GivesANumber:
    @hookimpl
    def transfer(self) -> int:
        return 3


class NeedsHalfAByte(Sound):
    def memory_needed(self, source: Knowledge, target: Knowledge) -> float:
        return 0.5


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        (
            WritesIntoTheTarget(),
            "a twin that was not tried, phase initial, alpha 0: target was changed: build new tensors",
        ),
        (ChangesTheOrigin(), "must keep the target's origin 'Pupil'; got 'Teacher'"),
        (Dithers(), "the same question got two answers: draw no randomness, keep no state"),
        (DividesByNothing(), "the weight 'extractor.weight' has values that are not finite"),
        (LeavesSharesOver(), "phase periodic, alpha 0: feature_importance must sum to 1; got 0.5"),
        (GivesANumber(), "must return Knowledge, Skip or None; got a int: 3"),
        (NeedsHalfAByte(), "must return bytes, a whole number from 0; got 0.5"),
        (object(), "a object implements no hook"),
    ],
)
def test_a_spoilt_strategy_is_told_what_is_wrong(strategy: object, told: str) -> None:
    with pytest.raises(AssertionError, match=f"^check_transfer: {type(strategy).__qualname__}: .*{re.escape(told)}"):
        check_transfer(strategy)


def test_a_strategy_is_asked_in_its_own_phases_only() -> None:
    asked: set[str] = set()

    class Backward(Sound):
        phases = ("reverse",)

        @hookimpl
        def transfer(self, source: Knowledge, target: Knowledge, context: TransferContext) -> None:
            asked.add(context.phase)

    check_transfer(Backward())
    assert asked == {"reverse"}


class SoundPolicy:
    @hookimpl
    def on_bucket_start(self, resources: Resources) -> Resources:
        return evolve(resources, batch_size=max(1, resources.batch_size // 2), memory_limit=1 << 30)

    @hookimpl
    def cleanup(self, bucket: BucketInfo, error: BaseException | None) -> None:
        assert bucket.name


def test_a_sound_policy_passes() -> None:
    check_plugin(SoundPolicy())


class Grows:
    @hookimpl
    def on_bucket_start(self, resources: Resources) -> Resources:
        return evolve(resources, batch_size=2 * resources.batch_size)


class Unlimits:
    @hookimpl
    def on_bucket_start(self, resources: Resources) -> Resources:
        return evolve(resources, memory_limit=None)


class StopsWithoutAWord:
    @hookimpl
    def on_episode_end(self) -> StopRequest:
        return StopRequest(reason=" ")


class StopsWithTrue:
    @hookimpl
    def on_episode_end(self) -> bool:
        return True


class CleansWithAnAnswer:
    @hookimpl
    def cleanup(self) -> str:
        return "done"


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        (Grows(), "may shrink batch_size, down to 1, and never enlarge it; it made 64 of 32"),
        (Unlimits(), "may lower memory_limit and never lift it: another policy set it; it made None of"),
        (StopsWithoutAWord(), "answered with a StopRequest for ' ', expected words that say why"),
        (StopsWithTrue(), "on_episode_end for bucket 'First' must return StopRequest or None; got a bool: True"),
        (CleansWithAnAnswer(), "cleanup for bucket 'First' must return None; got a str: 'done'"),
    ],
)
def test_a_spoilt_plugin_is_told_what_is_wrong(plugin: object, told: str) -> None:
    with pytest.raises(AssertionError, match=f"^check_plugin: {type(plugin).__qualname__}: .*{re.escape(told)}"):
        check_plugin(plugin)


def test_a_plugin_that_cleans_up_only_once() -> None:
    class Once:
        def __init__(self) -> None:
            self.held: dict[str, int] = {}

        @hookimpl
        def on_bucket_start(self, bucket: BucketInfo) -> None:
            self.held[bucket.name] = 1

        @hookimpl
        def cleanup(self, bucket: BucketInfo) -> None:
            del self.held[bucket.name]

    with pytest.raises(AssertionError, match="cleanup for bucket 'First' failed: KeyError: 'First'"):
        check_plugin(Once())
