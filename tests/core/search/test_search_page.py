"""What a reader of a search's report notices."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from progressive_studies.search.page.search_page import page_of
from progressive_studies.search.search_tables import sections_of
from progressive_studies.transfer_report.tables import as_markdown, as_text

GLOSSARY = Path(__file__).parents[3] / "docs/glossary.md"
STRANGE = "<script>alert(1)</script>"
SPACE = {"LEARNING_RATE": "1e-4..1e-2:log", "DROPOUT": "0..0.5", "CHOOSE": "validation|fixed"}
PERFORMANCE = {
    "strategy": "Medium",
    "kind": "model",
    "profit": 12.3,
    "sharpe": 0.9,
    "sharpe_error": None,
    "drawdown_share": 0.2,
    "turnover": 80.0,
    "trades": 40,
    "long_share": 0.3,
    "flat_share": 0.4,
    "short_share": 0.3,
    "t": 1.4,
    "alpha_percent_a_year": 3.0,
    "alpha_t": 1.2,
    "beta": None,
}


def trial_of(number: int, draw: np.random.Generator, *, status: str, score: float) -> dict[str, Any]:
    values = {
        "LEARNING_RATE": float(10 ** draw.uniform(-4, -2)),
        "DROPOUT": float(draw.uniform(0, 0.5)),
        "CHOOSE": str(draw.choice(["validation", "fixed"])),
    }
    if number == 4:
        values = {"LEARNING_RATE": 0.00031622776601683794, "DROPOUT": 0.12345678, "CHOOSE": "fixed"}
    if number == 0:
        values = {"LEARNING_RATE": 0.001, "DROPOUT": 0.0, "CHOOSE": "validation"}
    rises = np.sort(draw.uniform(0.0, 0.3, 9 if status == "pruned" else 20))
    return {
        "number": number,
        "batch": number // 6,
        "runs": [f"trial-{number:02}"],
        "values": values,
        "status": status,
        "score": score,
        "steps": [float(step) for step in rises - rises[-1] + score],
    }


def searched(name: str = "Medium", *, outcome: str) -> dict[str, Any]:
    """A bucket of `tune.json`: "adopted", "not shown", or "incumbent" where no trial scored higher."""
    draw = np.random.default_rng(3)
    scores = [0.20, *draw.uniform(-0.1, 0.19, 11)]
    pruned = {7, 9, 10, 11}
    best = 0 if outcome == "incumbent" else 4
    scores[9] = 0.31  # of an earlier end, and not to be called the best
    scores[best] = 0.27
    trials = [
        trial_of(number, draw, status="pruned" if number in pruned else "finished", score=float(score))
        for number, score in enumerate(scores)
    ]
    fresh = [
        {
            "seed": seed,
            "incumbent": [float(each) for each in draw.normal(0.001, 0.01, 32)],
            "choice": [float(each) for each in draw.normal(0.004 if outcome == "adopted" else 0.001, 0.01, 32)],
        }
        for seed in (1, 2)
    ]
    is_adopted = outcome == "adopted"
    verdict = {
        "verdict": "no edge shown (edge t = 1.4)",
        "t": 1.4,
        "trades": "nowhere",
        "test": [PERFORMANCE],
        "dates": [],
    }
    return {
        "bucket": name,
        "space": SPACE,
        "incumbent": trials[0]["values"],
        "trials": trials,
        "importance": {"LEARNING_RATE": 0.6, "DROPOUT": 0.3, "CHOOSE": 0.1},
        "best": best,
        "t_choosing": 1.9 if best else None,
        "t_deflated": -0.3 if best else None,
        "fresh": fresh if best else [],
        "t": {"adopted": 2.34, "not shown": 0.71, "incumbent": None}[outcome],
        "adopted": is_adopted,
        "why": {
            "adopted": "Trial 4 is adopted: its paired t is 2.34, and 2 is needed.",
            "not shown": "No better setting shown: trial 4 has the best score, but its paired t is 0.71, and 2 is needed.",
            "incumbent": "No better setting shown: of 12 trials none has a better score.",
        }[outcome],
        "settings": trials[4]["values"] if is_adopted else {},
        "evidence": "test",
        "episodes": 196,
        "trainings": 4.9,
        "verdict": verdict if is_adopted else None,
    }


def document_of(*buckets: dict[str, Any], folds: int = 1, **changed: Any) -> dict[str, Any]:
    times = [f"20{18 + fold}-01-01T00:00:00+00:00" for fold in range(folds + 3)]
    return {
        "format": 1,
        "name": "mine",
        "seed": 0,
        "folds": [
            {
                "train_from": times[0],
                "validate_from": times[fold + 1],
                "test_from": times[fold + 2],
                "until": times[fold + 3],
            }
            for fold in range(folds)
        ],
        "bars": "btcusdt_1h.parquet: 60,000 bars of 1 h",
        "buckets": list(buckets),
        **changed,
    }


def first_screen(document: dict[str, Any]) -> str:
    """What stands on the page before the trials."""
    page = page_of(document)
    return page[page.index("<main>") : page.index("The trials, on the bars that choose")]


@pytest.mark.parametrize(
    ("outcome", "sentences"),
    [
        (
            "adopted",
            [
                "Trial 4 is adopted: its paired t is 2.34, and 2 is needed. Adopted: LEARNING_RATE 0.000316 in place of 0.001, ",
                "The test part, read once for this setting and counted alone: no edge shown (edge t = 1.4). The model with it is in runs/choice.",
            ],
        ),
        (
            "not shown",
            [
                "No better setting shown: trial 4 has the best score, but its paired t is 0.71, and 2 is needed.",
                "its t against the incumbent is 1.9: flattered, since it is the best of 12 trials. Less what the best of so many shows by luck, that is -0.3.",
                "The settings stay as they are, and the test part was not read.",
            ],
        ),
        (
            "incumbent",
            [
                "No better setting shown: of 12 trials none has a better score.",
                "the held-back bars were not looked at",
            ],
        ),
    ],
)
def test_the_first_sentences_say_what_was_adopted_and_why(outcome: str, sentences: list[str]) -> None:
    document = document_of(searched(outcome=outcome))
    text = " ".join(as_text(sections_of(document)).split())
    for sentence in sentences:
        assert sentence in text
        assert sentence in first_screen(document)
    assert ('"EVIDENCE": {"Medium": "test"}' in text) == (outcome == "adopted")
    assert ('"LEARNING_RATE": {"Medium": 0.00031622776601683794},' in text) == (outcome == "adopted")


@pytest.mark.parametrize("outcome", ["adopted", "not shown"])
def test_the_best_score_stands_behind_the_outcome(outcome: str) -> None:
    document = document_of(searched(outcome=outcome))
    assert "+31.0" not in first_screen(document)  # the profit of 0.27
    assert "+31.0\N{NO-BREAK SPACE}%" in page_of(document)


def test_a_pruned_trial_is_never_the_best() -> None:
    bucket = searched(outcome="not shown")
    page = page_of(document_of(bucket))
    assert "trial 4, the best: +31.0 %" in page
    assert "trial 9, pruned: +36.3 %" in page
    line = re.search(r'class="best" d="([^"]+)"', page)
    incumbent = re.search(r'class="incumbent" d="M0 ([\d.]+)H100"', page)
    assert line is not None
    assert incumbent is not None
    heights = [float(place.split()[1]) for place in line[1][1:].split("L")]
    pruned = re.search(r'top:([\d.]+)%" title="trial 9, pruned', page)
    assert pruned is not None
    assert float(pruned[1]) < min(heights) < float(incumbent[1])
    assert page.count('class="curve pruned"') == 4


def test_nothing_strange_is_printed_or_run() -> None:
    bucket = searched(outcome="not shown", name=STRANGE)
    bucket["space"] = {**SPACE, STRANGE: "a|b"}
    for trial in bucket["trials"]:
        trial["values"][STRANGE] = "a"
    bucket["why"] = STRANGE
    bucket["importance"] = {}
    bucket["trials"][3] = {**bucket["trials"][3], "score": None, "steps": []}
    bucket["trials"][2]["steps"][:2] = [None, None]
    bucket["trials"][7]["steps"] = [None] * 9
    bucket["incumbent"] = {**bucket["incumbent"], "LEARNING_RATE": None}
    bucket["trials"][0]["values"]["LEARNING_RATE"] = None
    document = document_of(bucket, searched("Long", outcome="adopted"), folds=3, name=STRANGE, bars="")
    page = page_of(document)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Not on this scale: trial 0 (-)." in page
    text = as_markdown("Search", sections_of(document))
    assert not re.search(r"\bnan\b|\bn/a\b|\bNone\b|\bnull\b|\binf\b", page[page.index("<main>") :] + text)
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert "| CHOOSE | validation\\|fixed |" in text
    assert all(re.fullmatch(r"\|([^|]|(?<=\\)\|)+(\|([^|]|(?<=\\)\|)+)*\|", line) for line in tables)


def test_the_differences_add_up_to_those_of_the_table() -> None:
    bucket = searched(outcome="adopted")
    whole = sum(sum(each["choice"]) - sum(each["incumbent"]) for each in bucket["fresh"]) / 2
    text = as_text(sections_of(document_of(bucket)))
    assert f"{100 * math.expm1(whole):+.1f} %" in next(line for line in text.splitlines() if "mean, t 2.34" in line)


def test_each_head_is_in_the_glossary() -> None:
    first = re.findall(r"^\| ([^|]+) \|", GLOSSARY.read_text("utf-8"), re.MULTILINE)
    known = {term.strip().replace("`", "").casefold() for cell in first for term in cell.split(",")}
    heads = {
        head.casefold() for section in sections_of(document_of(searched(outcome="adopted"))) for head in section.header
    }
    assert heads <= known


def test_the_text_fits_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    bucket = searched(outcome="adopted")
    for trial in bucket["trials"]:
        trial["values"] = {f"A_SETTING_{number}": 0.123 for number in range(6)}
    bucket["space"] = dict.fromkeys(bucket["trials"][0]["values"], "0..0.5")
    lines = as_text(sections_of(document_of(bucket))).splitlines()
    assert [line for line in lines if len(line) > 80 and not line.startswith("    ")] == []
