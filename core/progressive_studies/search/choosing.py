"""Whether the best trial of a search is adopted: by bars that no trial was judged on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

from attrs import field, frozen

from progressive_studies.search.tried import Trial
from progressive_studies.search.with_optuna import score_of
from progressive_studies.study.paired_statistics import spread_of

NEEDED = 2.0
"""The paired t that a setting has to show: of 44 that are no better, luck gives it to one, and of 37 where there are no more than 32 blocks."""
_EULER = 0.5772156649015329


@frozen(kw_only=True)
class Fresh:
    """What the settings as they are and the best trial's earn with a seed that no trial had, in each held-back block, as log return."""

    seed: int
    incumbent: tuple[float, ...]
    choice: tuple[float, ...]


@frozen(kw_only=True)
class Choice:
    """What a search ended with: the number of the `best` trial, and whether its values are `adopted`, and `why`.

    `t_choosing` is the paired t of the best trial against the incumbent on the half that chose it, `t_deflated` the same less what the
    best of so many trials shows by luck, `t` that on the held-back half and `needed` what it had to be; NaN where there is none.
    `settings` are the values that are adopted, else empty.
    """

    best: int
    adopted: bool
    why: str
    settings: Mapping[str, Any] = field(factory=dict)
    t_choosing: float = math.nan
    t_deflated: float = math.nan
    t: float = math.nan
    needed: float = math.nan


def best_of(tried: Sequence[Trial]) -> Trial:
    """The finished trial with the best score; of equal ones the first, so that the incumbent stays where nothing is better.

    :raise ValueError: none was finished.
    """
    finished = [trial for trial in tried if trial.status == "finished"]
    return max(finished, key=lambda trial: (score_of(trial.score), -trial.number))


def paired_t(choice: Sequence[Sequence[float]], incumbent: Sequence[Sequence[float]]) -> float:
    """t of the mean difference between two settings over blocks of bars.

    The bars are the same for all seeds, so those tell nothing new of them: the difference of a block is first averaged over the seeds.

    :param choice: log return in each block, for each seed. :param incumbent: the same of the other settings.
    :return: 0 where they do not differ, NaN for fewer than two blocks or where a block has no number.
    :raise ValueError: they have not as many seeds or blocks.
    """
    means = _differences(choice, incumbent)
    if len(means) < 2 or not all(map(math.isfinite, means)):
        return math.nan
    spread = spread_of(means)
    return spread.t if spread.sd > abs(spread.mean) * 1e-12 else 0.0


def deflated_t(t: float, others: Sequence[float], trials: int) -> float:
    """`t` less what the best of so many trials is expected to show where none is better than the incumbent.

    That is the expected maximum of as many independent normal numbers with the spread of the trials' own t (Bailey and López de Prado
    2014, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5), whose rule for Sharpe ratios is used for t).

    :param others: the t of the finished trials against the incumbent; with fewer than two their spread is taken for 1.
    :param trials: how many the best was chosen among, those given up too.
    """
    if trials < 2:
        return t
    sd = spread_of(others).sd
    quantile = NormalDist().inv_cdf
    expected = (1 - _EULER) * quantile(1 - 1 / trials) + _EULER * quantile(1 - 1 / (trials * math.e))
    return t - (1.0 if math.isnan(sd) else sd) * expected


def choice_of(
    tried: Sequence[Trial], fresh: Sequence[Fresh] = (), t_choosing: float = math.nan, t_deflated: float = math.nan
) -> Choice:
    """The choice between the best trial and the incumbent, which is trial 0.

    :param fresh: what both earn on the held-back half, for each fresh seed; not needed where the incumbent is the best.
    """
    best = best_of(tried)
    if best.number == 0:
        return Choice(best=0, adopted=False, why=_why_incumbent(tried))
    t = paired_t([each.choice for each in fresh], [each.incumbent for each in fresh])
    blocks = len(fresh[0].choice) if fresh else 0
    adopted = t >= NEEDED
    return Choice(
        best=best.number,
        adopted=adopted,
        why=_why(best, t, blocks, len(fresh)),
        settings=dict(best.values) if adopted else {},
        t_choosing=t_choosing,
        t_deflated=t_deflated,
        t=t,
        needed=NEEDED,
    )


def _differences(choice: Sequence[Sequence[float]], incumbent: Sequence[Sequence[float]]) -> list[float]:
    """The difference of each block, averaged over the seeds."""
    pairs = list(zip(choice, incumbent, strict=True))
    by_seed = [[one - other for one, other in zip(*pair, strict=True)] for pair in pairs]
    return [
        math.fsum(block) / len(block) if all(map(math.isfinite, block)) else math.nan
        for block in zip(*by_seed, strict=True)
    ]


def _why_incumbent(tried: Sequence[Trial]) -> str:
    return f"No better setting shown: of {len(tried)} trials none has a better score than the settings as they are."


def _why(best: Trial, t: float, blocks: int, seeds: int) -> str:
    held = f"on the half of validation that no trial was judged on ({blocks} blocks, {seeds} fresh seeds)"
    if math.isnan(t):
        return f"No better setting shown: trial {best.number} cannot be told from the settings as they are {held}."
    digits = next(each for each in range(2, 17) if (round(t, each) >= NEEDED) == (t >= NEEDED))
    facts = f"{held} its paired t against the settings as they are is {t:.{digits}f}, and {NEEDED:g} is needed"
    if t >= NEEDED:
        return f"Trial {best.number} is adopted: {facts}."
    return f"No better setting shown: trial {best.number} has the best score, but {facts}."
