"""Files that no exchange writes: each is refused in one line that names the file, before it takes time or memory."""

import gzip
import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from progressive_app.config.resolve import defaults
from progressive_market.bars import configured_bars, load_bars
from progressive_market.bars.cleaning import clean
from progressive_training import DataError


def load(file: Path):
    return configured_bars({**defaults(), "DATA": str(file)})


def csv_of(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bars.csv", content)
    return file.getvalue()


def parquet_of(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pa.parquet.write_table(table, file)
    return file.getvalue()


def refused(file: Path, content: bytes) -> str:
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(file)
    message = str(caught.value)
    assert str(file) in message
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize("start", [b"", b"\xff\xfe", b"PAR1", b"ARROW1", b"\x1f\x8b\x08", b"PK\x03\x04", b"[", b"{"])
@given(noise=st.binary(max_size=60))
@settings(max_examples=40, deadline=None)
def test_noise_behind_any_beginning_is_refused(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, noise: bytes
) -> None:
    refused(tmp_path_factory.mktemp("noise") / "bars.data", start + noise)


@pytest.mark.parametrize("damage", range(8))
def test_a_damaged_packed_file_is_refused(frame: pd.DataFrame, tmp_path: Path, damage: int) -> None:
    for whole in (gzip.compress(csv_of(frame)), zipped(csv_of(frame))):
        content = bytearray(whole)
        content[len(content) * damage // 9 + 8] ^= 255
        file = tmp_path / "bars.data"
        file.write_bytes(content)
        try:
            load(file)
        except DataError as error:
            assert len(str(error).splitlines()) == 1


def test_what_is_packed_too_often_or_in_itself_is_refused(frame: pd.DataFrame, tmp_path: Path) -> None:
    file = tmp_path / "bars.zip"
    file.write_bytes(zipped(gzip.compress(csv_of(frame))))
    assert len(load(file)) == 200
    assert "packed more than 2 times" in refused(file, zipped(zipped(gzip.compress(csv_of(frame)))))


def test_columns_of_odd_types_are_left_out(frame: pd.DataFrame, tmp_path: Path) -> None:
    table = pa.Table.from_pandas(frame)
    rows = len(frame)
    table = table.append_column("raw", pa.array([b"\xff"] * rows)).append_column("lists", pa.array([[1.0]] * rows))
    table = table.append_column("text", pa.array([b"12"] * rows))
    file = tmp_path / "bars.parquet"
    file.write_bytes(parquet_of(table))
    bars = load(file)
    assert len(bars) == 200
    assert any("left out: lists, raw" in note for note in bars.report.notes)


@pytest.mark.parametrize("ending", ["\r", "\r\n", "\n"])
def test_lines_may_end_in_any_way(frame: pd.DataFrame, tmp_path: Path, ending: str) -> None:
    file = tmp_path / "bars.csv"
    file.write_bytes(csv_of(frame).replace(b"\n", ending.encode()))
    assert len(load(file)) == 200


def test_what_only_python_takes_for_a_line_end_parts_no_lines(frame: pd.DataFrame, tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    file.write_bytes("made by a\x0bprogram\u2028of\x85some kind\n".encode() + csv_of(frame))
    assert len(load(file)) == 200


def test_an_index_of_another_length_is_passed_over(frame: pd.DataFrame, tmp_path: Path) -> None:
    content = json.loads(frame.assign(time=frame["time"].astype("str")).to_json(orient="split"))
    file = tmp_path / "bars.json"
    file.write_text(json.dumps({**content, "index": [0]}))
    assert len(load(file)) == 200


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    row = [1_704_067_200, *[1.0] * 100]
    message = refused(tmp_path / "bars.json", json.dumps([[row[0] + 3600 * i, *row[1:]] for i in range(5)]).encode())
    assert "101 columns; 64 at most can be read without names" in message


def test_long_and_broken_names_of_columns_make_no_long_error(frame: pd.DataFrame, tmp_path: Path) -> None:
    odd = frame.rename(columns={"open": "x" * 5000, "high": "a\nb"})
    message = refused(tmp_path / "bars.json", odd.to_json(orient="records", date_format="iso").encode())
    assert "no column for the open price" in message
    assert len(message) < 1000


def test_a_long_field_of_digits_takes_no_time(tmp_path: Path) -> None:
    line = ",".join(["1" * 9_000 + "x"] * 6)
    refused(tmp_path / "bars.csv", f"{line}\n{line}\n".encode())


def test_stretches_are_not_filled_without_bound() -> None:
    """A nanosecond's step, and seconds with a week between: both would become millions of bars."""
    count = 1000
    flat = dict.fromkeys(("open", "high", "low", "close", "volume"), np.ones(count))
    fine = 10**18 + np.arange(count, dtype=np.int64)
    fine[-1] += 10**12
    with pytest.raises(DataError, match="bars last 1 s or longer"):
        clean(fine, flat, source="fine")
    sparse = 10**18 + np.cumsum(np.where(np.arange(count) % 4, 1, 600_000)) * 10**9
    with pytest.raises(DataError, match="set a smaller FILL_MINUTES"):
        clean(sparse, flat, source="sparse", fill_minutes=10_080)


def test_numbers_that_no_market_has_are_bad_rows(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.loc[[5, 6], "volume"] = 1e308  # whose sum is infinite
    frame.loc[9, "high"] = 1e200
    frame.to_csv(tmp_path / "bars.csv", index=False)
    bars = configured_bars({**defaults(), "DATA": str(tmp_path / "bars.csv"), "FREQUENCY": "4h"})
    assert bars.report.bad == 3
    assert np.isfinite(bars.volume).all()


def test_a_pipe_is_no_file_of_bars(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "bars.csv")
    with pytest.raises(DataError, match="no file; name a file of bars"):
        load(tmp_path / "bars.csv")


class Planted:
    """What unpickling would do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.filterwarnings("ignore:pickle-based deserialization", "ignore:pyarrow.PyExtensionType")  # of older pyarrow
def test_nothing_in_a_file_of_bars_is_unpickled(frame: pd.DataFrame, tmp_path: Path) -> None:
    planted, file = pickle.dumps(Planted(tmp_path / "owned")), tmp_path / "bars.parquet"
    table = pa.Table.from_pandas(frame)
    typed = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": planted}
    field = pa.field("mood", pa.int64(), metadata=typed)
    table = table.append_column(field, pa.array(range(len(frame))))
    table = table.append_column("raw", pa.array([planted] * len(frame), type=pa.binary()))
    file.write_bytes(parquet_of(table))
    assert len(load(file)) == 200
    refused(file, planted)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("price", [1e-320, 5e-324])
@pytest.mark.parametrize("rows", [slice(100, 101), slice(100, 103), slice(0, 1)])
def test_a_price_of_next_to_nothing_is_a_bad_print(frame: pd.DataFrame, price: float, rows: slice) -> None:
    frame.loc[frame.index[rows], "low"] = price
    assert load_bars(frame).report.bad_prints >= 1
