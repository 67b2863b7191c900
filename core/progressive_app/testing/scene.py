"""The small setting in which the checks run, and how they say what is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import evolve

from progressive_app.config.resolve import defaults
from progressive_app.store.tensors import write_tensors
from progressive_core.contract.errors import PluginError
from progressive_core.contract.evaluation import Evaluation, Performance
from progressive_core.contract.protocols import Bucket
from progressive_core.contract.records import BucketInfo, BucketResult, EpisodeReport, Knowledge, Resources

SMALL: Mapping[str, Any] = MappingProxyType(
    {
        "DEVICE": "cpu",
        "SYNTHETIC_BARS": 12_000,
        "EPISODES": 2,
        "TRANSFER_COOLDOWN": 1,
        "PARALLEL_EPISODES": 4,
        "EPISODE_BARS": 32,
        "BATCH_SIZE": 32,
        "UPDATES_PER_EPISODE": 2,
        "REPLAY_CAPACITY": 2000,
    }
)


def small_settings(changes: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The defaults, made small enough for a check of seconds, with `changes` over them."""
    return MappingProxyType({**defaults(), **SMALL, **(changes or {})})


def require(met: bool, message: str) -> None:
    """Fail with `message`; unlike an assert statement it also does so under `python -O`."""
    if not met:
        raise AssertionError(message)


@contextmanager
def contract_as_assertion(check: str = "") -> Iterator[None]:
    """What the registry refuses or a plugin fails in fails the check with the same message, after the name of the `check`."""
    try:
        yield
    except PluginError as error:
        raise AssertionError(f"{check}: {error}" if check else str(error)) from error


def require_knowledge(knowledge: object, origin: str, where: str) -> Knowledge:
    """Knowledge of finite numbers: shares that sum to 1, skills from -1 to 1 at whole horizons.

    :raise AssertionError: naming the rule that it breaks.
    """
    require(isinstance(knowledge, Knowledge), f"{where}: expected Knowledge, got {type(knowledge).__qualname__}")
    assert isinstance(knowledge, Knowledge)
    require(
        knowledge.origin == origin,
        f"{where}: its origin must be {origin!r}, the bucket whose knowledge it is; got {knowledge.origin!r}",
    )
    require(
        isinstance(knowledge.distrust, str),
        f"{where}: distrust must say in words why nobody may learn from this, or be empty; got {knowledge.distrust!r}",
    )
    require(
        isinstance(knowledge.t, float) and not math.isinf(knowledge.t),
        f"{where}: t must be a number, that of validation bars that did not choose the model, or NaN where it is not known; "
        f"got {knowledge.t!r}",
    )
    for name, tensor in knowledge.weights.items():
        require(bool(tensor.isfinite().all()), f"{where}: the weight {name!r} has values that are not finite")
    shares = knowledge.feature_importance
    require(
        all(math.isfinite(share) and share >= 0 for share in shares.values()),
        f"{where}: feature_importance must be shares from 0; got {dict(shares)}",
    )
    require(
        not shares or math.isclose(sum(shares.values()), 1, abs_tol=1e-4),
        f"{where}: feature_importance must sum to 1; got {sum(shares.values())}",
    )
    for horizon, skill in knowledge.horizons.items():
        require(
            isinstance(horizon, int) and horizon > 0 and math.isfinite(skill) and abs(skill) <= 1 + 1e-6,
            f"{where}: horizons must map bars (whole, positive) to a skill from -1 to 1; got {horizon!r}: {skill!r}",
        )
    return knowledge


def same_tensors(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether both hold the same names, types, shapes and bits."""
    import torch

    return first.keys() == second.keys() and all(
        tensor.dtype == second[name].dtype and tensor.shape == second[name].shape and torch.equal(tensor, second[name])
        for name, tensor in first.items()
    )


def copied_tensors(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Clones, to compare with later."""
    return {name: tensor.clone() for name, tensor in tensors.items()}


def bucket_info(name: str, horizons: tuple[int, ...], run_dir: Path, settings: Mapping[str, Any]) -> BucketInfo:
    """The bucket as the only one of its sequence."""
    return BucketInfo(
        name=name, horizons=horizons, sequence=(name,), episodes=2, seed=7, run_dir=run_dir, settings=settings
    )


def finished_before(before: Sequence[Bucket], info: BucketInfo, resources: Resources) -> tuple[BucketResult, ...]:
    """The results of buckets `before` that of `info`, each trained for one episode, its model saved as a run saves it."""
    results = []
    for bucket in before:
        own = evolve(info, name=bucket.name, horizons=bucket.horizons)
        with closing(bucket.open(own, resources)) as learner:
            learner.run_episode()
            model, weights = learner.model(), learner.knowledge().weights
        result = bucket_result(bucket.name, info.run_dir)
        result.model_path.parent.mkdir(parents=True)
        card = {**model.card, "bucket": bucket.name, "version": 1}
        write_tensors(result.model_path, {**weights, **model.tensors}, card)
        results.append(result)
    return tuple(results)


def episode_report(episode: int) -> EpisodeReport:
    """The report of an episode in which little happened; the second is the best."""
    return EpisodeReport(
        episode=episode,
        score=0.01 if episode == 2 else -0.02,
        best_score=0.01 if episode > 1 else -0.02,
        best_episode=min(episode, 2),
        loss=0.5,
        exploration=0.2,
        exploration_cause="start",
        transitions=128,
        trades=3,
        seconds=0.1,
        memory_used=100_000_000,
    )


def bucket_result(name: str, run_dir: Path) -> BucketResult:
    """A finished bucket that showed no edge."""
    row = Performance(
        strategy="model",
        log_return=0.01,
        sharpe=0.1,
        drawdown=0.05,
        turnover=6.0,
        trades=3,
        long=0.3,
        flat=0.5,
        short=0.2,
        t=0.4,
    )
    return BucketResult(
        bucket=name,
        episodes=3,
        stopped="all episodes trained",
        best_score=0.01,
        best_episode=2,
        seconds=0.3,
        model_path=run_dir / "models" / name / "model.safetensors",
        evaluation=Evaluation(validation=(row,), test=(row,), verdict="no edge shown"),
    )
