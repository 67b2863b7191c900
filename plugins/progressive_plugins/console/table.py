"""The closing tables: a bucket's model beside its baselines, and the whole sequence at its end."""

from __future__ import annotations

import math

from rich.box import SIMPLE_HEAD, Box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from progressive_plugins.console.strategies import compared, row_of
from progressive_plugins.console.units import profit_text, share_text, time_text
from progressive_plugins.console.verdicts import short_verdict, verdict_style
from progressive_training import BucketResult, Performance

LOSS, GAIN, WARNING = "red", "green", "yellow"
IN_USE = {"everywhere": "trades", "nowhere": "stays flat; the rows above are what its strategy did"}


def closing_table(result: BucketResult, box: Box | None = SIMPLE_HEAD) -> RenderableType:
    """Draw how a bucket ended: model and baselines on validation and test, net of costs, verdict and warnings.

    :param box: the table's lines; None for none.
    """
    evaluation = result.evaluation
    table = Table(box=box, pad_edge=False, title_justify="left")
    table.add_column("net of costs", min_width=16)
    for heading in ("profit", "Sharpe", "drawdown", "trades", "turnover", "t"):
        table.add_column(heading, justify="right", no_wrap=True)
    for split, rows in (("validation", evaluation.validation), ("test", evaluation.test)):
        table.add_row(Text(split, "bold cyan"))
        for position, row in enumerate(rows):
            table.add_row(*_cells(row), style="bold" if position == 0 else "", end_section=position == len(rows) - 1)
    parts: list[RenderableType] = [_heading(result), table]
    if evaluation.test:
        parts.append(_exposure(evaluation.test[0]))
    style = f"bold {verdict_style(evaluation)}"
    parts.append(Text.assemble(("verdict  ", "dim"), (evaluation.verdict, style)))
    parts.append(Text.assemble(("in use   ", "dim"), (IN_USE.get(evaluation.trades, evaluation.trades), style)))
    parts += [Text.assemble(("warning  ", WARNING), warning) for warning in evaluation.warnings]
    return Group(*parts)


def sequence_table(results: tuple[BucketResult, ...], box: Box | None = SIMPLE_HEAD) -> RenderableType:
    """Draw the net profit on test of every bucket's strategy and baselines, the t of its verdict, and what the model does in use."""
    kinds = compared(results)
    table = Table(box=box, pad_edge=False)
    table.add_column(no_wrap=True)
    for heading in (*kinds, "t"):
        table.add_column(heading, justify="right", min_width=max(map(len, heading.split())))
    table.add_column("in use", no_wrap=True)
    for result in results:
        rows = [row_of(result.evaluation.test, kind) for kind in kinds]
        table.add_row(
            result.bucket,
            *(signed(row.log_return, profit_text(row.log_return)) if row else Text("") for row in rows),
            Text(number(result.evaluation.t, 1), verdict_style(result.evaluation)),
            Text(short_verdict(result.evaluation), verdict_style(result.evaluation)),
        )
    return Group(Text("net profit on test", "bold"), table)


def signed(value: float, text: str) -> Text:
    """Colour a number's text by its sign."""
    return Text(text, LOSS if value < 0 else GAIN if value > 0 else "")


def number(value: float, digits: int) -> str:
    """Write a number that may not be finite."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "n/a"


def _cells(row: Performance) -> tuple[RenderableType, ...]:
    return (
        Padding(Text(row.strategy), (0, 0, 0, 2)),
        signed(row.log_return, profit_text(row.log_return)),
        signed(row.sharpe, number(row.sharpe, 2)),
        Text(share_text(row.drawdown, 1)),
        Text(f"{row.trades:,}"),
        Text(f"{row.turnover:,.0f}"),
        signed(row.t, number(row.t, 1)),
    )


def _heading(result: BucketResult) -> Text:
    best = f"at episode {result.best_episode}" if result.best_episode else "before the first"
    return Text.assemble(
        (result.bucket, "bold"),
        f": {result.episodes} episodes in {time_text(result.seconds)}, best {best} ",
        (f"({result.stopped})", "dim"),
    )


def _exposure(row: Performance) -> Text:
    shares = f"long {share_text(row.long)}, flat {share_text(row.flat)}, short {share_text(row.short)} of all bars"
    return Text.assemble(("on test  ", "dim"), shares)
