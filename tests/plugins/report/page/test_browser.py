"""The page of the report in a headless Chromium: from a file, without a network, in both colour schemes, on a phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attrs import evolve
from matplotlib.image import imread

from progressive_front.cli import main
from progressive_training.market import account_of
from progressive_training.presentation import percent_text, utc_text

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)")
NAMES = ("Scalping", "Short", "Medium", "Long")
READY = "bucket => document.documentElement.dataset.ready === bucket"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra test)")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


class Opened:
    """A page that was opened, with all that it asked for and all that its console said."""

    def __init__(self, browser: Any, file: Path, width: int = 1280, scheme: str = "light", **options: Any) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, **options
        )
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.messages: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.messages.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.goto(file.as_uri())

    def value(self, name: str) -> str | None:
        """What the page says of itself."""
        value: str | None = self.page.evaluate("name => document.documentElement.dataset[name] ?? null", name)
        return value

    def overflow(self) -> int:
        pixels: int = self.page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
        return pixels


@pytest.fixture
def opened(browser: Any, run: Any) -> Iterator[Any]:
    """Opens the page of a document."""
    contexts = []

    def open_page(document: dict[str, Any], accounts: dict[str, Any] | None = None, **options: Any) -> Opened:
        file = run.run_dir / "report.html"
        file.write_text(run.page(document, **(accounts or {})), "utf-8")
        opened = Opened(browser, file, **options)
        contexts.append(opened.context)
        if options.get("java_script_enabled", True) and document["buckets"]:
            opened.page.wait_for_function(READY, arg=document["buckets"][0]["name"])
        return opened

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def four(run: Any) -> Any:
    for seed, name in enumerate(NAMES):
        run.write_account(name, seed=seed)
    return run.document(
        *(
            run.bucket(name, edge)
            for name, edge in zip(NAMES, ("none", "confirmed", "implausible", "none"), strict=True)
        )
    )


def test_it_opens_from_a_file_without_a_request_or_a_word_on_the_console(opened: Any, four: Any) -> None:
    report = opened(four)
    for name in NAMES[1:]:
        report.page.get_by_role("tab", name=name, exact=True).click()
        report.page.wait_for_function(READY, arg=name)
    assert report.requests == [report.page.url]
    assert report.messages == []


@pytest.mark.parametrize(("bars", "candles"), [(2_000, 2_000), (60_000, 60_000), (130_000, 43_334)])
def test_it_shows_as_many_bars_as_the_run_has(opened: Any, run: Any, bars: int, candles: int) -> None:
    run.write_account("Short", bars=bars, trades=200)
    report = opened(run.document(run.bucket("Short")))
    assert report.value("candles") == str(candles)
    assert report.value("bars") == str(bars)
    assert report.messages == []


def test_the_page_of_a_trained_run_shows_its_bars(browser: Any, idle_run: Path) -> None:
    assert main(["report", str(idle_run)]) == 0
    report = Opened(browser, idle_run / "report.html")
    report.page.wait_for_function(READY, arg="Scalping")
    assert report.value("bars") == report.value("candles") == "4000"
    assert report.messages == []
    assert report.overflow() <= 0
    report.context.close()


def test_gaps_are_marked_where_they_are(opened: Any, run: Any) -> None:
    run.write_account("Short", bars=2_000, trades=0)
    account = account_of(run.run_dir, "Short")
    assert account is not None
    bucket = run.bucket("Short")
    pictures = []
    for gaps in (account.gaps, account.gaps.head(0)):
        report = opened(run.document(bucket), {"Short": evolve(account, gaps=gaps)})
        shown = report.page.locator("#price-chart").screenshot()
        pictures.append(imread(BytesIO(shown), format="png"))
    different = np.flatnonzero((pictures[0] != pictures[1]).any(axis=(0, 2)))
    plot = report.page.locator("#price-chart canvas").first.bounding_box()["width"]
    assert different.size
    assert sorted(set(np.round(different / plot, 2))) == pytest.approx([0.33, 0.5], abs=0.011)


def test_a_click_on_a_trade_shows_it_in_the_table_and_in_the_chart(opened: Any, run: Any) -> None:
    run.write_account("Short", trades=40)
    report = opened(run.document(run.bucket("Short")))
    chart, detail = report.page.locator("#price-chart"), report.page.locator("#open-trade")
    report.page.locator("#trade-table tbody tr").nth(2).get_by_role("button").click()
    assert report.value("openTrade") == "37"
    account = account_of(run.run_dir, "Short")
    assert account is not None
    trade = account.trades.iloc[37]
    for shown in (
        trade.side,
        f"{trade.entry_time:%Y-%m-%d %H:%M} UTC at {trade.entry_price:,.2f}",
        f"{trade.exit_time:%Y-%m-%d %H:%M} UTC at {trade.exit_price:,.2f}",
        percent_text(trade.profit),
        trade.reason,
    ):
        assert detail.get_by_text(shown, exact=True).is_visible()
    report.page.wait_for_selector("#price-chart[data-selected-at]")
    x, y = map(int, chart.get_attribute("data-selected-at").split(","))
    detail.get_by_role("button", name="close").click()
    assert detail.is_hidden()
    assert report.value("openTrade") is None
    chart.click(position={"x": x, "y": y})
    report.page.wait_for_function("document.documentElement.dataset.openTrade === '37'")
    assert detail.is_visible()
    assert report.messages == []


def test_every_trade_reads_as_python_writes_it(opened: Any, run: Any) -> None:
    profits = [0.25, 0.75, -0.25, 0.04, -0.05, 0.15, 999.94, 999.95, -99.9, 1234.5, 999_499.0, 54_321_987.0]
    run.write_account("Short", trades=len(profits))
    account = account_of(run.run_dir, "Short")
    assert account is not None
    account.trades["profit"] = profits
    bucket = run.bucket("Short")
    report = opened(run.document(bucket), {"Short": account})
    cells = report.page.locator("#trade-table tbody tr > td:nth-child(7)").all_text_contents()
    assert cells == [percent_text(profit) for profit in reversed(profits)]


@pytest.mark.parametrize("seconds", [0, 1, 59, 60, -1])
def test_a_time_reads_as_python_writes_it(opened: Any, run: Any, seconds: int) -> None:
    """Bars of a second have trades within a minute."""
    run.write_account("Short", trades=5)
    account = account_of(run.run_dir, "Short")
    assert account is not None
    account.trades["entry_time"] += pd.Timedelta(seconds=seconds)
    report = opened(run.document(run.bucket("Short")), {"Short": account})
    cells = report.page.locator("#trade-table tbody tr > :nth-child(1)").all_text_contents()
    assert cells == [utc_text(time) for time in reversed(account.trades["entry_time"].to_list())]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(opened: Any, run: Any, four: Any, scheme: str, width: int) -> None:
    longest = "A_name_of_a_bucket_that_somebody_made_as_long_as_names_can_be_64"
    run.write_account(longest)
    four["buckets"].append(
        run.bucket(
            longest, stopped="x" * 300, features=[{"name": "f" * 90, "screened": 0.5, "permuted": 0.5, "combined": 0.5}]
        )
    )
    four["run"] |= {"name": "r" * 120, "error": "/a/very/long/path" * 20, "status": "failed"}
    report = opened(four, width=width, scheme=scheme)
    for name in (*NAMES, longest):
        report.page.get_by_role("tab", name=name, exact=True).click()
        report.page.wait_for_function(READY, arg=name)
        assert report.overflow() <= 0
    report.page.locator("#trade-table tbody button").first.click()
    for closed in report.page.locator("summary:visible").all():
        closed.click()
    assert report.overflow() <= 0


def test_the_colour_scheme_is_that_of_the_system_until_it_is_switched(opened: Any, four: Any) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light, dark = opened(four), opened(four, scheme="dark")
    bright, night = light.page.evaluate(colour), dark.page.evaluate(colour)
    assert bright != night
    dark.page.get_by_role("button", name="light or dark").click()
    assert dark.page.evaluate(colour) == bright
    light.page.get_by_role("button", name="light or dark").click()
    assert light.page.evaluate(colour) == night


def test_the_legend_switches_curves_and_the_scale_is_log_where_equity_grows_by_factors(opened: Any, run: Any) -> None:
    run.write_account("Short")
    report = opened(run.document(run.bucket("Short")))
    scale = report.page.locator("#equity-scale")
    assert scale.get_by_role("button", name="linear").get_attribute("aria-pressed") == "true"
    hold = report.page.locator("#equity-legend").get_by_role("button", name="buy and hold")
    hold.click()
    assert hold.get_attribute("aria-pressed") == "false"
    account = account_of(run.run_dir, "Short")
    assert account is not None
    bucket = run.bucket("Short")
    account.equity["log_equity"] *= 40
    grown = opened(run.document(bucket), {"Short": account})
    assert grown.page.locator("#equity-scale").get_by_role("button", name="log").get_attribute("aria-pressed") == "true"
    assert grown.messages == []


def test_a_bucket_without_an_account_shows_its_line_and_no_empty_chart(opened: Any, run: Any) -> None:
    run.write_account("Short", trades=0)
    report = opened(run.document(run.bucket("Short"), run.bucket("Foreign"), run.bucket("Waiting", None)))
    assert report.page.locator("#charts").is_visible()
    assert report.page.get_by_text("No trade on test").is_visible()
    assert report.page.get_by_text("The strategy made no trade").is_visible()
    assert report.page.locator("#trade-table").is_hidden()
    for name, line in (("Foreign", "writes no account"), ("Waiting", "Not judged yet:")):
        report.page.get_by_role("tab", name=name, exact=True).click()
        report.page.wait_for_function(READY, arg=name)
        assert report.page.locator("#charts").is_hidden()
        assert report.page.get_by_text(line).is_visible()
    assert report.messages == []


def test_buckets_can_be_chosen_with_the_keyboard(opened: Any, four: Any) -> None:
    report = opened(four)
    report.page.get_by_role("tab", name="Scalping").focus()
    report.page.keyboard.press("ArrowLeft")
    report.page.wait_for_function(READY, arg="Long")
    focused = report.page.evaluate("document.activeElement.dataset.bucket")
    assert focused == report.value("bucket") == "Long"


def test_without_javascript_and_on_paper_all_buckets_are_there(opened: Any, four: Any) -> None:
    plain = opened(four, java_script_enabled=False)
    assert [panel.is_visible() for panel in plain.page.locator(".panel").all()] == [True] * 4
    assert plain.page.get_by_text("The charts need JavaScript").is_visible()
    printed = opened(four)
    printed.page.emulate_media(media="print")
    assert [panel.is_visible() for panel in printed.page.locator(".panel").all()] == [True] * 4
    assert printed.page.pdf().startswith(b"%PDF")
