"""The check for buckets and their learners."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve

from progressive_app.discovery.examination import check_bucket_object
from progressive_app.store.tensors import read_tensors, write_tensors
from progressive_app.testing.check_choice import check_keep_best
from progressive_app.testing.check_evaluation import check_evaluation
from progressive_app.testing.check_tunable import check_tunable
from progressive_app.testing.scene import (
    bucket_info,
    contract_as_assertion,
    copied_tensors,
    finished_before,
    require,
    require_knowledge,
    same_tensors,
    small_settings,
)
from progressive_core.contract.protocols import Bucket, DatedLearner, Evaluator, Learner
from progressive_core.contract.records import Adoption, BucketInfo, EpisodeReport, Knowledge, Model, Resources, State

Open = Callable[[], Learner]
_EVALUATOR_METHODS = tuple(name for name in vars(Evaluator) if not name.startswith("_"))
_METHODS = tuple(name for name, value in vars(Learner).items() if callable(value) and not name.startswith("_"))


def check_bucket(bucket: object, settings: Mapping[str, Any] | None = None, before: Sequence[Bucket] = ()) -> None:
    """Train a bucket for a few tiny episodes on a small synthetic market, and hold it to what the core relies on.

    :param settings: changes to the small settings of this check, such as DATA, or more SYNTHETIC_BARS for horizons
        beyond some 600 bars.
    :param before: buckets that are to be finished before it, briefly trained: those that a bucket builds on which trains nothing.
    :raise AssertionError: saying what is wrong, in words for the bucket's author.
    """
    owner = f"check_bucket: {getattr(bucket, 'name', None) or type(bucket).__qualname__}"
    with contract_as_assertion():
        checked = check_bucket_object(bucket, owner)
    check_tunable(owner, checked)
    chosen = small_settings(settings)
    with TemporaryDirectory() as directory:
        info = bucket_info(checked.name, checked.horizons, Path(directory), chosen)
        resources = Resources(
            device=chosen["DEVICE"], parallel_episodes=chosen["PARALLEL_EPISODES"], batch_size=chosen["BATCH_SIZE"]
        )
        sequence = (*(each.name for each in before), checked.name)
        info = evolve(info, sequence=sequence, results=finished_before(before, info, resources))
        _check_memory_needed(owner, checked, info, resources)
        answer: object = checked.check(info, resources)  # type: ignore[func-returns-value]  # a stranger's may return
        require(answer is None, f"{owner}: check must return None, and raise DataError for bars that cannot be used")
        opened: list[Learner] = []

        def open_learner() -> Learner:
            learner = checked.open(info, resources)
            for method in _METHODS:
                require(
                    callable(getattr(learner, method, None)),
                    f"{owner}: its learner, a {type(learner).__qualname__}, needs the method {method}()",
                )
            for method in _EVALUATOR_METHODS:
                require(
                    callable(getattr(getattr(learner, "evaluator", None), method, None)),
                    f"{owner}: its learner, a {type(learner).__qualname__}, needs an evaluator with the method {method}(), "
                    "such as a MarketEvaluator",
                )
            opened.append(learner)
            return learner

        try:
            learner = open_learner()
            _check_validate(owner, learner)
            _check_validate_after(owner, learner)
            _check_knowledge(owner, learner, info)
            best_score = _check_resume(owner, learner, open_learner)
            _check_adopt(owner, learner)
            check_evaluation(owner, learner)
            check_keep_best(owner, checked.name, learner, best_score)
            _check_model(owner, learner, open_learner, Path(directory))
            _check_load_model(owner, checked, learner, Path(directory))
        finally:
            for each in opened:
                each.close()


def _check_memory_needed(owner: str, bucket: Bucket, info: BucketInfo, resources: Resources) -> None:
    small = bucket.memory_needed(info, resources)
    twice = evolve(resources, parallel_episodes=2 * resources.parallel_episodes, batch_size=2 * resources.batch_size)
    large = bucket.memory_needed(info, twice)
    require(
        isinstance(small, int) and isinstance(large, int) and 0 <= small <= large,
        f"{owner}: memory_needed must be bytes, a whole number that does not fall as sizes grow; got {small!r} "
        f"at {resources.parallel_episodes} episodes and {large!r} at {twice.parallel_episodes}",
    )


def _check_validate(owner: str, learner: Learner) -> None:
    first, second = learner.validate(), learner.validate()
    require(
        isinstance(first, float) and math.isfinite(first),
        f"{owner}: validate() must return a finite float, higher is better; got {first!r}",
    )
    require(first == second, f"{owner}: validate() must change nothing; asked twice it gave {first!r} and {second!r}")
    blocks = learner.validation_blocks()
    require(
        isinstance(blocks, tuple) and all(isinstance(value, float) and math.isfinite(value) for value in blocks),
        f"{owner}: validation_blocks() must return the sums of validate() over blocks, a tuple of finite floats, or an empty "
        f"one where its error is not known; got {blocks!r}",
    )
    require(
        learner.validate() == first,
        f"{owner}: validation_blocks() must change nothing; validate() says so",
    )


def _check_validate_after(owner: str, learner: Learner) -> None:
    """Ask a learner that knows the dates of its data for its score on all, and on none, of them."""
    if not isinstance(learner, DatedLearner):
        return
    before = learner.validate()
    whole, none = learner.validate_after("1900-01-01T00:00:00Z"), learner.validate_after("2200-01-01T00:00:00Z")
    where = f"{owner}: validate_after(moment)"
    require(
        whole == (before, learner.validation_blocks()),
        f"{where} of a moment before all data must be validate() and validation_blocks(), as a pair; got {whole!r}",
    )
    require(none is None, f"{where} of a moment after all data must be None; got {none!r}")
    require(learner.validate() == before, f"{where} must change nothing; validate() says so")


def _check_knowledge(owner: str, learner: Learner, info: BucketInfo) -> None:
    where = f"{owner}: knowledge()"
    knowledge = require_knowledge(learner.knowledge(), info.name, where)
    strange = [horizon for horizon in knowledge.horizons if horizon not in info.horizons]
    require(
        not strange, f"{where}: horizons must be among the bucket's own {info.horizons} (BucketInfo); got {strange}"
    )
    before = learner.validate()
    for tensor in knowledge.weights.values():
        tensor.zero_()
    require(
        learner.validate() == before, f"{where}: the tensors must be copies: zeroing them changed what validate() says"
    )


def _check_resume(owner: str, learner: Learner, open_learner: Open) -> float:
    """Two episodes; then the second once more, from a snapshot, in the same learner and in a new one.

    :return: the best score of the two.
    """
    import torch

    first = _episode(owner, learner, 1)
    state = learner.snapshot()
    require(isinstance(state, State), f"{owner}: snapshot() must return a State; got a {type(state).__qualname__}")
    kept = copied_tensors(state.tensors)
    values = _as_json(owner, "snapshot().values", state.values)
    second = _episode(owner, learner, 2, first)
    future = learner.knowledge()
    require(
        same_tensors(kept, state.tensors) and _as_json(owner, "snapshot().values", state.values) == values,
        f"{owner}: a snapshot must be a copy: training on changed it",
    )
    saved = State(tensors=kept, values=json.loads(values))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12345)
        for place, again in (("the same learner", learner), ("a new learner", open_learner())):
            again.restore(saved)
            again.validate()
            repeated = _episode(owner, again, 2, first)
            where = f"{owner}: restore(snapshot()) in {place}, then run_episode()"
            for name in ("score", "loss", "exploration", "transitions", "trades", "best_score", "best_episode"):
                once, twice = getattr(second, name), getattr(repeated, name)
                require(
                    once == twice,
                    f"{where}, must repeat the episode to the bit; {name} was {once!r} and now is {twice!r}. Save all "
                    "that training reads (replay, optimiser, generators), draw from BucketInfo.seed only, and draw "
                    "nothing in validate()",
                )
            require(
                same_tensors(again.knowledge().weights, future.weights),
                f"{where}, must repeat the episode to the bit; the weights differ",
            )
    return second.best_score


def _episode(owner: str, learner: Learner, number: int, before: EpisodeReport | None = None) -> EpisodeReport:
    report = learner.run_episode()
    where = f"{owner}: run_episode() number {number}"
    require(isinstance(report, EpisodeReport), f"{where} must return an EpisodeReport; got {report!r}")
    require(report.episode == number, f"{where} reports episode {report.episode}: episodes count from 1")
    for name in ("score", "best_score", "loss", "exploration"):
        value = getattr(report, name)
        require(math.isfinite(value), f"{where}: {name} must be finite; got {value!r}")
    require(0 <= report.exploration <= 1, f"{where}: exploration is a share, 0 to 1; got {report.exploration!r}")
    require(bool(report.exploration_cause), f"{where}: exploration_cause must say why the rate is what it is")
    require(
        report.best_score >= report.score and 0 <= report.best_episode <= number,
        f"{where}: best_score {report.best_score!r} of episode {report.best_episode} does not fit score "
        f"{report.score!r}: the best is the highest so far",
    )
    require(
        before is None or report.best_score >= before.best_score or report.best_episode == number,
        f"{where}: best_score fell to {report.best_score!r}, and the kept model is not of this episode",
    )
    require(report.transitions > 0, f"{where}: transitions counts the bars visited; got {report.transitions!r}")
    _as_json(owner, "the report's traces", report.traces)
    score = learner.validate()
    require(
        math.isclose(score, report.score, rel_tol=1e-6, abs_tol=1e-9),
        f"{where}: score is the validation score after the episode, but it says {report.score!r} and validate() {score!r}",
    )
    return report


def _check_adopt(owner: str, learner: Learner) -> None:
    import torch

    before, own = learner.validate(), learner.knowledge()
    adoption = learner.adopt(own)
    where = f"{owner}: adopt(knowledge())"
    require(isinstance(adoption, Adoption), f"{where} must return an Adoption; got {adoption!r}")
    require(
        set(adoption.copied) == set(own.weights) and not adoption.dropped,
        f"{where} must copy every weight that it offered itself; dropped {adoption.dropped}, "
        f"missing {sorted(set(own.weights) - set(adoption.copied))}",
    )
    require(
        learner.validate() == before,
        f"{where} must change nothing; validate() gave {before!r} before and {learner.validate()!r} after",
    )
    foreign = Knowledge(
        origin="Teacher",
        weights={"no such weight": torch.zeros(3), **{name: torch.zeros(7, 7, 7) for name in own.weights}},
    )
    adoption = learner.adopt(foreign)
    require(
        not adoption.copied and set(adoption.dropped) == set(foreign.weights),
        f"{owner}: adopt() of weights of other names and shapes must drop them all; copied {adoption.copied}, "
        f"dropped {adoption.dropped}",
    )
    require(learner.validate() == before, f"{owner}: adopt() of weights that do not fit must change nothing")


def _check_model(owner: str, learner: Learner, open_learner: Open, directory: Path) -> None:
    """Save the model as the run store does, and load it into a learner that knows nothing."""
    score, model = learner.validate(), learner.model()
    where = f"{owner}: model()"
    require(isinstance(model, Model), f"{where} must return a Model; got a {type(model).__qualname__}")
    _as_json(owner, "model().card", model.card)
    weights = learner.knowledge().weights
    shared = {name: tensor for name, tensor in model.tensors.items() if name in weights}
    require(
        same_tensors(shared, {name: weights[name].cpu() for name in shared}),
        f"{where}: a tensor of the name of a weight in knowledge() must be that weight: both are kept in one file",
    )
    write_tensors(directory / "model.safetensors", {**weights, **model.tensors}, model.card)
    tensors, card = read_tensors(directory / "model.safetensors")
    fresh = open_learner()
    fresh.load(Model(tensors=tensors, card=card))
    require(
        fresh.validate() == score,
        f"{owner}: load(model()) in a new learner must give the same validate(); got {fresh.validate()!r}, not {score!r}",
    )


def _check_load_model(owner: str, bucket: Bucket, learner: Learner, directory: Path) -> None:
    """Load the saved model outside a run, where the bucket says how."""
    load_model = getattr(bucket, "load_model", None)
    if load_model is None:
        return
    model, weights = learner.model(), learner.knowledge().weights
    write_tensors(directory / "model.safetensors", {**weights, **model.tensors}, {**model.card, "bucket": bucket.name})
    loaded = load_model(directory)
    require(
        callable(loaded) and callable(getattr(loaded, "performance", None)),
        f"{owner}: load_model(path) must return what is called with a DataFrame of bars and has performance(bars); got a "
        f"{type(loaded).__qualname__}",
    )


def _as_json(owner: str, what: str, value: object) -> str:
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise AssertionError(
            f"{owner}: {what} must be JSON values, because it is written to a file: {error}"
        ) from error
