"""The check for a learner's policy and its evaluation, a part of `check_bucket`."""

from __future__ import annotations

import math

from progressive_app.testing.scene import require
from progressive_core.contract.evaluation import Edge, Evaluation, Performance, PerformanceKind
from progressive_core.contract.protocols import Learner


def check_evaluation(owner: str, learner: Learner) -> None:
    """Check the policy of a learner, and what its evaluator makes of it.

    :raise AssertionError: a check failed.
    """
    before, policy = learner.validate(), learner.policy()
    evaluation = learner.evaluator.evaluate(policy)
    where = f"{owner}: evaluator.evaluate(policy())"
    require(isinstance(evaluation, Evaluation), f"{where} must return an Evaluation; got {evaluation!r}")
    require(bool(evaluation.verdict), f"{where}: the verdict must say whether an edge was shown")
    require(
        evaluation.edge is Edge.CONFIRMED or evaluation.trades == "nowhere",
        f"{where}: a model trades where an edge is confirmed; got edge {evaluation.edge.value!r} and trades {evaluation.trades!r}",
    )
    for split, rows in (("validation", evaluation.validation), ("test", evaluation.test)):
        require(bool(rows), f"{where}: {split} needs at least the model's own row")
        kinds = [row.kind for row in rows]
        require(
            kinds[0] is PerformanceKind.MODEL and PerformanceKind.MODEL not in kinds[1:],
            f"{where}: {split}: the first row is the model's, of kind PerformanceKind.MODEL, and no other is; got {kinds}",
        )
        for row in rows:
            _check_performance(f"{where}: {split}: {row.strategy}", row)
    require(learner.validate() == before, f"{where} must change nothing; validate() says so")
    score = learner.evaluator.consider(policy)
    learner.run_episode()
    require(
        learner.evaluator.consider(policy) == score,
        f"{owner}: policy() must be what the learner would do at that time: training on changed it. Copy what it reads",
    )


def _check_performance(where: str, row: Performance) -> None:
    for name in ("log_return", "drawdown", "turnover", "t"):
        require(math.isfinite(getattr(row, name)), f"{where}: {name} must be finite; got {getattr(row, name)!r}")
    require(0 <= row.drawdown <= 1, f"{where}: drawdown is a share, 0 to 1; got {row.drawdown!r}")
    require(
        math.isclose(row.long + row.flat + row.short, 1, abs_tol=1e-6),
        f"{where}: long, flat and short are shares of the bars and sum to 1; got {row.long}, {row.flat}, {row.short}",
    )
