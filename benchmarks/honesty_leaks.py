"""Columns that know the future, by kind, and honest ones: what the leak check and the verdict are measured with.

`LEAKS` has two variants of each kind. Each is at least 0.25 correlated with what it leaks, on the rows where it leaks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from progressive_market.bars import Bars

Floats = NDArray[np.float64]
Random = np.random.Generator
Make = Callable[[Bars, Random], dict[str, Floats]]
"""Columns by name, from bars and a source of chance."""

RARE = 0.03  # share of the rows that leak
DAY = 86_400 * 10**9


def ahead(values: Floats, bars: int) -> Floats:
    """`values` as they will be `bars` later; the last one at the end."""
    return np.concatenate([values[bars:], np.repeat(values[-1:], bars)])


def fill_return(bars: Bars, later: int = 0) -> Floats:
    """Log return that a position decided `later` bars from now earns in its first bar."""
    return np.log(ahead(bars.open, 2 + later) / ahead(bars.open, 1 + later))


def forward(bars: Bars, horizon: int) -> Floats:
    """Log return of the next `horizon` bars."""
    return np.log(ahead(bars.close, horizon) / bars.close)


def noisy(values: Floats, correlation: float, random: Random) -> Floats:
    """`values` under so much noise that `correlation` with them is left."""
    noise = random.standard_normal(len(values)) * values.std()
    made: Floats = values + noise * np.sqrt(1 / correlation**2 - 1)
    return made


Summary = Literal["max", "min", "first", "last"]


def of_day(bars: Bars, values: Floats, how: Summary) -> Floats:
    """What a table by day holds, merged on each bar of that day."""
    return np.asarray(pd.Series(values).groupby(bars.time // DAY).transform(how), dtype=np.float64)


def rolling(values: Floats, window: int, *, centred: bool = False) -> Floats:
    """Mean of the last `window` values, or of those around each."""
    return pd.Series(values).rolling(window, min_periods=1, center=centred).mean().to_numpy()


def last_return(bars: Bars) -> Floats:
    """Log return of each close over the one before."""
    return np.diff(np.log(bars.close), prepend=np.log(bars.close[0]))


def rsi(bars: Bars, span: int = 14) -> Floats:
    """Relative strength index, 0 to 100."""
    moves = pd.Series(last_return(bars))
    up, down = (moves.clip(lower=0).ewm(span=span).mean(), (-moves).clip(lower=0).ewm(span=span).mean())
    return np.asarray((100 * up / (up + down).replace(0, np.nan)).fillna(50.0))


def volatility(bars: Bars, window: int = 24) -> Floats:
    """Mean absolute return of the last bars."""
    return rolling(np.abs(last_return(bars)), window)


def whole_z(values: Floats) -> Floats:
    """Less the mean, over the deviation, both of the whole file."""
    made: Floats = (values - values.mean()) / values.std()
    return made


def detrended(values: Floats, degree: int) -> Floats:
    """Less a polynomial of time that is fitted to the whole file."""
    time = np.linspace(-1, 1, len(values))
    fitted: Floats = values - np.polyval(np.polyfit(time, values, degree), time)
    return fitted


def barrier(bars: Bars, horizon: int = 24) -> Floats:
    """Label 1 or -1 by which of two barriers, at 1.5 deviations of the horizon, the price touches first; else 0."""
    width = 1.5 * volatility(bars, 500) * np.sqrt(horizon)
    label = np.zeros(len(bars))
    for k in range(horizon, 0, -1):
        move = forward(bars, k)
        label = np.where(move > width, 1.0, np.where(move < -width, -1.0, label))
    return label


def rare(bars: Bars, random: Random, elsewhere: Floats) -> Floats:
    """The next fill's return in a few rows chosen by chance."""
    return np.where(random.random(len(bars)) < RARE, fill_return(bars), elsewhere)


def rare_stretch(bars: Bars, random: Random) -> Floats:
    """Noise, but for one stretch that holds the next fill's return."""
    known = fill_return(bars)
    column = random.standard_normal(len(bars)) * known.std()
    start, length = int(random.integers(len(bars) // 4, len(bars) // 2)), int(RARE * len(bars))
    column[start : start + length] = known[start : start + length]
    made: Floats = column
    return made


def sign_and_size(bars: Bars, random: Random) -> dict[str, Floats]:
    """A coin, and the next return times the coin."""
    coin = np.sign(random.standard_normal(len(bars)))
    return {"coin": coin, "turned": coin * fill_return(bars)}


def two_noises(bars: Bars, random: Random) -> dict[str, Floats]:
    """Noise, and the same noise with the sign of the next return."""
    noise = random.standard_normal(len(bars))
    return {"noise": noise, "turned": noise * np.sign(fill_return(bars))}


def masked(bars: Bars, random: Random) -> dict[str, Floats]:
    """A walk, and the same walk with the next return added."""
    walk = np.cumsum(random.standard_normal(len(bars)) * 0.02)
    return {"walk": walk, "masked": walk + fill_return(bars)}


def masked_ratio(bars: Bars, random: Random) -> dict[str, Floats]:
    """Noise around 10, and the same noise times the next close over this."""
    base = np.exp(0.3 * random.standard_normal(len(bars))) * 10
    return {"base": base, "scaled": base * np.exp(forward(bars, 1))}


def day_levels(bars: Bars, random: Random) -> dict[str, Floats]:
    """The day's final high and low, on each bar of that day."""
    return {"day_high": of_day(bars, bars.high, "max"), "day_low": of_day(bars, bars.low, "min")}


def day_ratios(bars: Bars, random: Random) -> dict[str, Floats]:
    """The day's final high and low over the close."""
    return {name: level / bars.close - 1 for name, level in day_levels(bars, random).items()}


def past_moves(bars: Bars) -> Floats:
    """Mean returns and mean sizes of returns over the last bars, standardised [bars, 10]."""
    moves = last_return(bars)
    table = [rolling(each, span) for span in (3, 12, 48, 96, 192) for each in (moves, np.abs(moves))]
    return np.stack([whole_z(each) for each in table], axis=1)


def ridge_in_sample(bars: Bars, random: Random, horizon: int = 24, part: int = 5000, features: int = 200) -> Floats:
    """Ridge regression on random features of past moves, fitted to the forward return of each `part` of the bars and used there."""
    moves, target, made = past_moves(bars), forward(bars, horizon), np.zeros(len(bars))
    weights, phases = 0.5 * random.standard_normal((moves.shape[1], features)), 2 * np.pi * random.random(features)
    for start in range(0, len(bars), part):
        some = slice(start, start + part)
        shown = np.cos(moves[some] @ weights + phases)
        shown -= shown.mean(axis=0)
        gram = shown.T @ shown + 5 * np.eye(features)
        made[some] = shown @ np.linalg.solve(gram, shown.T @ target[some])
    return made


def mean_of_cell(bars: Bars, horizon: int = 24) -> Floats:
    """Mean forward return of all bars, some twelve, whose past moves fall into the same cell, the bar itself among them."""
    parts = round((len(bars) / 12) ** (1 / 3))
    cells = [pd.qcut(rolling(last_return(bars), span), parts, labels=False) for span in (24, 96, 192)]
    by_cell = pd.Series(forward(bars, horizon)).groupby([np.asarray(each) for each in cells])
    return np.asarray(by_cell.transform("mean"), dtype=np.float64)


def percent_rank(values: Floats) -> Floats:
    """Share of the whole file that is smaller."""
    return np.asarray(pd.Series(values).rank(pct=True), dtype=np.float64)


def robust(values: Floats) -> Floats:
    """Less the median, over the distance of the quartiles, both of the whole file."""
    first, median, third = np.quantile(values, [0.25, 0.5, 0.75])
    made: Floats = (values - median) / (third - first)
    return made


LEAKS: Mapping[str, tuple[Make, Make]] = {
    "next fill's return": (
        lambda bars, _: {"known": fill_return(bars)},
        lambda bars, random: {"known": noisy(fill_return(bars), 0.35, random)},
    ),
    "return of bar t + 5": (
        lambda bars, _: {"known": fill_return(bars, 4)},
        lambda bars, random: {"known": noisy(forward(bars, 1)[np.r_[5 : len(bars), [-1] * 5]], 0.4, random)},
    ),
    "return over a bucket's horizon": (
        lambda bars, _: {"known": forward(bars, 288)},
        lambda bars, random: {"known": noisy(forward(bars, 576), 0.7, random)},
    ),
    "day's final high and low": (day_levels, day_ratios),
    "day's final close": (
        lambda bars, _: {"day_close": of_day(bars, bars.close, "last")},
        lambda bars, _: {"day_move": of_day(bars, bars.close, "last") / of_day(bars, bars.open, "first") - 1},
    ),
    "next close": (
        lambda bars, _: {"level": ahead(bars.close, 1)},
        lambda bars, _: {"average": ahead(rolling(bars.close, 3), 1)},
    ),
    "product of two columns": (sign_and_size, two_noises),
    "difference of two columns": (masked, masked_ratio),
    "detrended over the whole file": (
        lambda bars, _: {"known": detrended(bars.close, 1)},
        lambda bars, _: {"known": detrended(np.log(bars.close), 2)},
    ),
    "z-score over the whole file": (
        lambda bars, _: {"known": whole_z(bars.close)},
        lambda bars, _: {"known": whole_z(volatility(bars))},
    ),
    "next bar's range": (
        lambda bars, _: {"known": np.log(ahead(bars.high / bars.low, 1))},
        lambda bars, random: {"known": noisy(ahead(np.log(bars.high / bars.low), 1), 0.8, random)},
    ),
    "next bar's volume": (
        lambda bars, _: {"known": ahead(bars.volume, 1)},
        lambda bars, random: {"known": noisy(np.log1p(ahead(bars.volume, 1)), 0.8, random)},
    ),
    "in 3 % of the rows": (
        lambda bars, random: {"known": rare(bars, random, np.zeros(len(bars)))},
        lambda bars, random: {"known": rare_stretch(bars, random)},
    ),
    "in 3 % of the rows, by chance": (
        lambda bars, random: {"known": rare(bars, random, random.standard_normal(len(bars)) * last_return(bars).std())},
        lambda bars, random: {"known": np.sign(rare(bars, random, np.zeros(len(bars))))},
    ),
    "centred average": (
        lambda bars, _: {"known": rolling(bars.close, 5, centred=True)},
        lambda bars, _: {"known": bars.close / rolling(bars.close, 49, centred=True) - 1},
    ),
    "label": (
        lambda bars, _: {"label": (forward(bars, 12) > 0).astype(float)},
        lambda bars, _: {"label": barrier(bars)},
    ),
    "indicator of later bars": (
        lambda bars, _: {"rsi": ahead(rsi(bars), 3)},
        lambda bars, _: {"momentum": ahead(np.log(bars.close / rolling(bars.close, 24)), 6)},
    ),
    "in-sample prediction": (
        lambda bars, random: {"predicted": ridge_in_sample(bars, random)},
        lambda bars, _: {"predicted": mean_of_cell(bars)},
    ),
    "noisy forward return": (
        lambda bars, random: {"known": noisy(forward(bars, 24), 0.32, random)},
        lambda bars, random: {"known": noisy(forward(bars, 96), 0.25, random)},
    ),
    "scaled by the whole file": (
        lambda bars, _: {"known": percent_rank(bars.close)},
        lambda bars, _: {"known": robust(bars.volume)},
    ),
}
"""Two variants of each kind of leak."""


def hour(bars: Bars) -> Floats:
    """Hour of the day as an angle."""
    return 2 * np.pi * (bars.time % DAY) / DAY


def previous_high(bars: Bars) -> Floats:
    """The high of the day before each bar; the close on the first day."""
    by_day = pd.Series(bars.high).groupby(bars.time // DAY).max().shift(1)
    return np.asarray(by_day.reindex(bars.time // DAY).fillna(pd.Series(bars.close[:1])[0]))


HONEST: Mapping[str, Callable[[Bars], Floats]] = {
    "average_20": lambda bars: rolling(bars.close, 20),
    "average_200_ratio": lambda bars: bars.close / rolling(bars.close, 200) - 1,
    "rsi": rsi,
    "volatility": volatility,
    "volatility_week": lambda bars: volatility(bars, 168),
    "volume_ratio": lambda bars: bars.volume / (rolling(bars.volume, 96) + 1e-9),
    "hour_sin": lambda bars: np.sin(hour(bars)),
    "hour_cos": lambda bars: np.cos(hour(bars)),
    "lagged_return": last_return,
    "lagged_return_5": lambda bars: np.concatenate([np.zeros(5), last_return(bars)[:-5]]),
    "previous_day_high": lambda bars: previous_high(bars) / bars.close,
    "previous_close": lambda bars: np.concatenate([bars.close[:1], bars.close[:-1]]),
}
"""Columns that anyone may use; a file of taker volumes has `taker_share` beside them."""


def taker_share(bars: Bars) -> Floats:
    """Share of the volume that buyers took, of bars with that column."""
    made: Floats = np.divide(
        bars.extra["taker_buy_volume"], bars.volume, out=np.full(len(bars), 0.5), where=bars.volume > 0
    )
    return made
