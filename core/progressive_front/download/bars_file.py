"""A file of an exchange's bars, as `--data` reads it, and beside it what was fetched and has not been put into it yet."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from progressive_app.exchanges.closed_bars import COLUMNS
from progressive_app.exchanges.named_exchange import Candle
from progressive_app.locks.file_lock import FileLock, NoFileLocks
from progressive_app.machine.durable_files import open_to_append, replacing, sync
from progressive_core.contract.errors import ConfigError, DataError, RunError, WriteError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".parquet", ".feather")
PATIENCE = 0.5
"""Seconds to wait for the lock of a download that is just ending."""


@frozen(kw_only=True)
class Wanted:
    """Whose bars a file holds: `market` by its name there, `timeframe` as the exchange writes it, `step` its milliseconds."""

    exchange: str
    market: str
    timeframe: str
    step: int

    @property
    def header(self) -> dict[str, Any]:
        """What the first line of the pages on the way says."""
        return {"exchange": self.exchange, "market": self.market, "timeframe": self.timeframe}

    def __str__(self) -> str:
        return f"{self.market} {self.timeframe} of {self.exchange}"


class BarsFile:
    """The file at `out`. Pages are appended to a file beside it, `.NAME.pages`, and waited for; `put` puts them in their place at once.

    :raise ConfigError: its suffix names no format, or its directory is not there.
    """

    def __init__(self, out: Path, wanted: Wanted) -> None:
        if out.suffix.lower() not in SUFFIXES:
            raise ConfigError(f"--out {out}: expected a name that ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
        if not out.parent.is_dir():
            raise ConfigError(f"--out {out}: there is no directory {out.parent}; make it first")
        self.out, self._wanted = out, wanted
        self._pages = out.with_name(f".{out.name}.pages")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within it no other download writes to the file.

        :raise RunError: another one does. :raise WriteError: nothing may be written there.
        """
        lock = FileLock(self._pages)
        try:
            lock.acquire(PATIENCE)
        except NoFileLocks:
            pass
        except TimeoutError:
            raise RunError(f"{self.out}: another download is writing to it; wait for it, or stop it") from None
        except OSError as error:
            raise WriteError(f"{self.out}: cannot be written ({error.strerror})") from error
        try:
            yield
        finally:
            lock.release()  # first: some systems remove no file that is open
            with suppress(OSError):
                if not self._pages.stat().st_size:
                    self._pages.unlink()

    def read(self) -> pd.DataFrame:
        """The bars that are there, those on the way included, in order; `time` in milliseconds since 1970. Empty where there are none.
        Rows without a price, which a file of an earlier version may hold, are left out.

        :raise DataError: the file was not made by a download, or is of another market. :raise ConfigError: the pages are.
        """
        import pandas as pd

        kept = self._in_file()
        rows = list(self._on_the_way())
        fetched = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"time": "int64"})
        bars = merged(kept, fetched) if len(kept) else fetched
        prices = bars[list(COLUMNS[1:5])].astype("float64")
        return bars[(prices.gt(0) & prices.lt(math.inf)).all(axis=1)].reset_index(drop=True)

    def append(self, page: Iterable[Candle]) -> None:
        """Keep a page, also if the process is killed or the power fails right afterwards.

        :raise WriteError: the disk is full, or the like.
        """
        try:
            lines = [json.dumps(list(row)) for row in page]
            if not self._pages.exists() or not self._pages.stat().st_size:
                lines.insert(0, json.dumps(self._wanted.header))
            with open_to_append(self._pages) as file:
                file.write("".join(f"{line}\n" for line in lines).encode())
            sync(self._pages)
        except OSError as error:
            raise WriteError(f"{self._pages}: cannot be written ({error.strerror}); what is there stays") from error

    def put(self, bars: pd.DataFrame) -> None:
        """Write the file anew, at once or not at all; then nothing is on the way.

        :raise WriteError: it cannot be written; what was fetched stays beside it.
        """
        import pandas as pd

        time = pd.to_datetime(bars["time"], unit="ms", utc=True)
        table = bars.assign(time=time.astype("datetime64[ms, UTC]"), symbol=self._wanted.market)
        try:
            with replacing(self.out) as (path,):
                if self.out.suffix.lower() == ".csv":
                    table.to_csv(path, index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
                elif self.out.suffix.lower() == ".parquet":
                    table.to_parquet(path, index=False)
                else:
                    table.to_feather(path)
            os.truncate(self._pages, 0)
        except OSError as error:
            raise WriteError(
                f"{self.out}: cannot be written ({error.strerror}); what was fetched stays beside it"
            ) from error

    def _in_file(self) -> pd.DataFrame:
        import pandas as pd

        suffix, expected = self.out.suffix.lower(), [*COLUMNS, "symbol"]
        if not self.out.exists():
            return pd.DataFrame(columns=list(COLUMNS))
        try:
            if suffix == ".csv":
                table = pd.read_csv(self.out)
            else:
                table = pd.read_parquet(self.out) if suffix == ".parquet" else pd.read_feather(self.out)
            if list(table.columns) != expected or not len(table):
                raise ValueError(f"its columns are {', '.join(map(str, table.columns))}"[:200])
            time = pd.to_datetime(table["time"], utc=True).astype("datetime64[ms, UTC]").astype("int64")
            bars: pd.DataFrame = table[list(COLUMNS)].assign(time=time).astype(dict.fromkeys(COLUMNS[1:], "float64"))
        except (OSError, ValueError, TypeError) as error:  # those of pyarrow and pandas are ValueErrors
            raise DataError(
                f"{self.out}: cannot be continued, since it is no file of a download ({error!s:.200}); expected the columns "
                f"{', '.join(expected)}. Choose another --out"
            ) from error
        if (markets := set(map(str, table["symbol"].unique()))) != {self._wanted.market}:
            raise DataError(
                f"{self.out}: holds bars of {', '.join(sorted(markets))}, and not of {self._wanted.market} alone; choose another --out"
            )
        steps = bars["time"].diff().dropna()
        if (len(steps) and (steps % self._wanted.step != 0).any()) or (
            len(steps) > 9 and steps.mode()[0] != self._wanted.step
        ):
            raise DataError(
                f"{self.out}: its bars are {int(steps.mode()[0]) // 1000} seconds long, and not {self._wanted.timeframe}; choose another --out"
            )
        return bars

    def _on_the_way(self) -> Iterator[Sequence[float]]:
        """The whole lines of the pages; what a kill left of the last one is cut off."""
        data = self._pages.read_bytes() if self._pages.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:
            os.truncate(self._pages, len(whole))
        lines = whole.splitlines()
        if not lines:
            return
        try:
            header = dict(json.loads(lines[0]))
            rows = [_row(json.loads(line)) for line in lines[1:]]
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError(f"{self._pages}: damaged ({error!s:.100}); delete it to fetch its bars again") from error
        if header != self._wanted.header:
            raise ConfigError(
                f"{self.out}: a download of {header.get('market')} {header.get('timeframe')} of {header.get('exchange')} was stopped here; "
                f"finish it, choose another --out, or delete {self._pages}"
            )
        yield from rows


def _row(written: Sequence[Any]) -> Candle:
    """A bar of a page. :raise ValueError: it is none, or of a time that no date has. :raise TypeError: as that."""
    time, *numbers = written
    if len(numbers) != len(COLUMNS) - 1:
        raise ValueError("a bar has six numbers")
    datetime.fromtimestamp(time / 1000, UTC)
    return (int(time), *map(float, numbers))


def merged(kept: pd.DataFrame, fetched: pd.DataFrame) -> pd.DataFrame:
    """Both in order; of a time that is in both the fetched bar counts, which the exchange may have corrected."""
    import pandas as pd

    return pd.concat([kept, fetched]).drop_duplicates("time", keep="last").sort_values("time", ignore_index=True)
