"""`MarketVectorEnv`: many walks at once, each bit for bit what `MarketEnv` does alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from progressive_integrations.gymnasium.opened_part import HORIZON, open_part
from progressive_integrations.gymnasium.step_tables import (
    NOTHING,
    RUIN,
    as_whole,
    checked_length,
    is_count,
    spaces_of,
    start_asked,
    walk_tables,
)
from progressive_training import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from progressive_training.market import Market


class MarketVectorEnv(VectorEnv):  # type: ignore[misc]  # Gymnasium is skipped by the type checker
    """`num_envs` walks of `MarketEnv` over one part, stepped together in numpy.

    A walk that ends begins anew in the same step (`AutoresetMode.SAME_STEP`): the observation returned is the first of the new
    episode, and `info["final_obs"]` and `info["final_info"]` hold the last of the old one, as Gymnasium's own vectors do. Walk i is
    seeded with `seed + i` and does what a `MarketEnv` with that seed does. Arguments and errors as for `MarketEnv`.

    :param num_envs: how many walks, K. Observations are [K, F + 3] float32, actions and rewards [K].
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012  (Gymnasium's way)

    def __init__(
        self,
        data_or_settings: Any = None,
        part: str = "train",
        length: int | None = 256,
        *,
        num_envs: int = 64,
        horizon: int = HORIZON,
        allow_test: bool = False,
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None:
            raise ConfigError(f"render_mode={render_mode!r}: a vector draws nothing; MarketEnv has 'rgb_array'")
        _check_count(num_envs)
        market, bars = open_part(data_or_settings, part, horizon, allow_test=allow_test)
        self._begin(market, bars, length, num_envs)

    @classmethod
    def of_market(cls, market: Market, bars: slice, length: int | None = 256, *, num_envs: int = 64) -> MarketVectorEnv:
        """On the `bars` of a market that is open, say `split.train`.

        :raise ConfigError: an argument is not allowed.
        """
        _check_count(num_envs)
        made = cls.__new__(cls)
        made._begin(market, bars, length, num_envs)
        return made

    def _begin(self, market: Market, bars: slice, length: int | None, num_envs: int) -> None:
        self.tables = tables = walk_tables(market, bars)
        self.length, self.num_envs, self.render_mode = checked_length(length, tables), int(num_envs), None
        self.single_observation_space, self.single_action_space = spaces_of(market)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._randoms: list[np.random.Generator] = []
        self._rows, self._all = np.arange(num_envs), np.ones(num_envs, np.bool_)
        self._bar = np.zeros(num_envs, np.int64)
        self._last = self._bar - 1
        self._position, self._held, self._trades = (np.zeros(num_envs, np.int64) for _ in range(3))
        self._price, self._worth, self._left = (np.ones(num_envs) for _ in range(3))
        self._paid, self._total = np.zeros(num_envs), np.zeros(num_envs)
        self._low, self._lower, self._gone = (np.zeros(num_envs, np.bool_) for _ in range(3))
        self._poor = False  # whether any walk is, or was on the bar before, at the equity of ruin
        self._steps_left = 0  # until the next episode ends

    @property
    def bars(self) -> NDArray[np.int64]:
        """The bars of the part that are observed [K]."""
        return self._bar.copy()

    def observed(self, bars: NDArray[np.int64], positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """What is seen at `bars` [B] of the part in `positions` [B]: [B, F + 3] float32."""
        seen = self.tables.rows.take(bars, axis=0, mode="clip")  # behind the part nothing may be seen
        seen[np.arange(len(bars)), positions - 3] = 1.0
        return seen

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode of each walk. `options={"start": n}`, or one number for each walk, starts them at these bars.

        :param seed: walk i gets `seed + i`; or a seed for each walk.
        :raise ConfigError: an option is unknown, no episode fits behind that bar, or there is not a seed for each walk.
        """
        self._seed(seed)
        start = start_asked(options, len(self.tables) - self.length)
        if start is not None and np.shape(start) not in {(), (self.num_envs,)}:
            raise ConfigError(
                f"options: start={start!r}: expected one number, or one for each of {self.num_envs} walks"
            )
        self._restart(self._rows, start)
        return self._observation(), self._info()

    def step(
        self, actions: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Take the positions `actions` [K] at the close of the bars observed.

        :return: observations [K, F + 3], rewards [K], terminated [K] (never), truncated [K], and info.
        :raise ConfigError: an action is none of the actions, or nothing was reset.
        """
        tables, bar, before = self.tables, self._bar, self._position
        position = self._checked(actions)
        if tables.absent is not None:
            position = np.where(tables.absent[bar], before, position)
        ended = bar == self._last
        position = position * (tables.decidable[bar] & ~ended)
        new = position != before
        if new.any():
            self._enter(new, position)
        price = tables.end[bar] / self._price
        worth = 1.0 + tables.stake[position] * (price - 1.0)
        if tables.due is not None:
            self._paid += tables.due[position, bar]
            worth -= tables.capital * self._paid / self._price
        held = self._unruined(position, worth)
        fee = tables.fee[held]
        left = np.maximum(worth - fee * price, NOTHING)
        worth = np.maximum(worth, NOTHING)
        gained = np.where(held != self._held, worth * (self._left * (1.0 - fee)), worth)
        rewards = np.log(gained / self._worth)
        self._position, self._held, self._worth, self._left = position, held, worth, left
        self._total += rewards
        self._bar = bar + 1
        terminated = np.zeros(self.num_envs, np.bool_)
        self._steps_left -= 1
        if self._steps_left:
            return self._observation(), rewards, terminated, ended, self._info()
        final = self._final(ended)
        self._restart(np.flatnonzero(ended), None)
        return self._observation(), rewards, terminated, ended, self._info() | final

    def _checked(self, actions: Any) -> NDArray[np.int64]:
        given = as_whole(actions)
        if not self._steps_left:
            raise ConfigError("step: no episode has begun; call reset() first")
        if given is None or given.shape != (self.num_envs,):
            raise ConfigError(f"step: expected {self.num_envs} whole numbers, got {actions!r:.200}")
        signed = given.astype(np.int64)  # of unsigned ones no 3 can be taken off
        if signed.view(np.uint64).max() >= self.tables.actions:  # a negative one becomes a huge one
            raise ConfigError(f"step: expected actions from 0 to {self.tables.actions - 1}, got {given.tolist()}")
        return signed

    def _enter(self, new: NDArray[np.bool_], position: NDArray[np.int64]) -> None:
        """Note the price where the `new` positions [K] begin, which have paid nothing yet."""
        self._price = np.where(new, self.tables.start[self._bar], self._price)
        self._paid[new] = 0.0
        for flags in (self._low, self._lower, self._gone):
            flags[new] = False
        self._trades += new & (position != 0)

    def _unruined(self, position: NDArray[np.int64], worth: NDArray[np.float64]) -> NDArray[np.int64]:
        """Positions [K] that ruin has not closed; `worth` [K] becomes 1 where it has."""
        if not self._poor and worth.min() > RUIN:
            return position
        closed = self._lower | self._gone
        self._lower = self._low.copy()
        self._low |= worth <= RUIN
        self._gone |= worth <= NOTHING
        self._poor = bool((self._low | self._lower | self._gone).any())
        worth[closed] = 1.0
        return np.where(closed, 0, position)

    def _seed(self, seed: int | Sequence[int | None] | None) -> None:
        """New random numbers for the walks with a seed, and for all where there were none."""
        given = seed.tolist() if isinstance(seed, np.integer | np.ndarray) else seed
        if isinstance(given, Iterable):
            seeds = list(given)
        else:
            seeds = [None if given is None else given + row for row in self._rows.tolist()]
        if len(seeds) != self.num_envs:
            raise ConfigError(f"seed: expected one number, or one for each of {self.num_envs} walks, got {len(seeds)}")
        randoms: Sequence[np.random.Generator | None] = self._randoms or [None] * self.num_envs
        self._randoms = [
            seeding.np_random(asked)[0] if asked is not None or random is None else random
            for asked, random in zip(seeds, randoms, strict=True)
        ]

    def _restart(self, rows: NDArray[np.int64], start: Any) -> None:
        """Begin an episode in the walks `rows`, at `start` or, for None, at a bar that each draws."""
        if start is None:
            above = len(self.tables) - self.length + 1
            start = np.array([self._randoms[row].integers(above) for row in rows.tolist()])
        self._bar[rows] = start
        self._last[rows] = self._bar[rows] + self.length - 1
        self._steps_left = int((self._last - self._bar).min()) + 1
        for counts in (self._position, self._held, self._trades, self._paid, self._total):
            counts[rows] = 0
        for shares in (self._price, self._worth, self._left):
            shares[rows] = 1.0
        for flags in (self._low, self._lower, self._gone):
            flags[rows] = False

    def _final(self, ended: NDArray[np.bool_]) -> dict[str, Any]:
        """The last observation and info of the episodes that `ended` [K], in the form of Gymnasium's own vectors."""
        seen = self._observation()
        last = np.full(self.num_envs, None, dtype=object)
        for row in np.flatnonzero(ended).tolist():
            last[row] = seen[row]
        info = {key: value.copy() for key, value in self._info().items()}
        for key in ("equity", "position", "time", "trades"):
            info[f"_{key}"] = ended.copy()
        return {"final_obs": last, "_final_obs": ended.copy(), "final_info": info, "_final_info": ended.copy()}

    def _observation(self) -> NDArray[np.float32]:
        return self.observed(self._bar, self._position)

    def _info(self) -> dict[str, Any]:
        known = self._all.copy()
        return {
            "equity": np.exp(self._total),
            "position": self._position.copy(),
            "time": self.tables.times.take(self._bar, mode="clip"),
            "trades": self._trades.copy(),
            "_equity": known,
            "_position": known,
            "_time": known,
            "_trades": known,
        }


def _check_count(num_envs: int) -> None:
    if not is_count(num_envs):
        raise ConfigError(f"num_envs={num_envs!r}: expected a whole number of walks, at least 1")
