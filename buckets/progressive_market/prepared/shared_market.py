"""A market made once: for the buckets of a run by its memory, and for all processes on one cache by a mapped file."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from attrs import asdict, define, frozen

from progressive_market.accounts.candles import candles_of
from progressive_market.bars.bar_records import PRICES
from progressive_market.bars.kept.array_file import (
    NO_ARRAYS,
    identity_of,
    is_intact,
    map_arrays,
    write_arrays,
)
from progressive_market.charges import without_funding
from progressive_market.features.feature_table import SCALES
from progressive_market.features.newest import features_of
from progressive_market.features.scaler import Scaler
from progressive_market.market import Market, described, open_market, refuse_untradable
from progressive_market.prepared.run_memory import LARGEST
from progressive_market.regimes.detector import fit_regimes
from progressive_training import one_at_a_time, release_heap

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from pathlib import Path

    from numpy.typing import NDArray

    from progressive_market.bars import Bars
    from progressive_market.features.newest import Features
    from progressive_market.fills import Costs
    from progressive_market.prepared.run_memory import RunMemory
    from progressive_market.regimes.detector import Regimes, RegimesAsked
    from progressive_market.split import Split

    Arrays = dict[str, NDArray[Any]]
    Widths = dict[str, int]

T = TypeVar("T")
FORMAT = 2  # counts up when features, scaler or fills change what comes out, or the file's layout
TENSORS = {
    "features": "float32",
    "returns": "float64",
    "settled": "bool",
    "decidable": "bool",
    "log_open": "float64",
    "volatility": "float32",
    "segment": "int64",
}
"""Tensors of a market, each with a row for each bar."""
SOMETIMES = {"charges": "float64", "absent": "bool", "regimes": "float32"}
"""Those that are None where nothing is paid, where every bar was there, and where nobody asked for regimes."""
COLUMNS = {"times": "int64", "closes": "float64"}
SCALER = ("mean", "deviation")
BESIDE = 64
"""Bytes of a bar beside its features and regimes, at most."""


@frozen
class CacheRoom:
    """A directory for prepared data, and how many bytes its files may have in all."""

    directory: Path
    limit: int


@define(eq=False)
class SharedBars:
    """Bars that are read when they are needed (`were_read`), and not in memory: `asked` says which, to `memory`."""

    memory: RunMemory
    asked: tuple[Hashable, ...]
    read: Callable[[], Bars]
    were_read: bool = False
    _bars: Bars | None = None

    def bars(self) -> Bars:
        """The bars, from memory where they are there."""
        if self._bars is None:
            self._bars = self.memory.recent(("bars", self.asked))
        if self._bars is None:
            self._bars, self.were_read = self.read(), True
            self.memory.keep(
                ("bars", self.asked), self._bars, sum(array.nbytes for array in arrays_of(self._bars).values())
            )
        return self._bars

    def once(self, what: Hashable, make: Callable[[Bars], T]) -> T:
        """What `make` finds in the bars, found once in a run. It must be small."""
        return self.memory.once((what, self.asked), lambda: make(self.bars()))


def shared_market(
    shared: SharedBars,
    split: Split,
    costs: Costs,
    device: str,
    room: CacheRoom | None = None,
    asked: RegimesAsked | None = None,
) -> Market:
    """The market of `shared` bars, scaled on the training part of `split`. Nobody may write to its tensors.

    A small one stays in the memory of the run, a large one is mapped from a file in the cache.

    :raise DataError: none of its bars can be traded on.
    """
    what = (repr(split), costs, device, shared.asked, asked)
    memory, regimes = shared.memory, _regimes(shared, split, costs, asked)
    plain = shared.once(
        ("described", costs.funding, repr(split.train), asked), lambda bars: _plain(bars, costs, regimes)
    )
    columns = len(plain["names"]) * len(SCALES)
    widths = {"features": columns, "charges": 2, "regimes": 0 if asked is None else asked.count}
    small = shared.once("length", len) * (4 * (columns + widths["regimes"]) + BESIDE) <= LARGEST

    def make() -> Arrays:
        features = _features(shared, costs)
        market = open_market(shared.bars(), split, costs, device, regimes=regimes, features=features)
        refuse_untradable(market)
        made = market_arrays(market)
        del market
        release_heap()
        return made

    arrays = memory.recent(what)
    if arrays is None and room and memory.lasts and not small:
        arrays = _from_file(room, _file_name(shared, split, costs, device, regimes), memory, widths, make)
    elif arrays is None:
        arrays = make()
        memory.keep(what, arrays, sum(array.nbytes for array in arrays.values()))
    held: dict[str, Any] = {name: arrays[name] for name in COLUMNS}
    held |= {name: torch.from_numpy(arrays[name]).to(device) for name in (*TENSORS, *SOMETIMES) if name in arrays}
    return Market(
        **plain,
        **held,
        costs=costs,
        scaler=Scaler(*(arrays[name] for name in SCALER)),
        measured=memory.once(("measured", what), dict),
    )


def _features(shared: SharedBars, costs: Costs) -> Features:
    """The features of the bars, computed once for all splits of them where the memory of the run has room; the table is a copy."""
    what = ("features", shared.asked, costs.funding)
    found: Features | None = shared.memory.recent(what)
    if found is None:
        found = features_of(without_funding(shared.bars(), costs.funding))
        if not shared.memory.keep(what, found, sum(array.nbytes for array in found)):
            return found
    return found[0], found[1].copy()


def _regimes(shared: SharedBars, split: Split, costs: Costs, asked: RegimesAsked | None) -> Regimes | None:
    """The detector that was asked for, fitted once in a run for all who train on the same bars."""
    if asked is None:
        return None
    what = ("regimes", repr(split.train), asked, costs.funding)
    return shared.once(what, lambda bars: fit_regimes(without_funding(bars, costs.funding), split.train, asked))


def _plain(bars: Bars, costs: Costs, regimes: Regimes | None) -> dict[str, Any]:
    return {**described(without_funding(bars, costs.funding), regimes), "candles": candles_of(bars)}


def market_arrays(market: Market) -> Arrays:
    """All arrays of a market, in the memory of the host."""
    tensors = {name: getattr(market, name) for name in (*TENSORS, *SOMETIMES)}
    return {
        **{name: tensor.cpu().numpy() for name, tensor in tensors.items() if tensor is not None},
        **{name: getattr(market, name) for name in COLUMNS},
        **{name: getattr(market.scaler, name) for name in SCALER},
    }


def arrays_of(bars: Bars) -> Arrays:
    """All arrays of bars, by name."""
    named = {name: getattr(bars, name) for name in ("time", *PRICES, "volume", "segment", "fills", "absent")}
    named |= {f"extra.{name}": values for name, values in bars.extra.items()}
    return {name: np.asarray(values) for name, values in named.items() if values is not None}


def digest_of(bars: Bars) -> str:
    """SHA-256 of all that a market is made of."""
    digest = hashlib.sha256(repr((bars.interval, bars.source_interval, bars.ratios)).encode())
    for name, values in arrays_of(bars).items():
        digest.update(f"{name} {values.dtype} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).view(np.uint8).data)
    return digest.hexdigest()


def _file_name(shared: SharedBars, split: Split, costs: Costs, device: str, regimes: Regimes | None) -> str:
    """Of a market: it says all that decides a bit of it, the libraries and the kind of processor included."""
    kind = torch.device(device).type
    made_by = [np.__version__, torch.__version__, torch.backends.cpu.get_cpu_capability(), kind]
    if kind == "cuda":
        made_by.append(torch.cuda.get_device_name(device))
    asked = [FORMAT, SCALES, shared.once("digest", digest_of), repr(split), asdict(costs), made_by]
    if regimes is not None:
        asked.append(asdict(regimes.model))
    return f"market-{hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]}.arrays"


def _from_file(room: CacheRoom, name: str, memory: RunMemory, widths: Widths, make: Callable[[], Arrays]) -> Arrays:
    """The arrays in a file of the cache, which is made where it is absent or damaged; in memory where it cannot be written."""
    path = room.directory / name
    found = _mapped(path, memory, widths)
    if found is None:
        with one_at_a_time(path):
            found = _mapped(path, memory, widths)  # another process may have made it meanwhile
            if found is None:
                with suppress(OSError):
                    path.unlink()  # a damaged one
                found = make()
                if write_arrays(path, found, room.limit):
                    found = _mapped(path, memory, widths) or found
    return found


def _mapped(path: Path, memory: RunMemory, widths: Widths) -> Arrays | None:
    """The arrays in the file at `path`; None where it is absent, damaged, or of another market."""
    identity = identity_of(path)
    if identity is None or not memory.once(("intact", identity), lambda: is_intact(path)):
        return None
    try:
        arrays = map_arrays(path)
    except (OSError, *NO_ARRAYS):
        return None
    count = len(arrays.get("times", ()))
    shapes = {name: (count, width) for name, width in widths.items()} | dict.fromkeys(SCALER, (widths["features"],))
    types = TENSORS | COLUMNS | dict.fromkeys(SCALER, "float64")
    fits = types.keys() <= arrays.keys() <= (types | SOMETIMES).keys() and all(
        array.dtype.name == (types | SOMETIMES)[name] and array.shape == shapes.get(name, (count,))
        for name, array in arrays.items()
    )
    return arrays if fits else None
