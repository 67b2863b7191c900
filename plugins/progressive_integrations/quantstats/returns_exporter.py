"""Daily returns of a model, and of buy and hold at the same costs, as QuantStats reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from progressive_training import ModelError
from progressive_training.market import ServedModel

if TYPE_CHECKING:
    import pandas as pd

    from progressive_training import Export

RETURNS, SCRIPT = "returns.csv", "tearsheet.py"


def export(asked: Export) -> Mapping[str, str]:
    """Write the returns, and a script that makes a tear sheet of them."""
    returns = daily(asked)
    returns.to_csv(asked.out / RETURNS, float_format="%.17g", date_format="%Y-%m-%d")
    (asked.out / SCRIPT).write_text(Path(__file__).with_name("quantstats_tearsheet.py").read_text("utf-8"), "utf-8")
    total, held = (100 * float(np.prod(1 + returns[name].to_numpy()) - 1) for name in ("strategy", "buy_and_hold"))
    return {
        RETURNS: f"simple return of each day (UTC), net of costs: strategy {total:+.2f} %, buy and hold {held:+.2f} % over "
        f"{len(returns):,} days",
        SCRIPT: f"`pip install quantstats`, then `python {SCRIPT}` in that directory makes tearsheet.html",
    }


def daily(asked: Export) -> pd.DataFrame:
    """Simple return of each UTC day, `strategy` and `buy_and_hold`, net of the costs in the model's card; 0 on a day without bars.

    :raise ModelError: it is no model on the market's bars, or they do not fit it.
    """
    import pandas as pd

    model = asked.model
    if not isinstance(model, ServedModel):
        raise ModelError(f"models of bucket {asked.bucket!r} have no trajectory(bars), of which returns could be made")
    rows = model.trajectory(asked.bars, asked.since)
    market = model.market(asked.bars)
    held = market.hold(market.part(slice(len(asked.bars) - len(rows), len(asked.bars)))).numpy()
    by_bar = pd.DataFrame({"strategy": rows["log_growth"]})
    by_bar["buy_and_hold"] = np.concatenate([[0.0], held[:-1]])  # what is decided on a bar is held on the next
    by_bar.index = pd.DatetimeIndex(rows.index).tz_localize(None)
    return by_bar.resample("D").sum().transform(np.expm1).rename_axis("date")
