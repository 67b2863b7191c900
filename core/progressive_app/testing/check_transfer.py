"""The check for transfer strategies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve

from progressive_app.testing.scene import (
    bucket_info,
    contract_as_assertion,
    copied_tensors,
    require,
    require_knowledge,
    same_tensors,
    small_settings,
)
from progressive_core.contract.records import Knowledge, Phase, Proof, TransferContext
from progressive_core.plugins.hooks import outline
from progressive_core.plugins.validation import PHASES, check_transfer_object, new_manager


def check_transfer(strategy: object, settings: Mapping[str, Any] | None = None) -> None:
    """Ask a strategy (an instance or a module) in each of its phases, between buckets that match well, badly and not, with
    sources that proved themselves, that failed to, and that could not be tried.

    It must be a pure function: its arguments stay as they were, and the same question gets the same answer. The
    answer is None, or finite knowledge of the target's origin.

    :param settings: changes to the defaults.
    :raise AssertionError: saying what is wrong, in words for the strategy's author.
    """
    owner = f"check_transfer: {getattr(strategy, '__name__', type(strategy).__qualname__)}"
    with contract_as_assertion():
        check_transfer_object(strategy, owner)
    manager = new_manager()
    manager.register(strategy)
    needed = getattr(strategy, "memory_needed", None)
    with TemporaryDirectory() as directory:
        for phase in getattr(strategy, "phases", PHASES):
            for alpha in (0.0, 0.5, 1.0):
                mixing = {"WEIGHT_TRANSFER_ALPHA": alpha, "FEATURE_TRANSFER_ALPHA": alpha}
                bucket = bucket_info("Pupil", (6, 24), Path(directory), small_settings({**mixing, **(settings or {})}))
                context = TransferContext(phase=phase, episode=0 if phase == "initial" else 1, bucket=bucket)
                for case, (source, target) in _pairs().items():
                    for shown, proof in _proofs(phase).items():
                        where = f"{owner}: {case} {shown}, phase {phase}, alpha {alpha:g}"
                        _check_answer(manager.hook, where, source, target, evolve(context, proof=proof))
                    if needed is not None:
                        estimate = needed(outline(source), outline(target))
                        require(
                            isinstance(estimate, int) and estimate >= 0,
                            f"{owner}: {case}: memory_needed must return bytes, a whole number from 0; got {estimate!r}",
                        )


def _check_answer(hook: Any, where: str, source: Knowledge, target: Knowledge, context: TransferContext) -> None:
    before = [_frozen_copy(source), _frozen_copy(target)]
    answers = [_ask(hook, source, target, context) for _ in range(2)]
    for name, was, now in (("source", before[0], source), ("target", before[1], target)):
        require(
            _same(was, now), f"{where}: {name} was changed: build new tensors and answer with attrs.evolve(target, ...)"
        )
    first, second = answers
    if first is None or second is None:
        require(first is second, f"{where}: the same question got None once and knowledge once")
        return
    knowledge = require_knowledge(first, target.origin, where)
    again = require_knowledge(second, target.origin, where)
    require(_same(knowledge, again), f"{where}: the same question got two answers: draw no randomness, keep no state")


def _ask(hook: Any, source: Knowledge, target: Knowledge, context: TransferContext) -> object:
    answers = hook.transfer(source=source, target=target, context=context)
    return answers[0] if answers else None


def _proofs(phase: Phase) -> dict[str, Proof | None]:
    """What the core may have seen of the teacher, by how a message says it; backward nobody is tried."""
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
        )

    pupil = taught("Pupil", 4, ("range", "volume"), (6, 24))
    return {
        "a twin": (taught("Teacher", 4, ("range", "volume"), (6, 24)), pupil),
        "a teacher with other shapes, features and horizons": (taught("Teacher", 5, ("spread",), (1, 2)), pupil),
        "a teacher that overlaps in part": (taught("Teacher", 4, ("volume", "spread"), (1, 24, 72)), pupil),
        "a teacher that knows nothing": (Knowledge(origin="Teacher"), pupil),
        "a pupil that knows nothing": (taught("Teacher", 4, ("range",), (6,)), Knowledge(origin="Pupil")),
    }


def _frozen_copy(knowledge: Knowledge) -> Knowledge:
    return evolve(
        knowledge,
        weights=copied_tensors(knowledge.weights),
        feature_importance=dict(knowledge.feature_importance),
        horizons=dict(knowledge.horizons),
    )


def _same(first: Knowledge, second: Knowledge) -> bool:
    return (
        first.origin == second.origin
        and same_tensors(first.weights, second.weights)
        and dict(first.feature_importance) == dict(second.feature_importance)
        and dict(first.horizons) == dict(second.horizons)
    )
