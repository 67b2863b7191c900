"""Every head of a column that the program prints has an entry in the glossary."""

import re
from contextlib import chdir
from html.parser import HTMLParser
from pathlib import Path

import pytest

from progressive_front.cli import main

ROOT = Path(__file__).parents[2]
RUN = "runs/20260101-120000"
COMMANDS = (
    ["plugins"],
    ["config"],
    ["runs"],
    ["evaluate", RUN],
    ["evaluate", RUN, "--data", "now.csv"],
    ["signal", RUN, "--data", "now.csv"],
    ["transfer-report", RUN],
    ["challenge", RUN],
    ["report", RUN],
)
BUCKETS = {"scalping", "medium"}


class ColumnHeads(HTMLParser):
    """The texts of the head cells of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "th" and dict(attrs).get("scope") != "row":
            self._inside = True
            self.seen.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "th"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.seen[-1] += data


def plain(text: str) -> str:
    return " ".join(text.replace("`", "").split()).casefold()


def glossary() -> set[str]:
    """Its terms: the first cell of each row, in which commas part terms that are explained together."""
    page = (ROOT / "docs/glossary.md").read_text("utf-8")
    first = re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
    return {plain(term) for cell in first for term in cell.split(",")}


@pytest.fixture(scope="module")
def printed(workplace: Path, heads) -> set[str]:
    """The heads of all columns of the console, of each command, and of the report of a run; of one with a comma its parts."""
    with chdir(workplace), heads.recording():
        for command in COMMANDS:
            assert main(command) == 0
    pages = [ColumnHeads(file.read_text("utf-8")).seen for file in workplace.glob("runs/*/report.html")]
    assert all("profit" in page for page in pages)
    texts = heads.seen.union(*pages)
    return {plain(term) for text in texts for term in text.split(",")} - BUCKETS - {""}


def test_heads_are_found(printed: set[str]) -> None:
    assert len(printed) > 30


def test_each_head_is_explained(printed: set[str]) -> None:
    unexplained = sorted(printed - glossary())
    assert not unexplained, f"to be explained in docs/glossary.md: {', '.join(unexplained)}"
