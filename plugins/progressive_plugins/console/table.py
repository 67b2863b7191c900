"""The closing tables: a bucket's model beside its baselines, and the whole sequence at its end."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD, Box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from progressive_training import BucketResult, Performance
from progressive_training.presentation import (
    MODEL,
    compared,
    in_use,
    is_sound,
    judged,
    number,
    profit_text,
    row_of,
    share_text,
    short_verdict,
    shown_t,
    time_text,
    verdict_style,
    with_error,
)

LOSS, GAIN, WARNING = "red", "green", "yellow"


def closing_table(result: BucketResult, box: Box | None = SIMPLE_HEAD) -> RenderableType:
    """Draw how a bucket ended: model and baselines on validation and test, net of costs, verdict and warnings.

    The Sharpe ratio has its standard error in brackets; alpha is a log return a year beyond `beta` times buy and hold.

    Gains are green in the row of a model whose edge is confirmed, and nowhere else.

    :param box: the table's lines; None for none.
    """
    evaluation = judged(result.evaluation)
    table = _table(box)
    table.add_column("net of costs", min_width=12)
    for heading in ("profit", "Sharpe", "fall", "trades", "t", "alpha", "its t", "beta"):
        table.add_column(heading, justify="right", no_wrap=True)
    gain = GAIN if is_sound(evaluation) else ""
    for split, rows in (("validation", evaluation.validation), ("test", evaluation.test)):
        table.add_row(Text(split, "bold cyan"))
        for position, row in enumerate(rows):
            cells = _cells(row, "" if position else gain)
            table.add_row(*cells, style="" if position else "bold", end_section=position == len(rows) - 1)
    parts: list[RenderableType] = [_heading(result)]
    if evaluation.test:
        parts += [table, Text(), _exposure(evaluation.test[0])]
    style = f"bold {verdict_style(evaluation)}"
    parts.append(Text.assemble(("verdict  ", "dim"), (evaluation.verdict, style)))
    if evaluation.test:
        parts.append(Text.assemble(("in use   ", "dim"), (in_use(evaluation), style)))
    parts += [Text.assemble(("warning  ", WARNING), warning) for warning in evaluation.warnings]
    return Group(*parts)


def sequence_table(results: tuple[BucketResult, ...], box: Box | None = SIMPLE_HEAD) -> RenderableType:
    """Draw the net profit on test of every bucket's strategy and baselines, the t of its verdict, and what the model does in use."""
    kinds = compared(results)
    table = _table(box)
    table.add_column(no_wrap=True)
    for heading in (*kinds, "t"):
        table.add_column(heading, justify="right", min_width=max(map(len, heading.split())))
    table.add_column("in use", no_wrap=True)
    for result in results:
        evaluation = judged(result.evaluation)
        rows = [row_of(evaluation.test, kind) for kind in kinds]
        gains = [GAIN if kind == MODEL and is_sound(evaluation) else "" for kind in kinds]
        table.add_row(
            result.bucket,
            *(
                signed(row.log_return, profit_text(row.log_return), gain) if row else Text("")
                for row, gain in zip(rows, gains, strict=True)
            ),
            Text(number(shown_t(evaluation), 1) if evaluation.test else "", verdict_style(evaluation)),
            Text(short_verdict(result.evaluation), verdict_style(evaluation)),
        )
    return Group(Text("net profit on test", "bold"), table)


def _table(box: Box | None) -> Table:
    """Return an empty table that fits 80 columns; two blanks part its columns, of which a box brings one."""
    return Table(box=box, padding=(0, 1, 0, 0) if box else (0, 1), pad_edge=False, show_edge=False)


def signed(value: float, text: str, gain: str = GAIN) -> Text:
    """Colour a number's text by its sign: a loss red, a gain as `gain` says."""
    return Text(text, LOSS if value < 0 else gain if value > 0 else "")


def _cells(row: Performance, gain: str) -> tuple[RenderableType, ...]:
    return (
        Padding(Text(row.strategy), (0, 0, 0, 2)),
        signed(row.log_return, profit_text(row.log_return), gain),
        signed(row.sharpe, with_error(row.sharpe, row.sharpe_error), gain),
        Text(share_text(row.drawdown, 1)),
        Text(f"{row.trades:,}"),
        signed(row.t, number(row.t, 1), gain),
        signed(row.alpha, number(row.alpha, 2), gain),
        signed(row.alpha_t, number(row.alpha_t, 1), gain),
        Text(number(row.beta, 2)),
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
