"""What became of the knowledge that buckets offered: one line for an offer that was taken, one for all that were not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from textwrap import shorten

from attrs import frozen

from progressive_training import LedgerEntry
from progressive_training.presentation import profit_text

NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
LONGEST_REASON = 110
MOST_REASONS = 3


@frozen
class Offer:
    """What one bucket offered another at one moment: the entry of each strategy that was asked, in order."""

    entries: tuple[LedgerEntry, ...]

    @property
    def first(self) -> LedgerEntry:
        """The entry of the first strategy: source, target, phase and episode are those of all."""
        return self.entries[0]

    @property
    def taken(self) -> tuple[LedgerEntry, ...]:
        """The entries that were kept."""
        return tuple(entry for entry in self.entries if entry.verdict == "kept")

    @property
    def refused(self) -> tuple[LedgerEntry, ...]:
        """The entries that changed nothing: skipped, rolled back or failed."""
        return tuple(entry for entry in self.entries if entry.verdict != "kept")


def offers(entries: Iterable[LedgerEntry]) -> list[Offer]:
    """Return ledger entries by offer, in order."""
    by_offer = groupby(entries, key=lambda entry: (entry.source, entry.target, entry.phase, entry.episode))
    return [Offer(tuple(each)) for _, each in by_offer]


def taken_line(offer: Offer, arrow: str = "->") -> str:
    """Say what an offer of which something was kept brought, and why the rest was not: "took weights from Scalping ...".

    :param arrow: what to write between two scores.
    """
    first, taken = offer.first, offer.taken
    when = f" at episode {first.episode}" if first.phase == "periodic" else ""
    score = f"score {profit_text(taken[0].before)} {arrow} {profit_text(taken[-1].after)}"
    line = f"took {', '.join(entry.strategy for entry in taken)} from {first.source}{when}: {score}"
    return f"{line}; not {why_not(offer.refused, named=True)}" if offer.refused else line


def choice_line(entry: LedgerEntry, arrow: str = "->") -> str:
    """Say what a bucket chose between strategies of its own: "specialists adopted: score +1.2 % -> +1.9 %; gained, t 2.3"."""
    score = "" if entry.before is None else f"score {profit_text(entry.before)} {arrow} {profit_text(entry.after)}; "
    return f"{entry.strategy} {'adopted' if entry.verdict == 'kept' else 'not adopted'}: {score}{entry.reason}"


def refused_line(refused: Sequence[Offer]) -> str:
    """Say of offers of which nothing was kept whose they were, and why: "nothing taken from Scalping, Short: ..."."""
    sources = dict.fromkeys(offer.first.source for offer in refused)
    return f"nothing taken from {', '.join(sources)}: {why_not([each for offer in refused for each in offer.entries])}"


def later_line(refused: Sequence[Offer]) -> str:
    """Say how many offers amid training changed nothing, and why."""
    many = "1 offer" if len(refused) == 1 else f"{len(refused)} offers"
    return f"{many} during training changed nothing: {counted(refused)}"


def why_not(entries: Sequence[LedgerEntry], *, named: bool = False) -> str:
    """Return the reasons why these were not kept, each once.

    :param named: put the strategies before each reason also where there is only one.
    """
    alike: dict[str, list[LedgerEntry]] = {}
    for entry in entries:
        alike.setdefault(NUMBER.sub("#", entry.reason), []).append(entry)
    reasons = []
    for same in list(alike.values())[:MOST_REASONS]:
        said = dict.fromkeys((entry.source, entry.reason) for entry in same)
        reason = shorten(merged([reason for _, reason in said]), LONGEST_REASON, placeholder="...")
        strategies = dict.fromkeys(entry.strategy for entry in same)
        failed = "failed: " if same[0].verdict == "failed" else ""
        reasons.append(
            f"{failed}{reason}" if len(alike) == 1 and not named else f"{', '.join(strategies)}: {failed}{reason}"
        )
    return "; ".join([*reasons, *(["..."] if len(alike) > MOST_REASONS else [])])


def merged(texts: Sequence[str]) -> str:
    """Write texts that differ in their numbers as one, a number for each text: "its own t is 0.3 / 1.1, expected 2"."""
    numbers = zip(*(NUMBER.findall(text) for text in texts), strict=True)
    each = iter([" / ".join(slot if len(set(slot)) > 1 else slot[:1]) for slot in numbers])
    return NUMBER.sub(lambda _: next(each), texts[0])


def counted(refused: Sequence[Offer]) -> str:
    """Say how often offers were refused for which reason, in its first words: "not proven 9 times, hurt on validation once"."""
    counts: dict[str, int] = {}
    for offer in refused:
        for entry in offer.entries:
            reason = re.split(r"[:;,(]", entry.reason)[0].strip()
            counts[reason] = counts.get(reason, 0) + 1
    if len(counts) == 1:
        return next(iter(counts))
    often = sorted(counts.items(), key=lambda each: -each[1])[:MOST_REASONS]
    return ", ".join(f"{reason} {'once' if count == 1 else f'{count} times'}" for reason, count in often)
