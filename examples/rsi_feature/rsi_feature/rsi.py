"""Relative strength index over 14 bars, 0 to 100 (J. Welles Wilder, New Concepts in Technical Trading Systems, 1978)."""

import numpy as np
import pandas as pd

from progressive_training.market import Bars


def rsi(bars: Bars) -> dict[str, np.ndarray]:
    change = pd.Series(bars.close).groupby(bars.segment).diff()  # none across a gap
    moves = pd.DataFrame({"up": change.clip(lower=0), "all": change.abs()})
    mean = moves.groupby(bars.segment).ewm(alpha=1 / 14).mean()
    return {"rsi14": (100 * mean["up"] / mean["all"]).to_numpy()}
