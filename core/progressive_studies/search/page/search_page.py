"""`report.html` of a search: one file that opens without a network or a script, in the look of a run's report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from progressive_app.presentation.page.page_parts import content_policy, page_environment, page_style
from progressive_studies.search.choosing import NEEDED
from progressive_studies.search.page.search_plots import curve_plot, difference_plot, trial_plot, value_plot
from progressive_studies.search.search_tables import (
    CONFIG_MEANING,
    IMPORTANCE_MEANING,
    SEED_HEADS,
    SETTING_HEADS,
    TRIAL_MEANING,
    best_trial,
    bucket_findings,
    config_lines,
    number,
    outcome,
    seed_meaning,
    seed_rows,
    setting_rows,
    trial_heads,
    trial_rows,
)
from progressive_studies.walk_forward.walk_tables import RESULT_HEADS, result_row

_TEMPLATES = Path(__file__).parent / "templates"


def page_of(document: Mapping[str, Any]) -> str:
    """Return the page of a search.

    :param document: what `tune.json` holds.
    """
    return (
        page_environment(_TEMPLATES)
        .get_template("tune.html")
        .render(
            document=document,
            style=page_style(),
            policy=content_policy(),
            buckets=[_bucket(document, bucket) for bucket in document["buckets"]],
            config=config_lines(document),
            config_meaning=CONFIG_MEANING,
            setting_heads=SETTING_HEADS,
            importance_meaning=IMPORTANCE_MEANING,
            trial_meaning=TRIAL_MEANING,
            seed_heads=SEED_HEADS,
            seed_meaning=seed_meaning(document),
            result_heads=RESULT_HEADS,
        )
    )


def _bucket(document: Mapping[str, Any], bucket: Mapping[str, Any]) -> dict[str, Any]:
    rows = setting_rows(bucket)
    return {
        "name": bucket["bucket"],
        "outcome": outcome(bucket),
        "is_adopted": bucket["adopted"],
        "findings": bucket_findings(document, bucket),
        "trials": len(bucket["trials"]),
        "is_measured": best_trial(bucket) is not None,
        "needed": f"{NEEDED:g}",
        "t": number(bucket["t"], 2),
        "t_choosing": number(bucket["t_choosing"], 1),
        "t_deflated": number(bucket["t_deflated"], 1),
        "is_read": bucket["adopted"],
        "by_trial": trial_plot(bucket),
        "curves": curve_plot(bucket),
        "values": [value_plot(bucket, row[0]) for row in rows],
        "differences": difference_plot(bucket),
        "settings": [(row, bucket["importance"].get(row[0])) for row in rows],
        "trial_heads": trial_heads(bucket),
        "rows": trial_rows(bucket),
        "runs": [trial["runs"] for trial in bucket["trials"]],
        "seeds": seed_rows(bucket) if bucket["fresh"] else (),
        "results": [result_row(row) for row in bucket["verdict"]["test"]] if bucket["verdict"] else (),
    }
