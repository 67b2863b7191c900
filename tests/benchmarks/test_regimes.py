"""The planted markets of two regimes: what depends on the regime is what their kind says, and a fine filter knows it."""

import numpy as np
import pytest


@pytest.mark.parametrize("kind", ["half", "half_wild", "flip", "still", "walk"])
def test_only_what_the_kind_names_depends_on_the_regime(kind: str) -> None:
    import planted_regimes

    market = planted_regimes.regime_bars(kind, 12_000, seed=3)
    truth, wild = market.truth, market.regime == 1
    view = truth.bars.extra["view_fast"][:-1]
    drift = np.diff(np.log(truth.bars.close))  # of the next bar
    told = [float(np.corrcoef(view[own], drift[own])[0, 1]) for own in (~wild[:-1], wild[:-1])]
    expected = {"half": (1, 0), "half_wild": (0, 1), "flip": (1, -1), "still": (1, 1), "walk": (0, 0)}[kind]
    assert all(
        (abs(seen) < 0.03) if not sign else (sign * seen > 0.03) for seen, sign in zip(told, expected, strict=True)
    )
    assert truth.volatility[wild].min() > truth.volatility[~wild].max()
