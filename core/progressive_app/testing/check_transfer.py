"""The check for transfer strategies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve

from progressive_app.discovery.examination import check_transfer_object
from progressive_app.discovery.installed_plugins import installed_registry
from progressive_app.testing.scene import (
    bucket_info,
    contract_as_assertion,
    require,
    require_knowledge,
    same_tensors,
    small_settings,
)
from progressive_core.contract.names import object_name
from progressive_core.contract.records import Knowledge, Phase, Proof, Skip, TransferContext
from progressive_core.plugins.hooks import Hooks
from progressive_core.plugins.manager import Manager


def check_transfer(strategy: object, settings: Mapping[str, Any] | None = None) -> None:
    """Ask a strategy (an instance or a module) in each of its phases, between buckets that match well, badly and not, with
    sources that proved themselves, that failed to, and that could not be tried.

    It must be a pure function: its arguments stay as they were, and the same question gets the same answer. The
    answer is finite knowledge of the target's origin, a Skip with a reason, or None.

    :param settings: changes to the defaults.
    :raise AssertionError: saying what is wrong, in words for the strategy's author.
    """
    owner = f"check_transfer: {getattr(strategy, '__name__', type(strategy).__qualname__)}"
    with contract_as_assertion():
        check_transfer_object(strategy, owner)
    with TemporaryDirectory() as directory, contract_as_assertion(owner):
        asked = _Asked(object_name(strategy), strategy)
        for phase in asked.hooks.phases(asked.name):
            for alpha in (0.0, 0.5, 1.0):
                mixing = {"WEIGHT_TRANSFER_ALPHA": alpha, "FEATURE_TRANSFER_ALPHA": alpha}
                bucket = bucket_info("Pupil", (6, 24), Path(directory), small_settings({**mixing, **(settings or {})}))
                context = TransferContext(phase=phase, episode=0 if phase == "initial" else 1, bucket=bucket)
                for case, (source, target) in _pairs().items():
                    for shown, proof in _proofs(phase).items():
                        where = f"{owner}: {case} {shown}, phase {phase}, alpha {alpha:g}"
                        _check_answer(asked, where, source, target, evolve(context, proof=proof))
                    asked.hooks.memory_needed(asked.name, bucket, source, target)


class _Asked:
    """A strategy that is asked as in a run; `given` are the copies of source and target that it was given last."""

    def __init__(self, name: str, strategy: object) -> None:
        registry = installed_registry(manager=Manager({name: strategy}), installed=False)
        self.name, self.hooks = name, Hooks(registry)
        self.given: Mapping[str, Any] = {}
        registry.manager.add_hookcall_monitoring(self._note, lambda *_: None)

    def _note(self, hook: str, implementations: object, given: Mapping[str, Any]) -> None:
        self.given = given


def _check_answer(asked: _Asked, where: str, source: Knowledge, target: Knowledge, context: TransferContext) -> None:
    answers = []
    for _ in range(2):
        answers.append(asked.hooks.transfer(asked.name, source, target, context))
        for name, was in (("source", source), ("target", target)):
            require(
                _same(was, asked.given[name]),
                f"{where}: {name} was changed: build new tensors and answer with attrs.evolve(target, ...)",
            )
    first, second = answers
    if isinstance(first, Skip) or isinstance(second, Skip):
        require(first == second, f"{where}: the same question got two answers: {first} and {second}")
        return
    knowledge = require_knowledge(first, target.origin, where)
    again = require_knowledge(second, target.origin, where)
    require(_same(knowledge, again), f"{where}: the same question got two answers: draw no randomness, keep no state")


def _proofs(phase: Phase) -> dict[str, Proof | None]:
    """Proofs of the teacher by the words for them in messages; none in the reverse phase."""
    untried: dict[str, Proof | None] = {"that was not tried": None}
    if phase == "reverse":
        return untried
    return untried | {
        "that proved itself": Proof(before=0.0, after=1.0, error=0.1),
        "that failed": Proof(before=0.5, after=-1.0, error=0.1),
        "whose score is uncertain": Proof(before=0.0, after=0.1, error=math.nan),
        "that broke the pupil": Proof(before=0.0, after=-math.inf, error=math.nan),
    }


def _pairs() -> dict[str, tuple[Knowledge, Knowledge]]:
    """Teacher and pupil, by what is special about them."""
    import torch

    draw = torch.Generator().manual_seed(0)

    def taught(origin: str, width: int, features: tuple[str, ...], horizons: tuple[int, ...]) -> Knowledge:
        return Knowledge(
            origin=origin,
            weights={
                "extractor.weight": torch.randn(width, 3, generator=draw),
                "extractor.bias": torch.randn(width, generator=draw),
                "steps": torch.tensor(width),
            },
            feature_importance={name: 1 / len(features) for name in features},
            horizons={horizon: 0.1 / (1 + place) for place, horizon in enumerate(horizons)},
            t=4.0,
        )

    pupil = taught("Pupil", 4, ("range", "volume"), (6, 24))
    return {
        "a twin": (taught("Teacher", 4, ("range", "volume"), (6, 24)), pupil),
        "a teacher with other shapes, features and horizons": (taught("Teacher", 5, ("spread",), (1, 2)), pupil),
        "a teacher that overlaps in part": (taught("Teacher", 4, ("volume", "spread"), (1, 24, 72)), pupil),
        "a teacher that knows nothing": (Knowledge(origin="Teacher"), pupil),
        "a pupil that knows nothing": (taught("Teacher", 4, ("range",), (6,)), Knowledge(origin="Pupil")),
    }


def _same(first: Knowledge, second: Knowledge) -> bool:
    return (
        first.origin == second.origin
        and same_tensors(first.weights, second.weights)
        and dict(first.feature_importance) == dict(second.feature_importance)
        and dict(first.horizons) == dict(second.horizons)
    )
