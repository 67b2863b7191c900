"""What a step looks up: the bars of one part in numpy, and the costs by position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen
from gymnasium import spaces

from progressive_training import ConfigError
from progressive_training.market import Scaler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from progressive_training.market import Market

SIDES = np.array([0.0, 1.0, -1.0])
"""Signed position by action: flat, long, short."""
RUIN, NOTHING = 0.05, 1e-9
"""As the market's account has them: the share of the entry's equity at which a position is closed, and the least that is left."""


@frozen(eq=False)
class WalkTables:
    """N bars of one part. `rows` [N, F + 3] float32: features, and three zeros, so that one
    copy makes an observation. `start`, `end` [N] float64: the price at a bar's fill and at the next, over that
    of the first fill. `decidable`, `absent` [N] bool (see `Part`). `due` [3, N] float64: what each position pays on a
    bar, in units of that price; None for nothing. `stake`, `fee` [3]: by position, as shares of the equity. `times` [N].
    `capital`: see `Costs`. `actions`: how many there are. `closes` [N], for pictures."""

    rows: NDArray[np.float32]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    decidable: NDArray[np.bool_]
    absent: NDArray[np.bool_] | None
    due: NDArray[np.float64] | None
    stake: NDArray[np.float64]
    fee: NDArray[np.float64]
    times: NDArray[np.datetime64]
    capital: float
    actions: int
    closes: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.start)


def walk_tables(market: Market, bars: slice) -> WalkTables:
    """The tables of the `bars` of a market: copies, so that no other part can be reached from them."""
    part, costs = market.part(bars), market.costs
    moves = 1 + part.returns.cpu().numpy()
    end = np.cumprod(moves)
    start = end / moves
    due = None
    if part.charges is not None:
        due = np.zeros((3, len(start)))
        due[1:] = part.charges.cpu().numpy().T * start
    absent = None if part.absent is None else part.absent.cpu().numpy().copy()
    stake = SIDES * costs.capital
    return WalkTables(
        rows=np.pad(part.features.float().cpu().numpy(), ((0, 0), (0, len(SIDES)))),
        start=start,
        end=end,
        decidable=part.decidable.cpu().numpy().copy(),
        absent=absent,
        due=due,
        stake=stake,
        fee=np.abs(stake) * costs.side,
        times=part.times.astype("datetime64[ns]"),
        capital=costs.capital,
        actions=2 if costs.allowed == "long" else 3,
        closes=market.closes[bars].astype(np.float64),
    )


def spaces_of(market: Market) -> tuple[spaces.Box, spaces.Discrete]:
    """What one walk on a market observes, the features and the position held, one-hot [F + 3]; and the positions it may take."""
    width = market.features.shape[1] + len(SIDES)
    actions = 2 if market.costs.allowed == "long" else 3
    return spaces.Box(-Scaler.LIMIT, Scaler.LIMIT, (width,), np.float32), spaces.Discrete(actions)


def checked_length(length: int | None, tables: WalkTables) -> int:
    """Bars of an episode; all of the part for None.

    :raise ConfigError: it is no whole number from 2 to the bars of the part.
    """
    if length is None:
        return len(tables)
    if not is_count(length) or not 2 <= length <= len(tables):
        raise ConfigError(f"length={length!r}: expected whole bars from 2 to {len(tables)}, those of the part, or None")
    return int(length)


def start_asked(options: Any, last: int) -> Any:
    """The bar of `options["start"]`, or None where nothing is asked; in a vector one number, or one for each walk.

    :raise ConfigError: another option is given, or an episode cannot start there.
    """
    if not isinstance(options, Mapping | None):
        raise ConfigError(f"options={options!r}: expected a mapping like {{'start': 0}}, or None")
    if unknown := [key for key in options or () if key != "start"]:
        raise ConfigError(f"options: unknown {unknown[0]!r}; there is start, the number of a bar in the part")
    start = (options or {}).get("start")
    if start is None:
        return None
    numbers = as_whole(start)
    if numbers is None or numbers.size == 0 or numbers.min() < 0 or numbers.max() > last:
        raise ConfigError(f"options: start={start!r}: expected the number of a bar from 0 to {last}")
    return start


def as_whole(given: Any) -> NDArray[np.integer[Any]] | None:
    """An array of whole numbers; None where `given` is none."""
    try:
        numbers = np.asarray(given)
    except (ValueError, OverflowError):  # lists of different lengths
        return None
    return numbers if numbers.dtype.kind in "iu" else None


def is_count(given: Any) -> bool:
    """Whether it is a whole number of at least 1, of Python or numpy."""
    return isinstance(given, int | np.integer) and not isinstance(given, bool) and bool(given >= 1)
