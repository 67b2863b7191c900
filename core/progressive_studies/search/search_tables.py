"""A search for settings as sections with tables, for a terminal, as Markdown and for the page."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from progressive_app.presentation import quantities
from progressive_app.presentation.text_table import MISSING
from progressive_app.quoting import shortened
from progressive_core.contract.profit import profit_text
from progressive_studies.search.search_plan import SYNTHETIC_MARKET
from progressive_studies.search.trial_runs import EVIDENCE
from progressive_studies.transfer_report.tables import Section
from progressive_studies.walk_forward.walk_tables import RESULT_HEADS, result_row

Document = Mapping[str, Any]
"""What `tune.json` holds."""
SETTING_HEADS = ("SETTING", "SEARCHED", "INCUMBENT", "BEST TRIAL", "IMPORTANCE")
TRIAL_HEADS = ("TRIAL", "STATUS", "SCORE", "EPISODES")
SEED_HEADS = ("SEED", "INCUMBENT", "CHOICE", "DIFFERENCE")
IMPORTANCE_MEANING = (
    "IMPORTANCE: how far the values of the best quarter of the trials lie from those of all, as a share of all settings' (PED-ANOVA, Watanabe and "
    "others 2023). It says what moved the score of these trials on these bars, and nothing about fresh ones."
)
TRIAL_MEANING = (
    "SCORE: what a trial's model earns on the bars that choose. The highest of many is flattered by luck, so it is no forecast. "
    "One that was pruned ended early, as it lagged behind earlier trials; its score is that of its best episode so far."
)
_SEED_MEANING = (
    "What both settings earned on the bars that were held back from every trial, each trained anew with seeds that no trial had. The t is that of "
    "the mean's differences by block of bars: more seeds make training's luck smaller, and the luck of these bars stays."
)
_MADE_UP = " Each seed makes up a market of its own, so these are other bars than those of the trials: on a file of bars, --data, they are the same."
CONFIG_MEANING = "For config.json, where other buckets keep what they have. EVIDENCE: validation has chosen these settings, so a verdict counts the test part alone."
ADOPTED, NOT_SHOWN, STAYS = "adopted", "no better setting shown", "the incumbent is the best trial"


def sections_of(document: Document) -> list[Section]:
    """The sections of a search: what it shows, then each bucket's settings, trials, held-back bars and test part."""
    sections = [
        Section(f"{bucket['bucket']}, what the search shows", remark="\n".join(bucket_findings(document, bucket)))
        for bucket in document["buckets"]
    ]
    if lines := config_lines(document):
        remark = "\n".join([CONFIG_MEANING, "", *(f"    {line}" for line in lines)])
        sections.append(Section("What was adopted", remark=remark))
    for bucket in document["buckets"]:
        name = bucket["bucket"]
        sections.append(Section(f"{name}, settings", SETTING_HEADS, setting_rows(bucket), IMPORTANCE_MEANING))
        if bucket["fresh"]:
            sections.append(Section(f"{name}, held-back bars", SEED_HEADS, seed_rows(bucket), seed_meaning(document)))
        if bucket["verdict"]:
            rows = tuple(map(result_row, bucket["verdict"]["test"]))
            sections.append(Section(f"{name}, the adopted setting on the test part", RESULT_HEADS, rows))
        remark = f"{TRIAL_MEANING} VALUES: of {', '.join(bucket['space'])}, in this order."
        sections.append(Section(f"{name}, trials", (*TRIAL_HEADS, "VALUES"), narrow_rows(bucket), remark))
    return sections


def bucket_findings(document: Document, bucket: Document) -> list[str]:
    """What became of one bucket's search and why, then what was searched, a sentence each; no score of a trial, since the best one is
    flattered."""
    return [
        f"{bucket['why'].rstrip('.')}.{_adopted_text(bucket)}",
        evidence_text(bucket),
        test_text(bucket),
        *_searched(document, bucket),
    ]


def seed_meaning(document: Document) -> str:
    """What the table of fresh seeds is about; on a synthetic market each of them has bars of its own."""
    return _SEED_MEANING + (_MADE_UP if document["bars"] == SYNTHETIC_MARKET else "")


def outcome(bucket: Document) -> str:
    """What became of a bucket's search in a few words."""
    if bucket["adopted"]:
        return ADOPTED
    return NOT_SHOWN if best_trial(bucket) else f"{NOT_SHOWN}, {STAYS}"


def _adopted_text(bucket: Document) -> str:
    changes = [
        f"{key} {value_text(value)} in place of {value_text(bucket['incumbent'].get(key))}"
        for key, value in (bucket["settings"].items() if bucket["adopted"] else ())
    ]
    return f" Adopted: {', '.join(changes)}." if changes else ""


def evidence_text(bucket: Document) -> str:
    """What the bars that chose say, and why that is not enough."""
    count = len(bucket["trials"])
    if not best_trial(bucket):
        return "So the held-back bars were not looked at."
    return (
        f"On the bars that chose it, its t against the incumbent is {number(bucket['t_choosing'], 1)}: flattered, since it is the best of {count} "
        f"trials. Less what the best of so many shows by luck, that is {number(bucket['t_deflated'], 1)}."
    )


def test_text(bucket: Document) -> str:
    """What the test part says of the adopted setting, or that nothing has read it."""
    if not bucket["adopted"]:
        return "The settings stay as they are, and the test part was not read."
    if not bucket["verdict"]:
        return "The run of the choice has no verdict."
    return (
        f"The test part, read once for this setting and counted alone: {bucket['verdict']['verdict'].rstrip('.')}. The model with it "
        "is in runs/choice."
    )


def _searched(document: Document, bucket: Document) -> list[str]:
    trials, folds = bucket["trials"], document["folds"]
    pruned = sum(trial["status"] == "pruned" for trial in trials)
    spans = ", ".join(f"{key} ({text})" for key, text in bucket["space"].items())
    told = [
        f"Searched: {spans}; {len(trials)} trials, {pruned} of them pruned, {bucket['episodes']:,} episodes: as many as "
        f"{number(bucket['trainings'], 1)} full trainings."
    ]
    if folds:
        where = f"validation, {_day(folds[0]['validate_from'])} to {_day(folds[-1]['test_from'])}"
        where += f", in {len(folds)} folds" if len(folds) > 1 else ""
        told.append(
            f"One half of {where}, scored the trials; the other half, stretch by stretch between them, was held back. No trial read anything from "
            f"{_day(folds[-1]['test_from'])} on."
        )
    return told


def _day(time: str) -> str:
    return str(time)[:10]


def number(value: float | None, digits: int) -> str:
    """A number of the document, in which one that is not known is null."""
    return quantities.number(math.nan if value is None else value, digits)


def value_text(value: Any) -> str:
    """The value of a setting, numbers with three digits."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return MISSING
        short = f"{value:.3g}"
        return f"{float(short):.0f}" if "e+0" in short else short  # a million and less without an exponent
    return MISSING if value is None else shortened(value if isinstance(value, str) else json.dumps(value))


def best_trial(bucket: Document) -> Document | None:
    """The trial that was chosen, where that is not the incumbent."""
    return next((trial for trial in bucket["trials"] if trial["number"] == bucket["best"] != 0), None)


def setting_rows(bucket: Document) -> tuple[tuple[str, ...], ...]:
    """The cells below `SETTING_HEADS`, a row for each setting that was searched, the most important first."""
    importance, best = bucket["importance"], best_trial(bucket)
    keys = sorted(bucket["space"], key=lambda key: -importance.get(key, 0.0))
    return tuple(
        (
            key,
            bucket["space"][key],
            value_text(bucket["incumbent"].get(key)),
            value_text(best["values"].get(key)) if best else MISSING,
            quantities.share_text(importance[key]) if key in importance else MISSING,
        )
        for key in keys
    )


def trial_heads(bucket: Document) -> tuple[str, ...]:
    """`TRIAL_HEADS`, and one for each setting."""
    return (*TRIAL_HEADS, *bucket["space"])


def trial_rows(bucket: Document) -> tuple[tuple[str, ...], ...]:
    """The cells below `trial_heads`, a row for each trial in their order."""
    return tuple(
        (
            str(trial["number"]),
            status_text(bucket, trial),
            profit_text(trial["score"]) if trial["score"] is not None else MISSING,
            str(len(trial["steps"])),
            *(value_text(trial["values"].get(key)) for key in bucket["space"]),
        )
        for trial in bucket["trials"]
    )


def narrow_rows(bucket: Document) -> tuple[tuple[str, ...], ...]:
    """The same with all values in one cell, for a terminal."""
    count = len(TRIAL_HEADS)
    return tuple((*row[:count], ", ".join(row[count:])) for row in trial_rows(bucket))


def status_text(bucket: Document, trial: Document) -> str:
    """How a trial ended, and what it is besides."""
    if trial["number"] == 0:
        return f"{trial['status']}, incumbent"
    return f"{trial['status']}, best" if trial is best_trial(bucket) else str(trial["status"])


def seed_rows(bucket: Document) -> tuple[tuple[str, ...], ...]:
    """The cells below `SEED_HEADS`: a row for each fresh seed, then their mean with its t."""
    old, new = ([math.fsum(each[side]) for each in bucket["fresh"]] for side in ("incumbent", "choice"))
    seeds = [str(each["seed"]) for each in bucket["fresh"]]
    rows = [*zip(seeds, old, new, strict=True), (f"mean, t {number(bucket['t'], 2)}", fmean(old), fmean(new))]
    return tuple((seed, *map(profit_text, (before, after, after - before))) for seed, before, after in rows)


def adopted_settings(document: Document) -> dict[str, dict[str, Any]]:
    """What was adopted, by setting and bucket, with what makes verdicts count the test part alone; empty where nothing was."""
    chosen: dict[str, dict[str, Any]] = {}
    for bucket in (each for each in document["buckets"] if each["adopted"]):
        evidence = {EVIDENCE: bucket["evidence"]} if bucket["evidence"] else {}
        for key, value in {**bucket["settings"], **evidence}.items():
            chosen.setdefault(key, {})[bucket["bucket"]] = value
    return chosen


def config_lines(document: Document) -> list[str]:
    """What was adopted, as lines for config.json; none where nothing was."""
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in adopted_settings(document).items()]
    return [line + "," * (place < len(lines)) for place, line in enumerate(lines, 1)]


def mean_blocks(bucket: Document, side: str) -> Sequence[float]:
    """Of each held-back block what one side ("incumbent" or "choice") earned, the mean over the fresh seeds."""
    return [fmean(block) for block in zip(*(each[side] for each in bucket["fresh"]), strict=True)]
