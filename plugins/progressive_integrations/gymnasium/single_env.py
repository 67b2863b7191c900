"""`MarketEnv`: one walk over the bars of a part, counted as a broker does, a step at a time without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from progressive_integrations.gymnasium.opened_part import HORIZON, open_part
from progressive_integrations.gymnasium.step_tables import (
    NOTHING,
    RUIN,
    checked_length,
    spaces_of,
    start_asked,
    walk_tables,
)
from progressive_training import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from progressive_training.market import Market

FRAMES_A_SECOND = 10


class MarketEnv(gymnasium.Env):  # type: ignore[misc]  # Gymnasium is skipped by the type checker
    """Flat, long or short on the bars of one part, at the fills and costs of a run.

    An observation [F + 3] float32 is the bar's standardised features, then 1 at the position held (flat, long, short). The action, 0
    flat, 1 long, 2 short (Discrete(2) where SIDES is "long"), is the position after the bar's close. The reward is the log growth of the
    equity on the bar, as `Market.account` counts it, so that the sum is the log of final equity. `info`: `equity` (1 at the start),
    `position` as decided, `time` (open of the bar observed) and `trades` (entries so far).

    An episode is `length` consecutive bars from a random start, flat before it and after it: its last bar is sold on whatever the
    action. It ends truncated, never terminated: the market goes on behind it, a time limit cut it off. Ruin does not end it either, since
    what is left can be traded with.

    :param data_or_settings: a file of bars or a table (see `load_bars`), a mapping of settings, or None for those of
        ./config.json and the defaults, which hold for all that is not given.
    :param part: "train", "validation" or "test". :param length: bars of an episode; None for all of the part, from its start.
    :param horizon: bars left out between two parts; the parts are those of a bucket with this longest horizon.
    :param allow_test: whether the test part may be read. :param render_mode: "rgb_array" for pictures, or None.
    :raise ConfigError: an argument or setting is not allowed. :raise DataError: the bars cannot be read or traded on.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": FRAMES_A_SECOND}  # noqa: RUF012  (Gymnasium's way)

    def __init__(
        self,
        data_or_settings: Any = None,
        part: str = "train",
        length: int | None = 256,
        *,
        horizon: int = HORIZON,
        allow_test: bool = False,
        render_mode: str | None = None,
    ) -> None:
        _check_render_mode(render_mode)
        market, bars = open_part(data_or_settings, part, horizon, allow_test=allow_test)
        self._begin(market, bars, length, render_mode)

    @classmethod
    def of_market(
        cls, market: Market, bars: slice, length: int | None = 256, *, render_mode: str | None = None
    ) -> MarketEnv:
        """On the `bars` of a market that is open, say `split.train`.

        :raise ConfigError: an argument is not allowed.
        """
        _check_render_mode(render_mode)
        made = cls.__new__(cls)
        made._begin(market, bars, length, render_mode)
        return made

    def _begin(self, market: Market, bars: slice, length: int | None, render_mode: str | None) -> None:
        self.tables = tables = walk_tables(market, bars)
        self.length, self.render_mode = checked_length(length, tables), render_mode
        self.observation_space, self.action_space = spaces_of(market)
        # a list gives Python's numbers, with which one step is several times faster than with numpy's
        self._start, self._end = tables.start.tolist(), tables.end.tolist()
        self._decidable = tables.decidable.tolist()
        self._absent = None if tables.absent is None else tables.absent.tolist()
        self._due = None if tables.due is None else tables.due.tolist()
        self._stake, self._fee = tables.stake.tolist(), tables.fee.tolist()
        self._bar, self._last = 0, -1

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode. `options={"start": n}` starts it at bar n of the part; else the start is drawn.

        :raise ConfigError: an option is unknown, or no episode fits behind that bar.
        """
        super().reset(seed=seed)
        highest = len(self.tables) - self.length
        start = start_asked(options, highest)
        if start is not None and np.ndim(start):
            raise ConfigError(f"options: start={start!r}: expected one number of a bar")
        self._bar = int(self.np_random.integers(highest + 1)) if start is None else int(start)
        self._first, self._last = self._bar, self._bar + self.length - 1
        self._position = self._held = self._trades = 0
        self._price = self._worth = self._left = 1.0
        self._paid = self._total = 0.0
        self._low = self._lower = self._gone = False
        self._told: list[tuple[int, float]] = []
        return self._observation(), self._info()

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Take the position `action` at the close of the bar observed.

        :return: the next bar's observation, the reward, False, whether the episode is over, and info.
        :raise ConfigError: no such action, or the episode is over.
        """
        bar = self._bar
        if bar > self._last:
            raise ConfigError("step: the episode is over, or none has begun; call reset() first")
        try:
            position = int(action)
            known = 0 <= position < self.tables.actions and position == action
        except (TypeError, ValueError, OverflowError):
            known = False
        if not known:
            raise ConfigError(f"step: action {action!r}: expected a whole number from 0 to {self.tables.actions - 1}")
        before = self._position
        if self._absent is not None and self._absent[bar]:
            position = before
        if bar == self._last or not self._decidable[bar]:
            position = 0
        if position != before:
            self._price = self._start[bar]
            self._paid = 0.0
            self._low = self._lower = self._gone = False
            self._trades += position != 0
        price = self._end[bar] / self._price
        worth = 1.0 + self._stake[position] * (price - 1.0)
        if self._due is not None:  # added up from the entry on: a difference of sums over the part would lose digits
            self._paid += self._due[position][bar]
            worth -= self.tables.capital * self._paid / self._price
        held = 0 if self._lower or self._gone else position
        self._lower = self._low
        self._low = self._low or worth <= RUIN
        self._gone = self._gone or worth <= NOTHING
        if held != position:
            worth = 1.0
        fee = self._fee[held]
        left = max(worth - fee * price, NOTHING)
        worth = max(worth, NOTHING)
        gained = worth * (self._left * (1.0 - fee)) if held != self._held else worth
        # numpy's logarithm, since Python's differs from it in the last bit, and a vector has numpy's
        reward = float(np.log(gained / self._worth))
        self._position, self._held, self._worth, self._left = position, held, worth, left
        self._total += reward
        self._bar = bar + 1
        if self.render_mode is not None:
            self._told.append((position, self._total))
        return self._observation(), reward, False, bar == self._last, self._info()

    def render(self) -> NDArray[np.uint8] | None:
        """A picture [H, W, 3] uint8 of the episode so far: price with entries and exits, position, equity; None without
        `render_mode`."""
        if self.render_mode is None:
            return super().render()  # type: ignore[no-any-return]
        if self._last < 0:
            raise ConfigError("render: no episode has begun; call reset() first")
        from progressive_integrations.gymnasium.episode_picture import picture

        seen = slice(self._first, self._first + self.length)
        return picture(self.tables.times[seen], self.tables.closes[seen], self._told)

    def _observation(self) -> NDArray[np.float32]:
        rows = self.tables.rows
        seen: NDArray[np.float32] = rows[min(self._bar, len(rows) - 1)].copy()  # behind the part nothing may be seen
        seen[self._position - 3] = 1.0
        return seen

    def _info(self) -> dict[str, Any]:
        time = self.tables.times[min(self._bar, len(self.tables) - 1)]
        return {
            "equity": float(np.exp(self._total)),
            "position": self._position,
            "time": time,
            "trades": self._trades,
        }


def _check_render_mode(mode: str | None) -> None:
    if mode not in {None, "rgb_array"}:
        raise ConfigError(f"render_mode={mode!r}: expected 'rgb_array' or None")
