"""Which of the settings that varied mattered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from progressive_studies.search.space import Span
from progressive_studies.search.tried import Trial
from progressive_studies.search.with_optuna import distributions_of, params_of, quiet_optuna

FEWEST = 6
"""Trials by which it can be told."""
BEST = 0.25
"""The share of trials whose values are held against those of all."""


def importance_of(space: Mapping[str, Span], tried: Sequence[Trial]) -> dict[str, float]:
    """The share of each setting in what sets the best quarter of the trials apart, the largest first; they add up to 1.

    By PED-ANOVA (Watanabe et al. 2023, IJCAI, arXiv 2304.10255): how far the values of the best lie from those of all. Trials that were
    given up count with what they had reached.

    :return: empty where it cannot say: fewer than six trials lie in the space, or the best are no better than the others.
    :raise ConfigError: Optuna is missing.
    """
    params = [(params_of(space, trial.values), trial.score) for trial in tried if math.isfinite(trial.score)]
    inside = [(each, score) for each, score in params if len(each) == len(space)]
    scores = sorted((score for _, score in inside), reverse=True)
    if len(scores) < FEWEST or scores[math.ceil(BEST * len(scores)) - 1] == scores[-1]:
        return {}
    with quiet_optuna():
        from optuna import create_study
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
        from optuna.trial import create_trial

        study = create_study(direction="maximize")
        distributions = distributions_of(space)
        for each, score in inside:
            study.add_trial(create_trial(value=score, params=each, distributions=distributions))
        shares = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=BEST))
    return dict(sorted(shares.items(), key=lambda each: (-each[1], each[0])))
