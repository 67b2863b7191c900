"""How results look in a notebook: the verdict first, the table of what was earned, and a chart of the equity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from progressive_app.presentation.closing_table import HEADS
from progressive_app.presentation.quantities import number, share_text, utc_text, with_error
from progressive_app.presentation.strategies import compared, row_of
from progressive_app.presentation.verdicts import in_use, is_sound, shown_t, summary, with_regimes
from progressive_core.contract.evaluation import Performance
from progressive_core.contract.profit import percent, percent_text, profit_text
from progressive_front.from_python.line_chart import COLORS, GRAY, Line, line_chart

if TYPE_CHECKING:
    import pandas as pd

    from progressive_front.from_python.results import Result

FIRST_COLUMN, NUMBERS = "text-align:left;font-weight:normal", "text-align:right;white-space:nowrap"
SOUND, DOUBTFUL = "#1a7f37", "#9a6700"
"""Colours of text that read on light and on dark: of a confirmed edge, and of everything else."""


def results_html(results: Mapping[str, Result]) -> str:
    """The buckets of a run beside one another: verdict, its t, and what each strategy earned on test."""
    if not results:
        return "<p>no bucket is finished yet</p>"
    strategies = compared(list(results.values()))
    body = []
    for result in results.values():
        evaluation = result.evaluation
        cells = [_colored(summary(evaluation), sound=is_sound(evaluation))]
        cells.append(number(shown_t(evaluation), 1) if evaluation and evaluation.test else "")
        earned = [row_of(evaluation.test if evaluation else (), strategy) for strategy in strategies]
        cells += [escape(profit_text(row.log_return)) if row else "" for row in earned]
        body.append((result.bucket, cells))
    accounts = {result.bucket: result.account for result in results.values() if result.evaluation}
    chart = equity_chart({bucket: account for bucket, account in accounts.items() if account is not None})
    return _table(("", "verdict", "edge t", *strategies), body, "net profit on test") + chart


def result_html(result: Result) -> str:
    """One bucket: its verdict and what its model does in use, its performance, and its equity beside buy and hold."""
    evaluation = result.evaluation
    verdict = _colored(result.verdict, sound=is_sound(evaluation))
    parts = [f"<p><b>{escape(result.bucket)}</b>: {verdict}</p>"]
    if evaluation is None or not evaluation.test:
        return "".join([*parts, learning_chart(result.episodes)])
    account = result.account
    parts.append(learning_chart(result.episodes) if account is None else equity_chart({"its strategy": account}))
    for name, rows in (
        ("test", with_regimes(evaluation, "test")),
        ("validation", with_regimes(evaluation, "validation")),
    ):
        parts.append(_table(("", *HEADS[1:]), [(row.strategy, _cells(row)) for row in rows], f"{name}, net of costs"))
    parts.append(f"<p>in use: {escape(in_use(evaluation))}</p>")
    parts += [f"<p>regime {regime}: {escape(each.verdict)}</p>" for regime, each in enumerate(evaluation.regimes, 1)]
    parts += [f"<p>warning: {escape(warning)}</p>" for warning in evaluation.warnings]
    return "".join(parts)


def equity_chart(accounts: Mapping[str, Any]) -> str:
    """The equity of strategies on test, and of buy and hold, as SVG on a scale of logarithms; empty where there is none.

    :param accounts: by what the strategy of each is to be called.
    """
    tests = {name: account.equity[account.equity["part"] == "test"] for name, account in accounts.items()}
    shown = [
        (name, test[test["kind"] == "model"], COLORS[position % len(COLORS)])
        for position, (name, test) in enumerate(tests.items())
    ]
    shown += [("buy and hold", test[test["strategy"] == "buy and hold"], GRAY) for test in list(tests.values())[:1]]
    shown = [each for each in shown if len(each[1]) > 1]
    if not shown:
        return ""
    lines = []
    for name, rows, color in shown:
        heights = list(rows["log_equity"])
        lines.append(Line(name=f"{name} {profit_text(heights[-1])}", x=_seconds(rows["time"]), y=heights, color=color))
    part = next(part for part in next(iter(accounts.values())).parts if part.name == "test")
    ends = utc_text(part.first), utc_text(part.last)
    all_heights = [height for line in lines for height in line.y]
    levels = sorted({0.0, min(all_heights), max(all_heights)})
    return line_chart("equity on test", lines, [(each, percent_text(percent(each))) for each in levels], ends)


def learning_chart(episodes: pd.DataFrame) -> str:
    """The score of each episode, as SVG; empty where there are fewer than two."""
    known = episodes[["episode", "score"]].dropna()
    if len(known) < 2:
        return ""
    line = Line(name="score", x=list(known["episode"].astype(float)), y=list(known["score"]), color=COLORS[0])
    levels = sorted({known["score"].min(), known["score"].max()})
    ends = f"episode {known['episode'].iloc[0]}", f"episode {known['episode'].iloc[-1]}"
    return line_chart("score by episode", [line], [(each, percent_text(each)) for each in levels], ends)


def _seconds(times: pd.Series[pd.Timestamp]) -> list[float]:
    return [time.timestamp() for time in times]


def _cells(row: Performance) -> list[str]:
    return [
        profit_text(row.log_return),
        with_error(row.sharpe, row.sharpe_error),
        share_text(row.drawdown, 1),
        f"{row.trades:,}",
        number(row.t, 1),
    ]


def _colored(text: str, *, sound: bool) -> str:
    return f'<span style="color:{SOUND if sound else DOUBTFUL};font-weight:bold">{escape(text)}</span>'


def _table(heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], caption: str) -> str:
    """A table whose first column names the rows; `rows` hold HTML."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = ""
    for name, cells in rows:
        numbers = "".join(f'<td style="{NUMBERS}">{cell}</td>' for cell in cells)
        body += f'<tr><th style="{FIRST_COLUMN}">{escape(name)}</th>{numbers}</tr>'
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
