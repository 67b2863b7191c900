"""Tables of plain text fit the terminal, whatever they hold, and lose no word of it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from progressive_app.presentation.text_table import sentence, table

WORD = st.text("abcdefgh.,-%12", min_size=1, max_size=12)
CELL = st.lists(WORD, max_size=12).map(" ".join)
ROWS = st.integers(1, 4).flatmap(
    lambda columns: st.lists(st.lists(CELL, min_size=columns, max_size=columns), min_size=1, max_size=5)
)


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(rows=ROWS)
def test_any_table_of_words_fits_and_holds_every_word(rows: list[list[str]]) -> None:
    drawn = table(["HEAD"] * len(rows[0]), rows)
    assert max(map(len, drawn.splitlines())) <= 80
    words = [word for row in rows for cell in row for word in cell.split()]
    assert sorted(drawn.split()) == sorted([*words, *["HEAD"] * len(rows[0])])


def test_what_fits_is_not_wrapped_and_numbers_stand_to_the_right() -> None:
    drawn = table(("BUCKET", "PROFIT", "EDGE T"), [("Scalping", "+3.2 %", "1.1"), ("Short", "+13,700 %", "-")])
    assert drawn.splitlines() == [
        "BUCKET       PROFIT  EDGE T",
        "Scalping     +3.2 %     1.1",
        "Short     +13,700 %       -",
    ]


def test_a_long_cell_is_wrapped_between_words_under_its_head() -> None:
    lines = table(("NAME", "HOOKS"), [("console", " ".join(["on_episode_end,"] * 8))]).splitlines()
    assert len(lines) == 3
    assert lines[2].startswith(" " * len("console  ") + "on_episode_end,")


def test_a_path_is_not_broken() -> None:
    path = "/" + "/".join(["directory"] * 12)
    assert path in table(("WHAT", "VALUE"), [("the file of bars", path)])
    assert sentence(f"written to {path}", indent="  ") == f"written to\n  {path}"
