"""The documentation as a site: built without a warning, complete, and asking no other server for anything."""

import os
import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
LOADED = {"script": "src", "link": "href", "img": "src", "source": "src", "iframe": "src", "object": "data"}

pytestmark = pytest.mark.skipif(not find_spec("mkdocstrings"), reason='needs the documents: pip install -e ".[docs]"')


class Page(HTMLParser):
    """What a page loads by itself, where its links lead, and its anchors."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.loads: set[str] = set()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors.add(given.get("id", ""))
        if tag in LOADED and given.get("rel") != "canonical":
            self.loads.add(given.get(LOADED[tag], ""))
        if tag == "a":
            self.links.add(given.get("href", ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(built)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # its theme's news of other programs is no warning of ours
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return built


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    return {str(file.relative_to(site)): Page(file) for file in site.rglob("*.html")}


def test_no_page_loads_anything_from_elsewhere(site: Path, pages: dict[str, Page]) -> None:
    assert len(pages) > 20
    for name, page in pages.items():
        assert {url for url in page.loads if urlsplit(url).netloc} == set(), name
    for sheet in site.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import\s)['\"]?https?:", sheet.read_text("utf-8")) == [], sheet.name


def test_links_that_lead_elsewhere_are_well_formed(pages: dict[str, Page]) -> None:
    outside = {url for page in pages.values() for url in page.links if urlsplit(url).scheme}
    assert [url for url in outside if not re.fullmatch(r"https://[\w.-]+\.\w+(/[\w./~%#?=&+-]*)?", url)] == []


def test_links_of_the_readme_work_where_the_package_is_shown_without_its_files() -> None:
    repository = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
    raw = repository.replace("https://github.com", "https://raw.githubusercontent.com")
    for link in re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text("utf-8")):
        assert link.startswith(("https://", "#")), link
        for shown in (f"{raw}/main/", f"{repository}/blob/main/", f"{repository}/tree/main/"):
            if link.startswith(shown):
                assert (ROOT / link.removeprefix(shown).partition("#")[0]).exists(), link


@pytest.mark.parametrize(
    "module",
    [f"progressive_training{module}" for module in ("", ".engines", ".envs", ".market", ".presentation", ".testing")],
)
def test_the_reference_has_every_public_name(module: str, pages: dict[str, Page]) -> None:
    explained = set().union(*(page.anchors for page in pages.values()))
    names = {name: getattr(import_module(module), name) for name in import_module(module).__all__}
    missing = {name for name in names if f"{module}.{name}" not in explained}
    assert missing == set(), "to be named on a page below docs/reference/"


def test_the_generated_pages_have_each_flag_and_setting(site: Path) -> None:
    commands = (site / "reference/command-line/index.html").read_text("utf-8")
    for shown in ("--scratch-arms", "--allow-leak COLUMN", "progressive-training signal", "--since TIME"):
        assert f"<code>{shown}</code>" in commands
    settings = (site / "reference/settings/index.html").read_text("utf-8")
    for shown in ("MEMORY_THRESHOLD", "TRANSFER_COOLDOWN", "WEIGHT_TRANSFER_ALPHA", "FEE", "PATIENCE"):
        assert f"<code>{shown}</code>" in settings
