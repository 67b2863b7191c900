"""Files that are small and ask for much: refused before anything is made of them, in a line that says what would have been made."""

import gzip
import io
import json
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from progressive_app.config.resolve import defaults
from progressive_market.bars import configured_bars, load_bars, synthetic_bars
from progressive_training import DataError

MB = 10**6
NAMES = ("time", "open", "high", "low", "close", "volume")


def parquet(table: pa.Table, **options: object) -> bytes:
    file = io.BytesIO()
    pa.parquet.write_table(table, file, **options)
    return file.getvalue()


def feather(table: pa.Table, **options: object) -> bytes:
    file = io.BytesIO()
    pa.feather.write_feather(table, file, **options)
    return file.getvalue()


def zipped(content: bytes, size: int | None = None, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of `content` that says it holds `size` bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("bars.csv", content)
    packed = bytearray(file.getvalue())
    if size is not None:
        for mark, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
            at = packed.index(mark) + offset
            packed[at : at + 4] = size.to_bytes(4, "little")
    return bytes(packed)


def columns(array: pa.Array) -> pa.Table:
    return pa.table(dict.fromkeys(NAMES, array))


def numbered(letters: int, rows: int) -> pa.Array:
    """One long text, which all rows have."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), pa.array(["x" * letters]))


ZEROS = pa.array(np.zeros(1_000_000))
HUNGRY: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip.compress(b"0," * 20 * MB),
    "zip": lambda: zipped(b"0," * 20 * MB),
    "zip that says it is small": lambda: zipped(b"0," * 20 * MB, 1000),
    "zip of bzip2 that says it is small": lambda: zipped(b"0," * MB, 1000, zipfile.ZIP_BZIP2),
    "text of commas": lambda: (",".join(NAMES) + "\n").encode() + b",,,,,\n" * 400_000,
    "JSON of brackets": lambda: b"[" + b"[]," * MB + b"[]]",
    "JSON of one long row": lambda: json.dumps([[]] * 9_000 + [[1] * 5_000]).encode(),
    "JSON of objects with keys of their own": lambda: json.dumps([{str(i): 1} for i in range(9_000)]).encode(),
    "JSON of columns with keys of their own": lambda: json.dumps(
        {f"c{i}": {f"k{i}": 1} for i in range(9_000)}
    ).encode(),
    "Parquet of zeros": lambda: parquet(columns(ZEROS), compression="zstd"),
    "Parquet of one text": lambda: parquet(
        pa.table({"time": numbered(100_000, 5_000)}), store_schema=False, dictionary_pagesize_limit=MB
    ),
    "Parquet of one text in each group of rows": lambda: parquet(
        pa.table({"time": numbered(100_000, 5_000)}), row_group_size=1_000, dictionary_pagesize_limit=MB
    ),
    "Parquet of texts that repeat": lambda: parquet(
        pa.table({"time": pa.array(["x" * 20_000] * 2_000)}), use_dictionary=False, column_encoding="DELTA_BYTE_ARRAY"
    ),
    "Parquet of decimals": lambda: parquet(columns(pa.array([0] * 50_000, pa.decimal128(5, 2)))),
    "Feather of zeros": lambda: feather(columns(ZEROS), compression="zstd"),
    "Feather of one text": lambda: feather(columns(numbered(60_000, 2_000))),
    "Feather of nulls": lambda: feather(columns(pa.nulls(100 * MB)), chunksize=10**9),
    "Feather of many batches": lambda: feather(columns(ZEROS), compression="zstd", chunksize=1_000),
}


@pytest.mark.parametrize("kind", HUNGRY)
def test_what_asks_for_much_is_refused_before_it_is_made(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "bars.data"
    file.write_bytes(HUNGRY[kind]())
    pool = pa.default_memory_pool()
    pool.release_unused()
    held, most = pool.bytes_allocated(), pool.max_memory()
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            load_bars(file, data_mb=10)
        assert tracemalloc.get_traced_memory()[1] < 25 * MB
    finally:
        tracemalloc.stop()
    assert pool.max_memory() <= max(most, held + 25 * MB)
    message = str(caught.value)
    assert message.startswith(f"{file}: ") and len(message.splitlines()) == 1 and len(message) < 400
    assert any(words in message for words in ("DATA_MB allows 10", "no table of bars", "damaged", "unpack it")), message


def test_what_a_reader_may_make_is_a_setting(frame: pd.DataFrame, tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    long = pd.concat([frame.assign(time=frame["time"] + pd.Timedelta(days=10 * number)) for number in range(60)])
    long.to_csv(file, index=False)
    with pytest.raises(DataError, match=r"bars\.csv: .*would take 1 MB of memory, and DATA_MB allows 1; give fewer"):
        configured_bars({**defaults(), "DATA": str(file), "DATA_MB": 1})
    assert len(configured_bars({**defaults(), "DATA": str(file), "DATA_MB": 3})) > 10_000


def test_a_stream_is_read_until_it_is_too_long() -> None:
    batch = pa.record_batch(dict.fromkeys(NAMES, pa.array(np.zeros(10_000))))
    given = []

    def endless() -> Iterator[pa.RecordBatch]:
        while True:
            given.append(1)
            yield batch

    with pytest.raises(DataError, match="rows of 6 columns would take .* DATA_MB allows 10"):
        load_bars(pa.RecordBatchReader.from_batches(batch.schema, endless()), data_mb=10)
    assert len(given) < 30


@pytest.mark.parametrize("write", [parquet, feather])
def test_a_header_as_long_as_that_of_two_million_keys_is_refused_at_once(
    write: Callable[[pa.Table], bytes], tmp_path: Path
) -> None:
    keys = {f"{number:09}" * 90: "" for number in range(25_000)}
    file = tmp_path / "bars.data"
    file.write_bytes(write(columns(pa.array([1.0])).replace_schema_metadata(keys)))
    with pytest.raises(DataError, match="its header has .* bytes, 16,777,216 at most"):
        load_bars(file)


SHORT = """
import resource, sys
from pathlib import Path
import numpy as np, pandas as pd, pyarrow.csv, pyarrow.parquet
from progressive_app.machine.shortage import is_shortage
from progressive_market.bars import load_bars
from progressive_training import DataError

held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 40_000_000, resource.RLIM_INFINITY))
for source in sys.argv[1:]:
    try:
        load_bars(source)
    except DataError as error:
        print(is_shortage(error), error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_memory_that_runs_out_in_a_reader_is_no_matter_of_training(tmp_path: Path) -> None:
    rows = 700_000
    table = pd.DataFrame({name: np.arange(rows) for name in NAMES})
    files = [tmp_path / name for name in ("bars.csv", "bars.parquet", "bars.json")]
    files[0].write_bytes(b"time,open,high,low,close,volume\n" + b"1704067200,1,1,1,1,1\n" * rows)
    table.to_parquet(files[1])
    files[2].write_bytes(b"[" + b"[1,2,3,4,5,6]," * rows + b"[1,2,3,4,5,6]]")
    done = subprocess.run([sys.executable, "-c", SHORT, *files], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stdout + done.stderr
    for file, line in zip(files, lines, strict=True):
        assert line.startswith(
            (f"False {file}: memory ran out while it was read", f"False {file}: memory would run out")
        ), line
        assert line.endswith("; give fewer bars or columns, or more memory")
        assert "BATCH_SIZE" not in line


def test_indented_json_counts_as_what_it_holds(tmp_path: Path) -> None:
    """2,000 bytes a row of ten texts: a million of these are read with the default."""
    bars = synthetic_bars(500, seed=1)
    values = {name: [f"{value:.8f}" for value in getattr(bars, name)] for name in ("open", "high", "low", "close")}
    values |= dict.fromkeys(("volume", "one", "two", "three", "four"), values["close"])
    rows = [
        {"time": int(at) // 10**6, **dict(zip(values, row, strict=True))}
        for at, row in zip(bars.time, zip(*values.values(), strict=True), strict=True)
    ]
    file = tmp_path / "bars.json"
    file.write_text(json.dumps(rows, indent=2))
    assert len(load_bars(file, data_mb=1)) == 500
