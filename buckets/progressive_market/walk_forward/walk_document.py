"""A walk-forward as JSON values: each bucket's out-of-sample result beside the baselines, its folds, and all buckets together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from attrs import evolve, frozen

from progressive_market.accounts.equity_curves import equity_curve
from progressive_market.accounts.part_account import part_account
from progressive_market.accounts.trade_list import fill_times
from progressive_market.bars import nanoseconds
from progressive_market.charges import YEAR
from progressive_market.fills import Account
from progressive_market.judging.baselines import strategies
from progressive_market.judging.block_statistics import t_statistic
from progressive_market.judging.daily import daily_returns, sharpe_ratio
from progressive_market.judging.exposure import exposure
from progressive_market.judging.performance import completed_trades, performance_of
from progressive_market.judging.verdict import EVERYWHERE, NOWHERE, SETTINGS_CHOSEN, SHOWN_T
from progressive_market.serving.served_model import ServedModel
from progressive_market.split import purge_of
from progressive_market.walk_forward.out_of_sample import OutOfSample, out_of_sample
from progressive_market.walk_forward.pooled_evidence import (
    Evidence,
    FirstValidation,
    chance_of,
    evidence,
    years_for,
)
from progressive_training import Edge, ModelError, PerformanceKind
from progressive_training.presentation import percent, performance_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from torch import Tensor

    from progressive_market.market import Market
    from progressive_training import Fold, Performance, Settings

ABSTAINING = ", abstaining"
"""Behind a bucket's name: its strategy where the folds before had shown an edge, flat elsewhere."""
TOGETHER = "all buckets"
MOST_DRIFT = 3
"""Features named of each fold, those that moved most."""
IMPLAUSIBLE = "implausible"
"""How the verdict on a result begins that cannot be honest."""


@frozen(eq=False)
class _Walk:
    """One bucket's result: its document, and what it did with all buckets together, abstaining or not."""

    document: dict[str, Any]
    joined: OutOfSample
    growth: Tensor
    gated: Tensor
    rows: tuple[Performance, Performance]


def join_folds(
    walks: Mapping[str, Sequence[ServedModel[Any]]], folds: Sequence[Fold], settings: Settings
) -> dict[str, Any]:
    """The document; arguments are those of `WalksForward.join_folds`.

    :raise ModelError: a model is none of the market's.
    """
    for name, models in walks.items():
        if not all(isinstance(model, ServedModel) for model in models):
            raise ModelError(f"bucket {name!r} is no bucket of the market, so its folds cannot be joined")
    made = [_walk(name, models, folds, settings) for name, models in walks.items()]
    market, part = made[0].joined.market, made[0].joined.part
    years = len(part) * market.interval / YEAR
    return {
        "symbol": market.symbol,
        "source": market.candles.source if market.candles else "",
        "interval_seconds": market.interval,
        "bars": len(part),
        "years": years,
        "t_needed": SHOWN_T,
        "chance_at_sharpe_1": chance_of(SHOWN_T, 1.0, years),
        "folds": [
            _fold_values(fold, stretch.rows) for fold, stretch in zip(folds, made[0].joined.stretches, strict=True)
        ],
        "buckets": [each.document for each in made],
        "together": _together(made) if len(made) > 1 else None,
    }


def _fold_values(fold: Fold, rows: slice) -> dict[str, Any]:
    times = {name: getattr(fold, name) for name in ("train_from", "validate_from", "test_from", "until")}
    return {"fold": fold.number, **times, "bars": rows.stop - rows.start}


def _walk(name: str, models: Sequence[ServedModel[Any]], folds: Sequence[Fold], settings: Settings) -> _Walk:
    joined = out_of_sample(models, folds, settings)
    market, part = joined.market, joined.part
    did, hold = market.account(joined.held, part), market.hold(part)
    validation = _first_validation(models[0], folds[0], market)
    known = [
        evidence(did.growth[: each.rows.start], hold[: each.rows.start], validation, model.card.validation_t)
        for each, model in zip(joined.stretches, models, strict=True)
    ]
    trades = torch.cat(
        [
            torch.full((each.rows.stop - each.rows.start,), float(before.is_enough))
            for each, before in zip(joined.stretches, known, strict=True)
        ]
    ).to(joined.held)
    gated = market.account(joined.held * trades, part)
    told = part_account(strategies(name, joined.held, part, market, joined.ridged), part, market)
    own, abstaining = told.performance[0], performance_of(name + ABSTAINING, gated, part, market)
    after = evidence(did.growth, hold, validation, models[-1].card.validation_t)
    doubt = next((model.card.verdict for model in models if model.card.verdict.startswith(IMPLAUSIBLE)), "")
    edge, verdict = _verdict(after, len(folds), doubt, alone=_of_test_alone(models))
    curves = [
        ({"strategy": str(strategy), "kind": str(kind)}, curve)
        for (strategy, kind), curve in told.equity.groupby(["strategy", "kind"], sort=False)
    ]
    times = fill_times(part, market)
    curves.insert(1, ({"strategy": abstaining.strategy, "kind": "model"}, equity_curve(gated, times)))
    document = {
        "bucket": name,
        "edge": str(edge),
        "verdict": verdict,
        "trades": EVERYWHERE if edge is Edge.CONFIRMED else NOWHERE,
        "pooled_t": after.t,
        "validation_t": validation.t,
        "years_needed": years_for(SHOWN_T, own.sharpe),
        "performance": [performance_values(row) for row in (own, abstaining, *told.performance[1:])],
        "folds": [
            {
                "fold": fold.number,
                "validation_t": model.card.validation_t,
                **_stretch_values(joined, place, did, hold, before),
            }
            for place, (fold, model, before) in enumerate(zip(folds, models, known, strict=True))
        ],
        "months": _months(told.slices),
        "costs": {name: getattr(told.costs, name) for name in ("gross", "net", "fees", "charges")},
        "equity": _equity(curves),
    }
    return _Walk(document, joined, did.growth, gated.growth, (own, abstaining))


def _first_validation(model: ServedModel[Any], fold: Fold, market: Market) -> FirstValidation:
    start, stop = np.searchsorted(market.times, [nanoseconds(fold.validate_from), nanoseconds(fold.test_from)]).tolist()
    bars = stop - start - purge_of(max(model.card.horizons, default=1))
    if _of_test_alone([model]):
        return FirstValidation(t=math.nan, alpha_t=math.nan, bars=bars)
    return FirstValidation(t=model.card.validation_t, alpha_t=model.card.validation_alpha_t, bars=bars)


def _of_test_alone(models: Sequence[ServedModel[Any]]) -> bool:
    """Whether validation chose settings of the first fold's model, so that its validation part is no evidence."""
    return bool(models[0].card.evidence == "test")


def _verdict(found: Evidence, folds: int, doubt: str, *, alone: bool) -> tuple[Edge, str]:
    """Whether there is an edge, and why, by all folds together: by the rule that decides whether a fold trades."""
    if doubt:
        return Edge.IMPLAUSIBLE, doubt
    beside = f" alone, since {SETTINGS_CHOSEN}" if alone else " and the first validation part"
    shown = f"pooled t = {found.t:.1f} over the test parts of {folds} folds{beside}"
    if found.is_enough:
        return Edge.CONFIRMED, f"edge confirmed ({shown})"
    return Edge.NONE, f"no edge shown ({shown}; {found.lacking})"


def _stretch_values(joined: OutOfSample, place: int, did: Account, hold: Tensor, before: Evidence) -> dict[str, Any]:
    """One fold of one bucket: what it earned, what was known before it, whether it traded, and how far things had drifted."""
    stretch = joined.stretches[place]
    rows = stretch.rows
    growth, times = did.growth[rows], joined.part.times[rows]
    sharpe, _ = sharpe_ratio(daily_returns(growth, times))
    moved = exposure(growth, hold[rows])
    farthest = sorted(stretch.drift, key=lambda name: -stretch.drift[name])[:MOST_DRIFT]
    return {
        "profit": percent(float(growth.sum())),
        "hold_profit": percent(float(hold[rows].sum())),
        "t": t_statistic(growth),
        "alpha_t": moved.t,
        "beta": moved.beta,
        "sharpe": sharpe,
        "trades": completed_trades(did.held[rows]),
        "held_share": float((did.held[rows] != 0).double().mean()),
        "known_t": before.t,
        "traded": before.is_enough,
        "drift": float(np.mean([*stretch.drift.values()])),
        "drifted": [{"feature": name, "distance": stretch.drift[name]} for name in farthest],
        "skill": {str(horizon): skill for horizon, skill in stretch.skill.items()},
    }


def _months(slices: pd.DataFrame) -> list[dict[str, Any]]:
    months = slices[slices["by"] == "month"]
    return [
        {"month": month, "profit": profit, "hold_profit": hold}
        for month, profit, hold in zip(months["slice"], months["profit"], months["hold_profit"], strict=True)
    ]


def _equity(curves: Sequence[tuple[dict[str, str], pd.DataFrame]]) -> dict[str, Any]:
    """Log equity at up to `MOST_POINTS` times, the same for every strategy."""
    time = curves[0][1]["time"]
    return {
        "time": [stamp.isoformat().replace("+00:00", "Z") for stamp in time],
        "strategies": [{**about, "log_equity": curve["log_equity"].round(6).tolist()} for about, curve in curves],
    }


def _together(made: Sequence[_Walk]) -> dict[str, Any]:
    """All buckets with an equal share each, brought back to equal shares on every bar, at no cost: strategies, and abstaining."""
    market, part = made[0].joined.market, made[0].joined.part
    growths = {
        TOGETHER: _mean_growth([each.growth for each in made]),
        TOGETHER + ABSTAINING: _mean_growth([each.gated for each in made]),
    }
    times, rows, curves = fill_times(part, market), [], []
    for place, (label, growth) in enumerate(growths.items()):
        flat = torch.zeros_like(growth)
        joint = performance_of(label, Account(growth, flat, flat, flat.sum()), part, market)
        shares = {
            name: sum(getattr(each.rows[place], name) for each in made) / len(made)
            for name in ("turnover", "long", "flat", "short")
        }
        trades = sum(each.rows[place].trades for each in made)
        rows.append(evolve(joint, kind=PerformanceKind.MODEL, trades=trades, **shares))
        curves.append(
            ({"strategy": label, "kind": "model"}, equity_curve(Account(growth, flat, flat, flat.sum()), times))
        )
    return {
        "performance": [performance_values(row) for row in rows],
        "years_needed": years_for(SHOWN_T, rows[0].sharpe),
        "equity": _equity(curves),
    }


def _mean_growth(growths: Sequence[Tensor]) -> Tensor:
    """Log growth of each bar [N] where the equity is parted equally on each."""
    return torch.logsumexp(torch.stack([*growths]), dim=0) - math.log(len(growths))
