"""Trainings of the honesty table: a bucket as a run trains it, alone or taught, and the figures that its judgement leaves.

Only names that earlier versions of the program have as well are used here, so that the same trainings can be run with one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from learnability import train
from transfer_markets import Ground
from transfer_training import DEFAULT, FIXED, Pupil, hooks_of, offered, pupil_on

from progressive_app.config.resolve import defaults
from progressive_core.contract.records import LedgerEntry
from progressive_core.plugins.hooks import Hooks
from progressive_market.bars import Bars
from progressive_training import Knowledge, Performance

Row = dict[str, Any]
"""What a results file holds of one training: JSON values by name."""
QUICK = {"EPISODES": 2, "UPDATES_PER_EPISODE": 2, "EPISODE_BARS": 32, "BATCH_SIZE": 64, "PARALLEL_EPISODES": 8}


def ground_on(bars: Bars, fee: float, quick: bool) -> Ground:
    """The default settings on these bars, with this fee and no slippage."""
    settings = {**defaults(), **(QUICK if quick else {}), "FEE": fee, "SLIPPAGE": 0.0}
    return Ground(bars, settings, settings["EPISODES"])


def alone(ground: Ground, bucket: str, seed: int) -> Row:
    """Train one bucket from scratch, and judge it."""
    pupil = pupil_on(ground, bucket, seed)
    train(pupil.learner)
    return judged(pupil, "scratch")


def chain(ground: Ground, seed: int) -> list[Row]:
    """Train the four buckets as a run does, each taught by those before it; then all but the first from scratch."""
    hooks = hooks_of(DEFAULT)
    pupils = {name: pupil_on(ground, name, seed) for name in FIXED}
    rows: dict[str, Row] = {}
    models, known = {}, dict[str, Knowledge]()
    for name, pupil in pupils.items():
        curve, entries = taught(pupil, hooks, list(known.values()))
        rows[name] = judged(pupil, "taught") | {"curve": curve, "kept": kept(entries)}
        known[name], models[name] = pupil.learner.knowledge(), pupil.learner.model()
        for earlier in list(known)[:-1]:
            finished = pupils[earlier]
            finished.learner.restore(finished.fresh)
            finished.learner.load(models[earlier])
            back = kept(offered(hooks, finished.learner, known[name], "reverse", finished.learner.info))
            if back:
                known[earlier], models[earlier] = finished.learner.knowledge(), finished.learner.model()
                rows[earlier] |= judged(finished, "taught") | {"kept": rows[earlier]["kept"] + back}
    scratch = []
    for name in FIXED[1:]:
        pupils[name].learner.restore(pupils[name].fresh)
        curve, _ = taught(pupils[name])
        scratch.append(judged(pupils[name], "scratch") | {"curve": curve})
    return [*rows.values(), *scratch]


def taught(
    pupil: Pupil, hooks: Hooks | None = None, sources: Sequence[Knowledge] = ()
) -> tuple[list[float], list[LedgerEntry]]:
    """Train until none of the last PATIENCE episodes was better, offered the `sources` when a run does so.

    :return: the best validation score so far, before training and after each episode; and the ledger entries.
    """
    learner, entries, curve = pupil.learner, list[LedgerEntry](), list[float]()
    settings = learner.info.settings
    for episode in range(learner.info.episodes):
        if hooks and episode % settings["TRANSFER_COOLDOWN"] == 0:
            for source in sources:
                entries += offered(hooks, learner, source, "periodic" if episode else "initial", learner.info)
        if episode == 0:
            curve.append(learner.validate())
        report = learner.run_episode()
        curve.append(max(curve[0], report.best_score))
        if report.episode - report.best_episode >= settings["PATIENCE"]:
            break
    learner.keep_best()
    return curve, entries


def kept(entries: Sequence[LedgerEntry]) -> list[str]:
    """The transfers that were kept, as `phase strategy`."""
    return [f"{entry.phase} {entry.strategy}" for entry in entries if entry.verdict == "kept"]


def judged(pupil: Pupil, arm: str) -> Row:
    """The figures of a finished bucket: what the strategy did, whether or not it is to trade."""
    learner = pupil.learner
    evaluation = learner.evaluator.evaluate(learner.policy())
    validation, test = acted(evaluation.validation), acted(evaluation.test)
    validation_t = float(getattr(evaluation, "validation_t", evaluation.t))
    test_t = float(getattr(evaluation, "test_t", test.t))
    bars = [part.stop - part.start for part in (learner.split.validation, learner.split.test)]
    ridge = next(row for row in evaluation.test if row.strategy.startswith("ridge"))
    return {
        "arm": arm,
        "bucket": learner.info.name,
        "edge": str(evaluation.edge),
        "verdict": evaluation.verdict,
        "validation_t": validation_t,
        "test_t": test_t,
        "pooled_t": pooled(validation_t, test_t, *bars),
        "degenerate": bool(learner.evaluator.degeneration(learner.policy())),
        "validation": validation.log_return,
        "test": test.log_return,
        "trades": test.trades,
        "ridge": ridge.log_return,
        "ridge_t": ridge.t,
    }


def acted(rows: Sequence[Performance]) -> Performance:
    """The row of what the strategy did; earlier versions have a second one where the model stays flat."""
    return next((row for row in rows if str(row.kind) == "untraded"), rows[0])


def pooled(validation_t: float, test_t: float, validation_bars: int, test_bars: int) -> float:
    """t of both parts together."""
    total = validation_t * math.sqrt(validation_bars) + test_t * math.sqrt(test_bars)
    return total / math.sqrt(validation_bars + test_bars)
