"""Fetches an exchange's bars into a file, from where it ends on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from progressive_app.exchanges.closed_bars import closed_pages, patiently
from progressive_app.exchanges.named_exchange import Candle, Exchange
from progressive_app.exchanges.timeframes import checked_timeframe, seconds_of
from progressive_app.presentation.quantities import utc_text_of
from progressive_core.contract.errors import ConfigError, DataError
from progressive_front.download.bars_file import BarsFile, Wanted

if TYPE_CHECKING:
    import pandas as pd

OVERLAP = 24
"""Bars at the end of a file that are fetched again, to see whether they are of the same market, and as they are now."""
ALIKE = 1e-9
"""How far prices that are the same may be apart, as a share: a text file rounds none away."""


@frozen(kw_only=True)
class AskedDownload:
    """What is asked for; times in milliseconds since 1970, `since` None where the file says where to go on."""

    symbol: str
    timeframe: str
    since: int | None
    until: int | None
    out: Path


@frozen(kw_only=True)
class Reached:
    """How far a download has come: `bars` fetched, the `time` reached, and the span from `begin` to `end` that it covers."""

    bars: int
    time: int
    begin: int
    end: int


@frozen(kw_only=True)
class Downloaded:
    """What is in the file: `wanted` whose bars, `new` of them from this download, first and last open in milliseconds since 1970, and the
    `gaps` between bars: open of the first bar that is missing, and how many are, of each. No bars: `first` and `last` are None."""

    wanted: Wanted
    bars: int
    new: int
    first: int | None
    last: int | None
    gaps: tuple[tuple[int, int], ...]


class Download:
    """One download, which can be ended between any two lines: `finish` puts into the file what was fetched."""

    def __init__(self, exchange: Exchange, asked: AskedDownload) -> None:
        """Ask the exchange whether it has such bars.

        :raise ConfigError: it has no such market or bars, or the file's name says no format.
        """
        self._exchange, self._asked = exchange, asked
        timeframe = checked_timeframe(asked.timeframe, exchange.timeframes, exchange.name)
        market = patiently(exchange, lambda: exchange.market(asked.symbol))
        step = 1000 * (seconds_of(timeframe) or 0)
        self._wanted = Wanted(exchange=exchange.name, market=market, timeframe=timeframe, step=step)
        self.file = BarsFile(asked.out, self._wanted)
        self._new = 0

    def fetch(self, report: Callable[[Reached], None]) -> None:
        """Fetch page after page, each of which is kept before the next is asked for.

        :param report: called after each page. :raise ConfigError: it is not known where to begin. :raise DataError: the exchange does not
            answer, or the file is of another market.
        """
        known, step = self.file.read(), self._wanted.step
        if len(known):
            begin = max(int(known["time"].iloc[0]), int(known["time"].iloc[-1]) - (OVERLAP - 1) * step)
            newest = int(known["time"].iloc[-1])
        elif self._asked.since is None:
            raise ConfigError(f"{self._asked.out}: is not there yet, so --since TIME must say where to begin")
        else:
            begin, newest = self._asked.since, -1
        end = patiently(self._exchange, self._exchange.now)
        if max(begin, newest) > end:
            whose = "--since" if newest < 0 else f"{self._asked.out}: the newest bar"
            raise ConfigError(
                f"{whose} is of {utc_text_of(max(begin, newest))}, which is in the future: on {self._exchange.name} it is {utc_text_of(end)}"
            )
        if self._asked.until is not None:
            end = min(end, self._asked.until)
        reached = begin
        for page in closed_pages(self._exchange, self._wanted.market, self._wanted.timeframe, begin, self._asked.until):
            if page:
                self._check_same(known, page)
                self.file.append(page)
                self._new += sum(row[0] > newest for row in page)
                reached = int(page[-1][0]) + step
            report(Reached(bars=self._new, time=reached, begin=begin, end=end))

    def finish(self) -> Downloaded:
        """Put what was fetched into the file.

        :raise WriteError: it cannot be written.
        """
        bars = self.file.read()
        if len(bars):
            self.file.put(bars)
        times = bars["time"].to_numpy(dtype=np.int64)
        return Downloaded(
            wanted=self._wanted,
            bars=len(bars),
            new=self._new,
            first=int(times[0]) if len(times) else None,
            last=int(times[-1]) if len(times) else None,
            gaps=_gaps(times, self._wanted.step),
        )

    def _check_same(self, known: pd.DataFrame, page: Sequence[Candle]) -> None:
        """Check that most bars that are in the file too are the same there: one or the other may have been corrected since."""
        import pandas as pd

        fetched = pd.DataFrame(page, columns=list(known.columns)).astype({"time": "int64"})
        both = known.merge(fetched, on="time", suffixes=("", "_now"))
        apart = ~np.isclose(both["close"].astype(float), both["close_now"].astype(float), rtol=ALIKE, atol=0.0)
        if len(both) and apart.mean() > 0.5:
            raise DataError(
                f"{self._asked.out}: {int(apart.sum())} of its newest {len(both)} bars are not those of {self._wanted}: it is of another "
                "exchange or kind of market. Choose another --out"
            )


def _gaps(times: np.ndarray, step: int) -> tuple[tuple[int, int], ...]:
    """Where bars are missing between others, and how many."""
    missing = np.diff(times) // step - 1
    return tuple((int(times[place]) + step, int(missing[place])) for place in np.flatnonzero(missing > 0))
