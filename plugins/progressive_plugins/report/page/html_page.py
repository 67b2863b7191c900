"""`report.html`: the report's document and the accounts of its buckets as one file that opens without a network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from progressive_plugins.report.page.chart_data import MOST_TRADES, chart_data
from progressive_plugins.report.page.column_heads import HEADS
from progressive_plugins.report.page.learning_curve import learning_curve
from progressive_plugins.report.page.page_templates import template
from progressive_plugins.report.page.slice_tables import slice_tables
from progressive_plugins.report.page.transfer_pairs import kept_transfers, transfer_pairs
from progressive_training.presentation import content_policy, page_style

if TYPE_CHECKING:
    from progressive_training.market import StrategyAccount

STATIC = Path(__file__).parent / "static"
SCRIPTS = (
    "unpack.js",
    "numbers.js",
    "theme.js",
    "bands.js",
    "trade_layer.js",
    "price_chart.js",
    "equity_chart.js",
    "trade_table.js",
    "page.js",
)
"""In the order in which they need one another."""


def page_of(document: Mapping[str, Any], accounts: Mapping[str, StrategyAccount | None]) -> str:
    """Return the page of a run.

    :param document: what `report.json` holds (`report_records`). :param accounts: of its buckets, which the charts draw.
    """
    drawn = {name: account for name, account in accounts.items() if account is not None}
    library, script = _scripts()
    offers = document["transfers"]["offers"]
    return template("page.html").render(
        **document,
        heads=HEADS,
        style=page_style(),
        library=library,
        script=script,
        policy=content_policy(library, script),
        chart_data=_embedded(chart_data(drawn)),
        trades_cut={name: len(account.trades) for name, account in drawn.items() if len(account.trades) > MOST_TRADES},
        most_trades=MOST_TRADES,
        slices={bucket["name"]: slice_tables(bucket["account"]) for bucket in document["buckets"] if bucket["account"]},
        curves={bucket["name"]: learning_curve(bucket, offers) for bucket in document["buckets"]},
        pairs=transfer_pairs(offers, document["run"]["sequence"]),
        kept=kept_transfers(offers),
    )


@cache
def _scripts() -> tuple[str, str]:
    """The chart library as its package has it, and the page's own script: its files as one, so that none has global names."""
    library = Path(str(distribution("litecharts").locate_file("litecharts/js/lightweight-charts.js"))).read_text(
        "utf-8"
    )
    parts = "\n".join((STATIC / name).read_text("utf-8") for name in SCRIPTS)
    return library, f'(() => {{\n"use strict";\n{parts}}})();'


def _embedded(values: Any) -> str:
    """JSON that cannot end the element that it stands in."""
    return json.dumps(values, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
