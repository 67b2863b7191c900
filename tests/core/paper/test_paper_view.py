"""The live view of `paper` is whole on a terminal of any height."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from progressive_front.paper.following import PaperState
from progressive_front.paper.shown_paper import fitted

HOUR = 3600 * 10**9
STANDING = SimpleNamespace(
    action="long",
    position="long",
    entry=100.0,
    entered="2020-01-02T00:00:00Z",
    equity=1.02,
    hold=1.01,
    trades=3,
    bars=40,
    known=40,
    until="2020-01-03T00:00:00Z",
    since="2020-01-01T00:00:00Z",
    close=101.0,
)
ROWS = [SimpleNamespace(time=number * HOUR, close=100.0 + number, action="long") for number in range(6)]
WARNING = (
    "2020-01-03 00:00 UTC: the exchange did not answer, and is asked again in so many seconds as it wishes to wait"
)


def lines(height: int, now: int = 0) -> list[str]:
    state = PaperState(standing=STANDING, reason=None, warnings=(), closes=6 * HOUR, rows=ROWS)
    console = Console(file=(text := io.StringIO()), width=90, height=height)
    console.print(fitted(console, "Medium", state, [WARNING], now))
    return text.getvalue().rstrip("\n").split("\n")


@pytest.mark.parametrize("height", [8, 9, 10, 12, 16, 24, 50])
def test_it_fits_and_keeps_its_edge(height: int) -> None:
    shown = lines(height)
    assert len(shown) < height
    assert "no orders are sent" in shown[-1] and "position" in shown[1]
    assert ("105" in "".join(shown)) == (height >= 16)  # the newest decision, where there is room


def test_how_late_a_bar_is_is_said_in_hours_or_days() -> None:
    assert "in 5:00:00" in "".join(lines(24, HOUR))
    assert "late by 2:00:00" in "".join(lines(24, 8 * HOUR))
    assert "late by 4 days" in "".join(lines(24, 110 * HOUR))
