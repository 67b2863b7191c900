"""What is fuzzed: each target has inputs, what they are fed to, and the place that a refusal must name."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
from attrs import frozen
from fuzz_inputs import (
    Table,
    as_json,
    changed_bytes,
    changed_table,
    changed_tree,
    columns_of,
    delimited,
    odd_value,
)
from fuzz_watch import Broken, Watch
from hypothesis import strategies as st

from progressive_app.config.flag_values import parse_episodes, parse_setting
from progressive_app.config.resolve import defaults, overlay, overlay_ui, resolve
from progressive_market.bars import Bars, configured_bars, doubts, load_bars, synthetic_bars

NOW = 1_700_000_000 * 10**9
ROWS = 60


@frozen
class Target:
    """`feed` takes what `inputs` draw; `place` is a pattern that every refusal must hold; `count` is tried by default.

    `seeds` are whole files for the engine that works on bytes, none where there is nothing to parse.
    """

    name: str
    inputs: st.SearchStrategy[Any]
    feed: Callable[[Any], None]
    place: str
    count: int
    seeds: Sequence[bytes] = ()


def table_of_bars() -> Table:
    """Some hourly bars as an exchange writes them."""
    bars = synthetic_bars(ROWS, seed=5)
    names = ["time", "open", "high", "low", "close", "volume", "trades", "mood"]
    rows = zip(bars.time // 10**9, bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
    return [names, *[[*map(_text, row), str(i * 7 % 50), f"{np.sin(i):.4f}"] for i, row in enumerate(rows)]]


def _text(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def check_bars(bars: Bars) -> None:
    """What `Bars` promises, of whatever was accepted.

    :raise Broken: it does not hold.
    """
    arrays: list[Any] = [
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.volume,
        bars.time,
        bars.segment,
        *bars.extra.values(),
    ]
    prices = np.stack(arrays[:4])
    holds = {
        "of one length": len({len(array) for array in arrays}) == 1,
        "in order": bool((np.diff(bars.time) > 0).all()),
        "positive and finite": bool((prices > 0).all() and np.isfinite(prices).all()),
        "low and high": bool((bars.low <= prices.min(axis=0)).all() and (bars.high >= prices.max(axis=0)).all()),
        "volume": bool(np.isfinite(bars.volume).all() and (bars.volume >= 0).all()),
    }
    if broken := [name for name, each in holds.items() if not each]:
        raise Broken(f"bars are not {broken[0]}")


def bar_targets(watch: Watch) -> list[Target]:
    """Files of bars: text, JSON, Parquet and Feather, packed; and what Python may give in their place."""
    table, file = table_of_bars(), watch.inside / "bars.data"

    def feed(content: bytes) -> None:
        file.write_bytes(content)
        asked = {"DATA": str(file), "FREQUENCY": "4h" if len(content) % 3 == 0 else None}
        bars = configured_bars({**defaults(), **asked})
        check_bars(bars)
        doubts(bars, NOW)

    def take(given: Any) -> None:
        check_bars(load_bars(given))

    plain = delimited(table, ",", "\n", named=True, quoted=False)
    rows = [[_number(cell) for cell in row] for row in table[1:]]
    trees: list[Any] = [
        rows,
        [dict(zip(table[0], row, strict=True)) for row in rows],
        {"code": 0, "data": {"list": rows}},
        dict(zip(table[0], map(list, zip(*rows, strict=True)), strict=True)),
        {"columns": table[0], "data": rows, "index": list(range(ROWS))},
    ]
    frame = pd.DataFrame({name: pd.to_numeric(pd.Series(cells)) for name, cells in columns_of(table).items()})
    texts = frame.assign(symbol=["BTC-USD", "ETH-USD"] * (ROWS // 2)).astype({"symbol": "category", "mood": str})
    stored = [_parquet(frame), _feather(frame), _feather(frame, "uncompressed"), _parquet(frame.set_index("time"))]
    stored += [_parquet(texts), _feather(texts), _parquet(texts.astype({"symbol": str}))]
    packed = [gzip.compress(plain), _zipped({"bars.csv": plain}), _zipped({"a": plain, "b": plain})]
    packed += [gzip.compress(gzip.compress(plain)), gzip.compress(b"0," * 200_000_000), _zipped({"z": packed[0]})]
    text = st.builds(
        delimited,
        changed_table(table),
        st.sampled_from([",", ";", "\t", "|", " "]),
        st.sampled_from(["\n", "\r\n", "\r"]),
        named=st.booleans(),
        quoted=st.booleans(),
    )
    lines = changed_tree(trees[1:2]).map(lambda tree: b"\n".join(map(as_json, tree)) if tree else b"")
    place = r"bars\.data"
    return [
        Target("bars: text", st.one_of(text, changed_bytes([plain])), feed, place, 3000, [plain]),
        Target(
            "bars: JSON",
            st.one_of(changed_tree(trees).map(as_json), lines, changed_bytes([as_json(tree) for tree in trees])),
            feed,
            place,
            3000,
            [as_json(tree) for tree in trees],
        ),
        Target(
            "bars: Parquet, Feather",
            st.one_of(changed_bytes(stored), st.builds(_stored, changed_table(table), st.integers(0, 5))),
            feed,
            place,
            2000,
            stored,
        ),
        Target(
            "bars: given from Python",
            st.one_of(changed_tree(trees[:2]), st.builds(_arrow, changed_table(table))),
            take,
            r"given|no source of bars|no path of a file|cannot be read",
            1000,
        ),
        Target(
            "bars: gzip, zip",
            st.one_of(st.sampled_from(packed), changed_bytes(packed[:4])),
            feed,
            place,
            500,
            packed[:2],
        ),
    ]


def _number(cell: str) -> Any:
    return float(cell) if "." in cell else int(cell)


def _stored(table: Table, kind: int) -> bytes:
    """The table as Parquet or Feather, numbers where a column has only such, or of a type that bars rarely have."""
    frame = pd.DataFrame(columns_of(table))
    if kind < 4:
        for name in frame.columns:
            with contextlib.suppress(ValueError, TypeError):
                frame[name] = pd.to_numeric(frame[name])
    odd: Any = (None, "category", "string", "bytes", "lists", None)[kind]
    column = frame.columns[0]
    if odd == "bytes":
        frame[column] = [b"\xff"] * len(frame)
    elif odd == "lists":
        frame[column] = [[1, 2]] * len(frame)
    elif odd:
        frame[column] = frame[column].astype(odd)
    write = _feather if kind % 2 else _parquet
    try:
        return write(frame)
    except (pa.ArrowException, OverflowError, ValueError):  # a mixture, or a number that no column holds
        return write(frame.map(str))


def _arrow(table: Table) -> pa.Table:
    """The table as other libraries hand it over: columns of text, two of three with each text once and its number in each row."""
    columns = {
        name: [cell and cell.encode("utf-8", "replace").decode() for cell in cells]
        for name, cells in columns_of(table).items()
    }
    return pa.table(
        {
            name: pa.array(cells).dictionary_encode() if number % 3 else pa.array(cells)
            for number, (name, cells) in enumerate(columns.items())
        }
    )


def _parquet(frame: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.to_parquet(file)
    return file.getvalue()


def _feather(frame: pd.DataFrame, compression: str = "zstd") -> bytes:
    file = io.BytesIO()
    pa.feather.write_feather(frame, file, compression=compression)
    return file.getvalue()


def _zipped(files: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def configuration_targets(watch: Watch) -> list[Target]:
    """config.json, `--set` and `--episodes`, and the user interface's parameters."""
    file = watch.inside / "config.json"
    valid = json.loads(json.dumps(dict(defaults())))
    samples = [valid, {"EPISODES": {"Scalping": 5}, "SEQUENCE": ["Long"]}, {"HORIZON_RANGE": [1, 9], "// note": 1}]

    def from_file(content: bytes) -> None:
        file.write_bytes(content)
        _plain_settings(resolve(file))

    def from_flag(text: str) -> None:
        key, value = parse_setting(text)
        _plain_settings(overlay(defaults(), {key: value}, "command line"))

    def from_episodes(text: str) -> None:
        _plain_settings(overlay(defaults(), {"EPISODES": parse_episodes(text)}, "command line"))

    def from_interface(given: Any) -> None:
        _plain_settings(overlay_ui(defaults(), given))

    names = st.one_of(st.sampled_from([*defaults(), "SEEDS", "", "seed"]), st.text(max_size=9))
    words = st.one_of(st.text(max_size=20), odd_value().map(json.dumps), odd_value().map(str))
    parameters = st.one_of(
        st.sampled_from(["horizon_range", "frequency", "capital_allocation"]), odd_value().filter(_hashable)
    )
    keys = "|".join(defaults())
    seeds = [as_json(sample) for sample in samples]
    return [
        Target(
            "configuration: file",
            st.one_of(changed_tree(samples).map(as_json), changed_bytes(seeds)),
            from_file,
            r"config\.json|named in [A-Z]+",
            4000,
            seeds,
        ),
        Target(
            "configuration: --set",
            st.builds("{}={}".format, names, words),
            from_flag,
            rf"--set|command line|{keys}",
            4000,
        ),
        Target(
            "configuration: --episodes",
            st.one_of(words, st.lists(st.builds("{}={}".format, names, words), max_size=3).map(",".join)),
            from_episodes,
            "--episodes|EPISODES",
            2000,
        ),
        Target(
            "configuration: ui_params",
            st.one_of(odd_value(), st.dictionaries(parameters, odd_value(), max_size=3)),
            from_interface,
            "ui_params",
            2000,
        ),
    ]


def _hashable(value: Any) -> bool:
    return value.__hash__ is not None


def _plain_settings(settings: Mapping[str, Any]) -> None:
    """Every setting can be written into a run's directory.

    :raise Broken: one cannot.
    """
    try:
        json.dumps(dict(settings), allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise Broken(f"settings that are no JSON: {error}") from error


def emptied(folder: Path) -> Path:
    """The folder, with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
