"""What the other models of a run think of a strategy's positions, window by window: where they expect it to lose.

A judge values the position of each bar by the return that it expects of the next bars (`ServedModel.outlook`), and what the trades
cost is known. Of the forms that were tried this one ranks windows most like their realised losses (docs/challenge.md has the others).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from attrs import frozen

from progressive_market.bars.bar_records import iso
from progressive_market.challenge.subject import Subject, writable
from progressive_market.serving.saved_market import market_of
from progressive_training.presentation import percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from progressive_market.serving.served_model import ServedModel

WINDOW = 48
"""Bars of a window. With 24 the realised loss is more luck, with 96 what is known has decayed."""
SHOWN = 5
"""Windows that are listed."""


@frozen(kw_only=True)
class Review:
    """`judges` by name, and those of the others that expect nothing; `loss` [windows]: what the judges expect the strategy to lose in
    each window as log return, the mean of all; `own`: what its own model does, None where it expects nothing; `realised`; and the
    `volatility` known there."""

    judges: tuple[str, ...]
    silent: tuple[str, ...]
    loss: Tensor
    own: Tensor | None
    realised: Tensor
    volatility: Tensor


def review(subject: Subject, models: Mapping[str, ServedModel[Any]]) -> Review | None:
    """What all `models` but its own think of the strategy of `subject`; None where none of them says anything, or no window fits."""
    count = len(subject.part) // WINDOW
    expected = {name: _expected_loss(subject, model) for name, model in models.items()}
    judges = {name: loss for name, loss in expected.items() if loss is not None and name != subject.name}
    if not judges or not count:
        return None
    own = expected.get(subject.name)
    return Review(
        judges=tuple(judges),
        silent=tuple(name for name in models if name not in judges and name != subject.name),
        loss=_by_window(torch.stack([*judges.values()]).mean(dim=0)),
        own=None if own is None else _by_window(own),
        realised=_by_window(-subject.growth),
        volatility=_by_window(subject.market.volatility[subject.rows].double()),
    )


def rank_correlation(one: Tensor, other: Tensor) -> float:
    """Spearman's rank correlation of two series [windows], ties at their mean rank; NaN where one does not vary."""
    ranks = pd.DataFrame({"one": one.tolist(), "other": other.tolist()}).rank()
    return float(ranks["one"].corr(ranks["other"]))


def review_values(subject: Subject, found: Review) -> dict[str, Any]:
    """A review as JSON values, with the windows in which the judges expect the largest loss; profits in per cent."""
    largest = torch.argsort(found.loss, descending=True, stable=True)[:SHOWN].tolist()
    times = subject.part.times
    rows = [
        {
            "first": iso(times[[window * WINDOW]])[0],
            "last": iso(times[[(window + 1) * WINDOW - 1]])[0],
            "expected_profit": percent(-float(found.loss[window])),
            "profit": percent(-float(found.realised[window])),
        }
        for window in largest
        if float(found.loss[window]) > 0
    ]
    ranked = {
        "rank_correlation": found.loss,
        "own_rank_correlation": found.own,
        "volatility_rank_correlation": found.volatility,
    }
    correlations = {
        name: None if series is None or math.isnan(value := rank_correlation(series, found.realised)) else value
        for name, series in ranked.items()
    }
    return {
        "judges": list(found.judges),
        "silent": list(found.silent),
        "window_bars": WINDOW,
        "windows": len(found.loss),
        **correlations,
        "feared": rows,
    }


def _expected_loss(subject: Subject, judge: ServedModel[Any]) -> Tensor | None:
    """What `judge` expects the strategy to lose on each bar [N], the cost of its trades included."""
    market = market_of(judge.card, writable(subject.bars))
    outlook = judge.outlook(market.part(subject.rows), market)
    if outlook is None:
        return None
    held = subject.market.account(subject.held, subject.part).held
    trades = torch.diff(held, prepend=torch.zeros_like(held[:1]))
    return -held * subject.market.costs.capital * outlook - subject.market.costs.of_change(trades)


def _by_window(values: Tensor) -> Tensor:
    count = len(values) // WINDOW
    return values[: count * WINDOW].view(count, WINDOW).sum(dim=1)
