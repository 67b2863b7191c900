"""The tables of results: a bucket's model beside its baselines, with verdict; and all buckets of a run beside one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD, Box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from progressive_app.machine.terminal import one_line
from progressive_app.presentation.quantities import number, share_text, time_text, utc_text, with_error
from progressive_app.presentation.strategies import MODEL, compared, row_of
from progressive_app.presentation.verdicts import (
    in_use,
    is_sound,
    judged,
    short_verdict,
    shown_t,
    verdict_style,
    with_regimes,
)
from progressive_core.contract.evaluation import Evaluation, Performance
from progressive_core.contract.profit import profit_text
from progressive_core.contract.records import BucketResult

LOSS, GAIN, WARNING = "red", "green", "yellow"
HEADS = ("net of costs", "profit", "Sharpe", "drawdown", "trades", "t")
"""Of a table of performance."""
SEQUENCE_HEADS = ("edge t", "verdict")
"""Of the table of a run, behind the strategies."""
LEGEND = "t: of the row's growth a bar; edge t: of the verdict; (): standard error"
USE = "only a model whose verdict is an edge trades in use; the others stay flat"


def closing_table(result: BucketResult, box: Box | None = SIMPLE_HEAD, *, arm: str = "") -> RenderableType:
    """Draw how a bucket ended: model and baselines on validation and test, net of costs, verdict and warnings.

    :param box: the table's lines; None for none. :param arm: what to write behind the bucket's name, such as "scratch arm".
    """
    evaluation = judged(result.evaluation)
    best = f"at episode {result.best_episode}" if result.best_episode else "before the first"
    heading = Text.assemble(
        (result.bucket, "bold"),
        (f" ({arm})" if arm else "", "bold"),
        f": {result.episodes} {'episode' if result.episodes == 1 else 'episodes'} in {time_text(result.seconds)}, best score {best} ",
        (f"({result.stopped})", "dim"),
    )
    parts = {
        "validation": with_regimes(evaluation, "validation"),
        "test": with_regimes(evaluation, "test"),
    }
    return judged_table(heading, parts if evaluation.test else {}, evaluation, box)


def judged_table(
    heading: Text, parts: Mapping[str, Sequence[Performance]], evaluation: Evaluation, box: Box | None = SIMPLE_HEAD
) -> RenderableType:
    """Draw the rows of each part under its name, and below them dates, exposure, verdict, use in words, regimes, and warnings.

    Gains are green in the row of a model whose edge is confirmed, and nowhere else.
    """
    style = f"bold {verdict_style(evaluation)}"
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(no_wrap=True, style="dim")
    facts.add_column()
    dates = {"validation": evaluation.validation_dates, "test": evaluation.test_dates}
    for part, rows in parts.items():
        if rows:
            facts.add_row(Text(part), Text(_about(rows[0], dates.get(part, ()))))
    facts.add_row("verdict", Text(one_line(evaluation.verdict), style))
    if parts:
        facts.add_row("in use", Text(one_line(in_use(evaluation)), style))
    for place, regime in enumerate(evaluation.regimes, 1):
        facts.add_row(f"regime {place}", Text(one_line(regime.verdict)))
    for warning in evaluation.warnings:
        facts.add_row(Text("warning", WARNING), Text(one_line(warning)))
    if not parts:
        return Group(heading, facts)
    table = _table(box)
    table.add_column(HEADS[0], min_width=len(HEADS[0]))
    for head in HEADS[1:]:
        table.add_column(head, justify="right", no_wrap=True)
    gain = GAIN if is_sound(evaluation) else ""
    for part, rows in parts.items():
        table.add_row(Text(part, "bold cyan"))
        for position, row in enumerate(rows):
            cells = _cells(row, "" if position else gain)
            table.add_row(*cells, style="" if position else "bold", end_section=position == len(rows) - 1)
    return Group(heading, table, Text(), facts, Text(LEGEND, "dim"))


def sequence_table(results: Sequence[BucketResult], box: Box | None = SIMPLE_HEAD, *, arm: str = "") -> RenderableType:
    """Draw the net profit on test of every bucket's strategy and baselines, beside the verdict and its t.

    :param box: the table's lines; None for none. :param arm: what to write into the title, such as "scratch arm".
    """
    strategies = compared(results)
    table = _table(box)
    table.add_column(no_wrap=True)
    for head in map(one_line, (*strategies, *SEQUENCE_HEADS[:-1])):
        table.add_column(Text(head), justify="right", min_width=max(map(len, head.split())))
    table.add_column(SEQUENCE_HEADS[-1], no_wrap=True)
    for result in results:
        evaluation = judged(result.evaluation)
        rows = [row_of(evaluation.test, strategy) for strategy in strategies]
        gains = [GAIN if strategy == MODEL and is_sound(evaluation) else "" for strategy in strategies]
        table.add_row(
            result.bucket,
            *(
                _signed(row.log_return, profit_text(row.log_return), gain) if row else Text("")
                for row, gain in zip(rows, gains, strict=True)
            ),
            Text(number(shown_t(evaluation), 1) if evaluation.test else "", verdict_style(evaluation)),
            Text(short_verdict(result.evaluation), verdict_style(evaluation)),
        )
    return Group(Text(f"net profit on test{f' ({arm})' if arm else ''}", "bold"), table, Text(USE, "dim"))


def _table(box: Box | None) -> Table:
    """Return an empty table that fits 80 columns; two blanks part its columns, of which a box brings one."""
    return Table(box=box, padding=(0, 1, 0, 0) if box else (0, 1), pad_edge=False, show_edge=False)


def _signed(value: float, text: str, gain: str) -> Text:
    """Colour a number's text by its sign: a loss red, a gain as `gain` says."""
    return Text(text, LOSS if value < 0 else gain if value > 0 else "")


def _cells(row: Performance, gain: str) -> tuple[RenderableType, ...]:
    return (
        Padding(Text(one_line(row.strategy)), (0, 0, 0, 2)),
        _signed(row.log_return, profit_text(row.log_return), gain),
        _signed(row.sharpe, with_error(row.sharpe, row.sharpe_error), gain),
        Text(share_text(row.drawdown, 1)),
        Text(f"{row.trades:,}"),
        _signed(row.t, number(row.t, 1), gain),
    )


def _about(row: Performance, dates: Sequence[str]) -> str:
    """When the bars of a part were, how the model was exposed, and what it earned beyond its share of buy and hold."""
    when = [" to ".join(map(utc_text, dates)).replace(" UTC to", " to")] if dates else []
    if not row.turnover:
        return "; ".join([*when, "no trade"])
    shares = f"long {share_text(row.long)}, flat {share_text(row.flat)}, short {share_text(row.short)}"
    alpha = f"alpha {profit_text(row.alpha)} a year (t {number(row.alpha_t, 1)})"
    return "; ".join([*when, shares, f"beta {number(row.beta, 2)}, {alpha}"])
