"""The picture of an account: its equity beside that of buy and hold, which any browser shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from progressive_app.machine.durable_files import replacing
from progressive_app.presentation.quantities import utc_text
from progressive_core.contract.profit import percent, percent_text, profit_text
from progressive_front.from_python.line_chart import COLORS, GRAY, Line, line_chart

PICTURE = "account.svg"
POINTS = 600
"""Bars that are drawn at most, evenly spread, the first and the newest among them: a screen shows no more."""


def draw_account(account: Any, title: str, file: Path) -> None:
    """Draw the equity of an account, on a scale of logarithms, in the place of the file that may be there.

    :raise OSError: it cannot be written.
    """
    equity = account.trajectory()["equity"]
    chosen = np.unique(np.linspace(0, len(equity) - 1, min(len(equity), POINTS)).round().astype(int))
    times = [time.timestamp() for time in equity.index[chosen]]
    lines = []
    for name, values, color in (("equity", equity.to_numpy(), COLORS[0]), ("buy and hold", account.hold(), GRAY)):
        heights = np.log(values)[chosen].tolist()
        lines.append(Line(name=f"{name} {profit_text(heights[-1])}", x=times, y=heights, color=color))
    seen = [height for line in lines for height in line.y]
    levels = [(each, percent_text(percent(each))) for each in sorted({0.0, min(seen), max(seen)})]
    ends = utc_text(equity.index[0].isoformat()), utc_text(equity.index[-1].isoformat())
    drawn = line_chart(title, lines, levels, ends)
    if drawn:
        with replacing(file) as (path,):
            path.write_text(
                drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" color="#222" ', 1).replace(
                    "height:auto", "height:auto;background:#fff", 1
                ),
                encoding="utf-8",
            )
