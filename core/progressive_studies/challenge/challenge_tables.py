"""A challenge as sections with tables, for a terminal and as Markdown: the answer first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from progressive_app.presentation.quantities import number, share_text, utc_text
from progressive_app.presentation.text_table import MISSING
from progressive_core.contract.profit import percent_text
from progressive_studies.transfer_report.tables import Section

Document = Mapping[str, Any]
ATTACK_HEADS = ("ATTACK", "KEPT", "T")
FEARED_HEADS = ("FROM", "UNTIL", "PEERS EXPECT", "CAME")
FEATURES = "feeds"
"""The attack with a line for each feature, of which those that do harm are shown."""
HARMED, MOST_FEATURES = 0.9, 6
"""Kept share below which a feature's line is shown, and how many at most, the worst ones."""


def sections_of(document: Document) -> list[Section]:
    """The sections of a challenge, a few for each bucket."""
    return [*(section for bucket in document["buckets"] for section in _of_bucket(bucket, document)), *_notes(document)]


def _of_bucket(bucket: Document, document: Document) -> Iterator[Section]:
    first, last = (utc_text(date) for date in bucket["dates"])
    part = bucket.get("part", document["part"])
    yield Section(f"{bucket['bucket']}: {bucket['sentence']}")
    shown, hidden = _shown(bucket["attacks"])
    rows = [(each["variant"], _kept(each), number(_number(each["t"]), 1)) for each in shown]
    remark = (
        f"KEPT of the growth on the {part} bars from {first} to {last}, {percent_text(_number(bucket['profit']))} (t = "
        f"{number(_number(bucket['t']), 1)}); T of the difference, paired by blocks."
    )
    if hidden:
        least = min(each["kept"] for each in hidden)
        remark += f" {len(hidden)} more lines of features keep {share_text(least)} or more."
    yield Section("", ATTACK_HEADS, tuple(rows), remark)
    if bucket["failed"]:
        yield Section("", remark="\n".join(f"not attacked: {each['reason']}" for each in bucket["failed"]))
    yield _feared(bucket["peers"])


def _shown(attacks: Sequence[Document]) -> tuple[list[Document], list[Document]]:
    """The lines to show, and those of features that do little harm."""
    features = [each for each in attacks if each["attack"] == FEATURES and each["kept"] is not None]
    harmful = sorted((each for each in features if each["kept"] < HARMED), key=lambda each: each["kept"])[
        :MOST_FEATURES
    ]
    hidden = [each for each in features if not any(each is other for other in harmful)]
    return [each for each in attacks if not any(each is other for other in hidden)], hidden


def _feared(peers: Document | None) -> Section:
    if peers is None:
        return Section(
            "", remark="No peers: no other model of this run says what it expects, so nobody judges its positions."
        )
    title = f"Where its peers ({', '.join(peers['judges'])}) expect it to lose most, in windows of {peers['window_bars']} bars"
    ranked = [
        ("theirs", "rank_correlation"),
        ("its own model's", "own_rank_correlation"),
        ("volatility's", "volatility_rank_correlation"),
    ]
    words = ", ".join(f"{whose} {number(_number(peers[key]), 2)}" for whose, key in ranked)
    remark = f"Rank correlation with the losses that came, over {peers['windows']} windows: {words}."
    if peers["silent"]:
        remark += f" Not among the judges, since it predicts nothing: {', '.join(peers['silent'])}."
    rows = tuple(
        (
            utc_text(each["first"]),
            utc_text(each["last"]),
            f"{number(each['expected_profit'], 2)} %",  # little of what comes: a tenth of a per cent would be zero
            percent_text(each["profit"]),
        )
        for each in peers["feared"]
    )
    if not rows:
        return Section("", remark=f"Its peers expect a loss in no window. {remark}")
    return Section(title, FEARED_HEADS, rows, remark)


def _notes(document: Document) -> Iterator[Section]:
    if document["test_reads"]:
        times = "once" if document["test_reads"] == 1 else f"{document['test_reads']} times"
        yield Section(
            "",
            remark=f"note: the test part of this run was challenged {times}; a choice made by that is no longer tested by it",
        )
    for each in document["left_out"]:
        yield Section("", remark=f"note: left out: {each['reason']}")


def _kept(tried: Document) -> str:
    return MISSING if tried["kept"] is None else share_text(tried["kept"])


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
