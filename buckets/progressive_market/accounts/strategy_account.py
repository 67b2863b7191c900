"""The account of a bucket's judged strategy, as files below a run: JSON and Parquet, for reports and for users."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs
import pandas as pd
from attrs import frozen

from progressive_market.accounts.account_tables import COLUMNS, read_table, write_table
from progressive_market.bars.kept.array_file import identity_of
from progressive_training import RunError, make_directory, replacing, validated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from progressive_market.accounts.candles import Candles
    from progressive_market.accounts.part_account import PartAccount
    from progressive_market.market import Market
    from progressive_market.split import Split

ACCOUNTS, FACTS = "accounts", "account.json"
MOST_BYTES = 16 << 20
"""Of the facts: a thousand times what an account has."""
SHARED = ("candles", "gaps")
"""What buckets that read the same bars have in common, in files beside their folders."""
NAME = re.compile("[0-9a-f]{16}")
PARTS = ("training", "validation", "test")


@frozen(kw_only=True)
class AccountPart:
    """`training`, `validation` or `test`: the opens of its first and last bar (ISO, UTC), and how many `bars` it has."""

    name: str
    first: str
    last: str
    bars: int


@frozen(kw_only=True)
class CostsPaid:
    """Profit of a part in per cent of equity, `gross` without any cost and `net` of all, and the per cent of the equity that
    `fees` (and slippage) and `charges` (funding and borrowing, negative where they paid) took."""

    gross: float
    net: float
    fees: float
    charges: float


@frozen(kw_only=True)
class AccountFacts:
    """What an account holds beside its tables.

    `interval`: length of a bar in seconds. `bars`: of the whole data, the purged ones between the parts included; `merged` of them
    make one candle. `symbol` of the market, or empty, and `source` of the bars. `costs` by part. `drawn` names the candles: those of
    buckets that read the same bars have the same name.
    """

    interval: float
    bars: int
    merged: int
    symbol: str
    source: str
    gap_count: int
    drawn: str
    parts: tuple[AccountPart, ...]
    costs: dict[str, CostsPaid]


@frozen(kw_only=True, eq=False)
class StrategyAccount(AccountFacts):
    """What the strategy of a judged model did, whether or not it may trade in use; of one that trades in some regimes alone, what it does
    in use. Times are in UTC, profits in per cent of equity, net of costs.

    `candles` of all bars and the `gaps` between them (see `Candles`); `trades` on validation and test (`trades_of`); `equity` of the
    strategy and each baseline (`equity_curve`); `slices` of both parts (`slices_of`).
    """

    candles: pd.DataFrame = attrs.field(repr=False)
    gaps: pd.DataFrame = attrs.field(repr=False)
    trades: pd.DataFrame = attrs.field(repr=False)
    equity: pd.DataFrame = attrs.field(repr=False)
    slices: pd.DataFrame = attrs.field(repr=False)

    @classmethod
    def of(cls, market: Market, split: Split, candles: Candles, parts: Mapping[str, PartAccount]) -> Self:
        """The account of `parts` by name, on the bars of which `candles` were made."""
        return cls(
            interval=market.interval,
            bars=len(market.times),
            merged=candles.merged,
            symbol=market.symbol,
            source=candles.source,
            gap_count=candles.gap_count,
            drawn=candles.digest,
            parts=tuple(
                _part(name, market, bars)
                for name, bars in (("training", split.train), ("validation", split.validation), ("test", split.test))
            ),
            costs={name: part.costs for name, part in parts.items()},
            candles=candles.frame,
            gaps=candles.gaps,
            **{table: _joined(table, parts) for table in ("trades", "equity", "slices")},
        )

    def write(self, run_dir: Path, bucket: str) -> None:
        """Write the account below a run, the facts last: without them there is no account.

        :raise RunError: the disk is full, or the directory cannot be written.
        """
        directory = run_dir / ACCOUNTS / bucket
        try:
            self._write(directory)
        except OSError as error:
            raise RunError(
                f"{error.filename or directory}: cannot be written ({error.strerror or error}); the run stands at its last commit: "
                f"mend that, then go on with --resume --run-dir {run_dir}"
            ) from error

    def _write(self, directory: Path) -> None:
        make_directory(directory)
        (directory / FACTS).unlink(missing_ok=True)
        files = {_file(directory, table, self.drawn): table for table in COLUMNS}
        written = {file: table for file, table in files.items() if table not in SHARED or not file.is_file()}
        facts = {field.name: getattr(self, field.name) for field in attrs.fields(AccountFacts)}
        text = json.dumps(facts, default=attrs.asdict, indent=2)
        with replacing(*written, directory / FACTS) as (*partials, last):
            for partial, table in zip(partials, written.values(), strict=True):
                write_table(getattr(self, table), partial)
            last.write_text(text + "\n", "utf-8")


def account_of(run_dir: Path | str, bucket: str) -> StrategyAccount | None:
    """What the strategy of a judged bucket of the run at `run_dir` did; None where the run holds no account of it.

    :raise RunError: its files are damaged.
    """
    directory = Path(run_dir) / ACCOUNTS / bucket
    if not (directory / FACTS).is_file():
        return None
    try:
        if (directory / FACTS).stat().st_size > MOST_BYTES:
            raise ValueError(f"{FACTS} has more than {MOST_BYTES:,} bytes")
        facts = validated(json.loads((directory / FACTS).read_text("utf-8")), AccountFacts)
        _check(facts)
        tables: dict[str, Any] = {table: _read(_file(directory, table, facts.drawn), table) for table in COLUMNS}
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(
            f"{directory}: damaged ({next(iter(str(error).splitlines()), type(error).__name__):.200})"
        ) from error
    return StrategyAccount(**attrs.asdict(facts, recurse=False), **tables)


def _file(directory: Path, table: str, drawn: str) -> Path:
    return directory.parent / f"{table}-{drawn}.parquet" if table in SHARED else directory / f"{table}.parquet"


def _read(file: Path, table: str) -> pd.DataFrame:
    identity = identity_of(file) if table in SHARED else None
    return read_table(file, table) if identity is None else _read_once(identity, table).copy()


@lru_cache(maxsize=len(SHARED))
def _read_once(identity: tuple[Any, ...], table: str) -> pd.DataFrame:
    """What buckets have in common, which the accounts of a run would read time and again."""
    return read_table(identity[0], table)


def _check(facts: AccountFacts) -> None:
    """:raise ValueError: a number is out of its range, or the parts are not those of an account."""
    expected = {
        "interval": 0 < facts.interval < math.inf,
        "bars": facts.bars >= 1,
        "merged": facts.merged >= 1,
        "gap_count": facts.gap_count >= 0,
        "drawn": bool(NAME.fullmatch(facts.drawn)),
        "parts": tuple(part.name for part in facts.parts) == PARTS
        and all(_is_time(part.first) and _is_time(part.last) and part.bars >= 1 for part in facts.parts),
        "costs": tuple(facts.costs) == PARTS[1:],
    }
    if odd := [name for name, holds in expected.items() if not holds]:
        raise ValueError(f"{odd[0]} is {getattr(facts, odd[0])!s:.100}")


def _is_time(text: str) -> bool:
    """Whether it is a time with a zone, in ISO form."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _part(name: str, market: Market, bars: slice) -> AccountPart:
    first, last = (
        str(pd.Timestamp(int(market.times[bar]), tz="UTC").isoformat()) for bar in (bars.start, bars.stop - 1)
    )
    return AccountPart(name=name, first=first, last=last, bars=bars.stop - bars.start)


def _joined(table: str, parts: Mapping[str, PartAccount]) -> pd.DataFrame:
    """A table of all parts, with the name of each in its first column."""
    frames: list[pd.DataFrame] = [getattr(part, table).assign(part=name) for name, part in parts.items()]
    return pd.concat(frames, ignore_index=True).reindex(columns=list(COLUMNS[table]))
