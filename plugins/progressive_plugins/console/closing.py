"""What a run came to, below everything else: one table, and each verdict in a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD, Box
from rich.console import RenderableType
from rich.text import Text

from progressive_plugins.console.offers import NUMBER, merged
from progressive_training import BucketResult
from progressive_training.presentation import closing_table, judged, sequence_table, verdict_style


def closing(results: tuple[BucketResult, ...], box: Box | None = SIMPLE_HEAD) -> RenderableType:
    """Draw the numbers of a run: of one bucket its whole table, of several what their models and baselines earned on test.

    :param box: the lines of tables; None for none.
    """
    return closing_table(results[0], box) if len(results) == 1 else sequence_table(results, box)


def verdict_lines(results: tuple[BucketResult, ...]) -> list[Text]:
    """Return each verdict of several buckets after the names that it is of, then what a user must know of them; what differs
    in its numbers only is one line. The table of a single bucket has both already."""
    if len(results) == 1:
        return []
    verdicts, warnings = _Alike(), _Alike()
    styles: dict[str, str] = {}
    for result in results:
        evaluation = judged(result.evaluation)
        verdicts.add(evaluation.verdict, result.bucket)
        styles.setdefault(result.bucket, verdict_style(evaluation))
        for warning in evaluation.warnings:
            warnings.add(warning, result.bucket)
    lines = [
        Text.assemble((", ".join(names), "bold"), ": ", (text, styles[names[0]])) for names, text in verdicts.each()
    ]
    return lines + [
        Text.assemble(("warning ", "yellow"), f"{', '.join(names)}: {text}") for names, text in warnings.each()
    ]


class _Alike:
    """Texts about buckets, those together that differ in their numbers only."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[str, str]]] = {}

    def add(self, text: str, bucket: str) -> None:
        self._found.setdefault(NUMBER.sub("#", text), []).append((bucket, text))

    def each(self) -> Iterator[tuple[list[str], str]]:
        """Yield the buckets of each text, and the text with the numbers of all of them."""
        for alike in self._found.values():
            yield [bucket for bucket, _ in alike], merged([text for _, text in alike])
