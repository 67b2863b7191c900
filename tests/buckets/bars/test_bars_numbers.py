"""Decimal and thousands signs: one decision for the whole file, from every column and row."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from progressive_market.bars import Bars, load_bars
from progressive_training import DataError

PRICES = ["open", "high", "low", "close"]
COMMAS = str.maketrans(",.", ".,")


def grouped(values: pd.Series, digits: int, signs: str = ",.") -> pd.Series:
    """Numbers with thousands parted: 1,234.50 by default, 1.234,50 for signs of ".,"."""
    table = str.maketrans({",": signs[0], ".": signs[1]})
    return values.map(lambda value: f"{value:,.{digits}f}".translate(table))


@pytest.fixture
def bars(frame: pd.DataFrame) -> pd.DataFrame:
    """200 bars whose volume is a whole number from a few to some tens of thousands."""
    plain = frame[["time", *PRICES, "volume"]]
    return plain.assign(time=plain["time"].dt.strftime("%d.%m.%Y %H:%M"), volume=(frame["volume"] * 150).round())


def read(table: pd.DataFrame, path: Path, separator: str = ";") -> Bars:
    table.to_csv(path, index=False, sep=separator)
    return load_bars(path)


def same(read: Bars, table: pd.DataFrame) -> None:
    for name in (*PRICES, "volume"):
        np.testing.assert_array_equal(getattr(read, name), table[name], err_msg=name)


WRITTEN: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "german": lambda b: b.assign(volume=grouped(b["volume"], 0, ".,"), **{n: grouped(b[n], 2, ".,") for n in PRICES}),
    "german, prices not grouped": lambda b: b.assign(
        volume=grouped(b["volume"], 0, ".,"), **{n: b[n].map("{:.2f}".format).str.replace(".", ",") for n in PRICES}
    ),
    "grouped volume beside decimal points": lambda b: b.assign(volume=grouped(b["volume"], 0, ".,")),
    "american": lambda b: b.assign(volume=grouped(b["volume"], 0), **{n: grouped(b[n], 2) for n in PRICES}),
    "american volume alone": lambda b: b.assign(volume=grouped(b["volume"], 0)),
    "swiss": lambda b: b.assign(volume=grouped(b["volume"], 0, "'."), **{n: grouped(b[n], 2, "'.") for n in PRICES}),
    "french": lambda b: b.assign(volume=grouped(b["volume"], 0, " ,"), **{n: grouped(b[n], 2, " ,") for n in PRICES}),
    "blanks that do not break": lambda b: b.assign(**{n: grouped(b[n], 2, "\u202f,") for n in PRICES}),
    "dollars": lambda b: b.assign(**{n: "$" + grouped(b[n], 2) for n in PRICES}),
    "no sign but in one late row": lambda b: b.assign(volume=[*b["volume"][:-1].astype(int).astype(str), "12.345,0"]).assign(
        **{n: grouped(b[n], 2, ".,") for n in PRICES}
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WRITTEN)
def test_numbers_keep_their_size(way: str, bars: pd.DataFrame, tmp_path: Path) -> None:
    table = WRITTEN[way](bars)
    if "late" in way:
        bars.loc[199, "volume"] = 12345
    same(read(table, tmp_path / "bars.csv"), bars)


@pytest.mark.parametrize("way", ["german", "american", "swiss", "grouped volume beside decimal points"])
@pytest.mark.parametrize("kind", ["parquet", "json"])
def test_text_in_other_files_is_read_alike(way: str, kind: str, bars: pd.DataFrame, tmp_path: Path) -> None:
    table = WRITTEN[way](bars).astype("str")
    if kind == "parquet":
        table.to_parquet(tmp_path / "bars")
    else:
        (tmp_path / "bars").write_text(json.dumps(table.to_dict("records")))
    same(load_bars(tmp_path / "bars"), bars)


def test_prices_without_decimals_are_read_as_the_volume_is(bars: pd.DataFrame, tmp_path: Path) -> None:
    whole = bars.round(dict.fromkeys(PRICES, 0))
    same(
        read(whole.assign(**{n: grouped(whole[n], 0, ".,") for n in (*PRICES, "volume")}), tmp_path / "bars.csv"), whole
    )


@pytest.mark.parametrize(
    ("decimal", "values"),
    [
        (",", ["0.5", "0.25", "1.75"]),
        (",", ["12.5", "1.125", "1.250"]),
        (".", ["0,5", "0,25", "1,75"]),
    ],
)
def test_a_column_with_another_sign_is_read_by_its_own_and_named(
    decimal: str, values: list[str], bars: pd.DataFrame, tmp_path: Path
) -> None:
    spread = np.resize(values, len(bars))
    bars.assign(spread=spread).to_csv(tmp_path / "bars.csv", index=False, sep=";", decimal=decimal)
    found = load_bars(tmp_path / "bars.csv")
    same(found, bars)
    np.testing.assert_array_equal(found.extra["spread"], [float(text.replace(",", ".")) for text in spread])
    assert any("spread" in note and "decimal" in note for note in found.report.notes)


def test_a_column_that_might_be_either_follows_the_file(bars: pd.DataFrame, tmp_path: Path) -> None:
    owed = np.resize(["1.234", "2.345", "3.456"], len(bars))
    whole = read(bars.assign(owed=owed, **{n: grouped(bars[n], 2, ".,") for n in PRICES}), tmp_path / "bars.csv")
    assert set(whole.extra["owed"]) == {1234, 2345, 3456}
    parts = read(bars.assign(owed=owed), tmp_path / "bars.csv")
    assert set(parts.extra["owed"]) == {1.234, 2.345, 3.456}


def test_a_file_whose_signs_cannot_be_decided_is_refused(bars: pd.DataFrame, tmp_path: Path) -> None:
    prices = {name: grouped(bars[name].round(), 0) for name in PRICES}
    with pytest.raises(DataError, match=r"column 'open'.*decimals as well as thousands"):
        read(bars.assign(volume=np.resize(["1.234", "2.345"], len(bars)), **prices), tmp_path / "bars.csv")
    with pytest.raises(DataError, match=r"column 'volume': numbers with a decimal point and with a decimal comma"):
        read(bars.assign(volume=np.resize(["1,5", "2.5"], len(bars))), tmp_path / "bars.csv")


def low_priced(bars: pd.DataFrame, about: float) -> pd.DataFrame:
    """The same bars at prices near `about`, of three decimals."""
    return bars.assign(**{name: (bars[name] / 40_000 * about).round(3) for name in PRICES})


@pytest.mark.parametrize("about", [1.2, 42.0, 123.0])
@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("header", [True, False])
def test_three_decimals_behind_a_comma_are_no_thousands_beside_dotted_dates(
    about: float, separator: str, header: bool, bars: pd.DataFrame, tmp_path: Path
) -> None:
    low = low_priced(bars, about)
    table = low.assign(volume=low["volume"].astype(int), **{n: grouped(low[n], 3, ".,") for n in PRICES})
    table.to_csv(tmp_path / "bars.csv", index=False, header=header, sep=separator)
    same(load_bars(tmp_path / "bars.csv"), low)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_commas_that_may_be_either_sign_are_refused_where_nothing_shows_which(
    separator: str, frame: pd.DataFrame, tmp_path: Path
) -> None:
    low = low_priced(frame[["time", *PRICES, "volume"]], 1.2)
    table = low.assign(volume=(low["volume"] * 150).astype(int), **{n: grouped(low[n], 3, ".,") for n in PRICES})
    with pytest.raises(DataError, match=r"column 'open' \('1,2\d\d'\).*decimals as well as thousands"):
        read(table, tmp_path / "bars.csv", separator)
    same(read(table.assign(spread="0,5"), tmp_path / "bars.csv", separator), low.assign(volume=table["volume"]))
