"""What turns bars into a decision beside the graph, as JSON values: columns, averages, scaler, regimes, costs, where it trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from progressive_training.market import BUILT_IN, WARM_UP, Scaler

if TYPE_CHECKING:
    from progressive_training import CommitteeModel, TradingModel
    from progressive_training.market import Market

FORMAT = 1
FLOWS = ("quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume", "funding_rate")
"""Extra columns that are 0 on a bar without a trade, where others keep their value."""
VOLATILITY_SPAN, SLOW_WINDOW = 96, 1_000
COMPUTED = ("hmm", "quantile")
"""Detectors of regimes that the script knows."""


def recipe_of(model: TradingModel | CommitteeModel, market: Market, predicts: bool) -> dict[str, Any]:
    """The recipe of a `model`, with the costs of `market` in its units; `predicts`: whether its graph does."""
    card, regimes = model.card, model.card.regimes
    return {
        "format": FORMAT,
        "bucket": card.bucket,
        "symbol": card.symbol,
        "verdict": card.verdict,
        "interval_seconds": card.interval_seconds,
        "fill_minutes": card.fill_minutes,
        "history": card.history,
        "warm_up": WARM_UP,
        "features": list(card.features),
        "built_in": list(BUILT_IN),
        "flows": list(FLOWS),
        "ratios": list(card.ratios),
        "scales": list(card.scales),
        "slow_window": SLOW_WINDOW,
        "volatility_span": VOLATILITY_SPAN,
        "mean": list(card.scaler.mean),
        "deviation": list(card.scaler.deviation),
        "limit": Scaler.LIMIT,
        "regimes": None
        if regimes is None
        else {
            "name": regimes.name,
            "count": regimes.count,
            "parameters": dict(regimes.parameters) if regimes.name in COMPUTED else None,
        },
        "horizons": list(card.horizons) if predicts else [],
        "unit": model.unit,
        "costs": [[None if cost == torch.inf else cost for cost in row] for row in model.costs(market).tolist()],
        "trades": not model.stays_flat,
        "traded_regimes": list(model.traded) if model.traded and not model.overruled else None,
    }
