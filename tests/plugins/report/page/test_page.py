"""The page of the report without a browser: complete, of one piece, small, and safe whatever a stranger named a bucket."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from progressive_front.cli import main
from progressive_plugins.report.page.packed_columns import Column, packed, price_units
from progressive_training.market import account_of
from progressive_training.presentation import number, percent_text, share_text, with_error

SECTIONS = [
    "What was found",
    "Price and trades",
    "Equity and drawdown",
    "Parts",
    "Beside the baselines",
    "Trades, exposure, costs",
    "When it earned",
    "How it learned",
    "Which features it uses",
    "Who taught whom",
    "What was kept",
    "What was not kept, and why",
    "The run",
    "Use it",
    "Reproduce it",
    "Settings that differ from the defaults",
    "Data, versions, seed",
    "What the heads mean",
]
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


class Elements(HTMLParser):
    """The elements of a page with their attributes and the text directly in them, and all text that a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(page)
        hidden = ("script", "style")
        self.text = " ".join(" ".join(text) for tag, _, text in self.found if tag not in hidden)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(("", {}, []))  # what follows is no longer in it

    def handle_data(self, data: str) -> None:
        if self.found:
            self.found[-1][2].append(data)

    def rows(self, having: str) -> list[list[str]]:
        """The cells of each row of a table that has a cell with that attribute."""
        rows: list[list[tuple[dict[str, str | None], str]]] = []
        for tag, attributes, text in self.found:
            if tag == "tr":
                rows.append([])
            elif tag in {"th", "td"}:
                rows[-1].append((attributes, "".join(text)))
        return [[text for _, text in row] for row in rows if any(having in attributes for attributes, _ in row)]

    def of(self, *tags: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attributes, "".join(text)) for tag, attributes, text in self.found if tag in tags]


def chart_data(elements: Elements) -> Any:
    return next(json.loads(text) for attributes, text in elements.of("script") if attributes.get("id") == "chart-data")


def unpacked(columns: dict[str, Any]) -> dict[str, np.ndarray]:
    planes = np.frombuffer(zlib.decompress(base64.b64decode(columns["bytes"])), np.uint8)
    planes = planes.reshape(len(columns["columns"]), 4, columns["rows"])
    found = {}
    for own, head in zip(planes, columns["columns"], strict=True):
        zigzag = np.ascontiguousarray(own.T).view("<u4")[:, 0].astype(np.int64)
        steps = np.where(zigzag % 2, -(zigzag + 1) // 2, zigzag // 2)
        found[head["name"]] = (head["first"] + np.cumsum(steps)) / head["units"]
    return found


@pytest.fixture
def four(run: Any) -> Any:
    """A document of four buckets with accounts, one of each verdict."""
    edges = {"Scalping": "none", "Short": "confirmed", "Medium": "implausible", "Long": "none"}
    for seed, name in enumerate(edges):
        run.write_account(name, seed=seed)
    return run.document(*(run.bucket(name, edge) for name, edge in edges.items()))


def test_every_section_is_there(run: Any, four: Any) -> None:
    heads = [text.strip() for _, text in Elements(run.page(four)).of("h2", "h3", "h4")]
    assert [section for section in SECTIONS if section not in heads] == []
    assert heads.count("Beside the baselines") == 4


def test_the_verdict_comes_first_and_only_a_confirmed_edge_is_green(run: Any, four: Any) -> None:
    elements = Elements(run.page(four))
    cards = [attributes["class"] for attributes, _ in elements.of("article")]
    assert cards == ["card doubt", "card good", "card doubt", "card doubt"]
    assert elements.text.index("edge confirmed: trades") < elements.text.index("Price and trades")
    for bucket in four["buckets"]:
        assert bucket["verdict"]["sentence"] in elements.text
        assert bucket["verdict"]["reason"] in elements.text


@pytest.mark.parametrize(("edge", "told"), [("none", True), ("confirmed", False)])
def test_what_to_try_next_stands_where_no_edge_is_shown(run: Any, edge: str, told: bool) -> None:
    run.write_account("Scalping")
    page = Elements(run.page(run.document(run.bucket("Scalping", edge))))
    assert ("What to try where no edge is shown" in page.text) == told


def test_profits_are_those_of_the_evaluation(run: Any, four: Any) -> None:
    cells = [text for attributes, text in Elements(run.page(four)).of("td") if "data-profit" in attributes]
    assert cells == [
        percent_text(row["profit"])
        for bucket in four["buckets"]
        for rows in bucket["performance"].values()
        for row in rows
    ]


def test_the_tables_of_a_trained_run_are_what_evaluate_prints(
    idle_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(idle_run)]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(idle_run), "--json"]) == 0
    results = json.loads(capsys.readouterr().out)
    shown = Elements((idle_run / "report.html").read_text("utf-8")).rows("data-profit")
    assert shown == [
        [
            row["strategy"],
            percent_text(row["profit"]),
            with_error(row["sharpe"], row["sharpe_error"] if row["sharpe_error"] is not None else math.nan),
            share_text(row["drawdown_share"], 1),
            f"{row['trades']:,}",
            f"{row['turnover']:,.0f}",
            *(share_text(row[f"{side}_share"]) for side in ("long", "flat", "short")),
            number(row["t"], 1),
            percent_text(row["alpha_percent_a_year"]),
            number(row["alpha_t"], 1),
            number(row["beta"], 2),
        ]
        for result in results
        for part in ("validation", "test")
        for row in result["evaluation"][part]
    ]


def test_nothing_is_loaded_from_elsewhere(run: Any, four: Any) -> None:
    elements = Elements(run.page(four))
    loaded = [attributes.get(name) for _, attributes, _ in elements.found for name in ("src", "href", "srcset", "data")]
    assert [each for each in loaded if each] == ["data:,"]
    style = "".join(text for _, text in elements.of("style"))
    assert "url(" not in style
    assert "@import" not in style


def test_only_its_own_scripts_may_run(run: Any, four: Any) -> None:
    elements = Elements(run.page(four))
    policy = next(attributes["content"] for attributes, _ in elements.of("meta") if "http-equiv" in attributes)
    scripts = [text for attributes, text in elements.of("script") if "type" not in attributes]
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert re.findall(r"'sha256-([^']+)'", policy) == hashes
    assert len(hashes) == 2
    assert policy.startswith("default-src 'none';")


def test_the_name_of_a_file_of_bars_is_shown_escaped(run: Any) -> None:
    run.write_account("Short")
    bucket = run.bucket("Short")
    bucket["account"] |= {"source": "\x1b[31m\u202e.csv"}
    page = run.page(run.document(bucket))
    assert "\\x1b[31m\\u202e.csv, one bar every 1 h." in page
    assert "\x1b" not in page


def test_names_and_reasons_of_strangers_are_text(run: Any) -> None:
    name = "</script><script>alert(3)"
    run.write_account("Plain")
    bucket = run.bucket("Plain")
    account = run.run_dir / "accounts" / "Plain"
    account.rename(account.with_name("Stranger"))
    bucket |= {
        "name": "Stranger",
        "stopped": HOSTILE,
        "features": [{"name": HOSTILE, "screened": 1.0, "permuted": None, "combined": None}],
    }
    bucket["verdict"] |= {"reason": HOSTILE, "warnings": [HOSTILE]}
    offer = {"source": name, "target": "Stranger", "phase": "initial", "episode": 0, "source_t": None, "proof": None}
    tried = {
        "strategy": HOSTILE,
        "verdict": "kept",
        "reason": HOSTILE,
        "before": None,
        "after": None,
        "gain": None,
        "error": None,
    }
    document = run.document(
        bucket,
        run.bucket(name),
        run={"name": HOSTILE, "status": "failed", "error": HOSTILE, "platform": HOSTILE},
        transfers={
            "choices": [{"bucket": name, "made": tried}],
            "offers": [offer | {"strategies": [tried]}],
            "reasons": [{"reason": HOSTILE, "count": 1}],
        },
        notes=[HOSTILE],
    )
    elements = Elements(run.page(document))
    assert len(elements.of("script")) == 3
    assert elements.of("img") == []
    assert elements.text.count(HOSTILE) >= 9
    assert [attributes["data-bucket"] for attributes, _ in elements.of("button") if "data-bucket" in attributes] == [
        "Stranger",
        name,
    ]


def test_a_reason_in_the_chart_data_cannot_end_its_element(run: Any) -> None:
    run.write_account("Short")
    account = account_of(run.run_dir, "Short")
    assert account is not None
    account.trades["reason"] = "</script><script>alert(4)</script>"
    elements = Elements(run.page(run.document(run.bucket("Short")), Short=account))
    assert len(elements.of("script")) == 3
    assert chart_data(elements)["buckets"]["Short"]["reasons"] == ["</script><script>alert(4)</script>"]


def test_all_candles_and_trades_are_in_it_exactly_and_equal_candles_once(run: Any, four: Any) -> None:
    data = chart_data(Elements(run.page(four)))
    assert len(data["candles"]) == 1
    account = account_of(run.run_dir, "Medium")
    assert account is not None
    candles = unpacked(data["candles"][data["buckets"]["Medium"]["candles"]])
    for name in ("open", "high", "low", "close"):
        assert np.array_equal(candles[name], account.candles[name].to_numpy())
    trades = unpacked(data["buckets"]["Medium"]["trades"])
    assert np.array_equal(trades["entry_price"], account.trades["entry_price"].to_numpy())
    assert np.array_equal(trades["bars"], account.trades["bars"].to_numpy())
    assert [percent_text(profit) for profit in trades["profit"]] == [
        percent_text(each) for each in account.trades["profit"]
    ]


def test_a_page_of_60_000_candles_and_many_trades_is_small(run: Any) -> None:
    names = ("Scalping", "Short", "Medium", "Long")
    for seed, name in enumerate(names):
        run.write_account(name, bars=60_000, trades=10_000, points=1_000, seed=seed)
    page = run.page(run.document(*map(run.bucket, names)))
    assert len(page.encode()) < 2.5e6


def test_of_too_many_trades_the_newest_are_drawn_and_a_line_says_so(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("progressive_plugins.report.page.chart_data.MOST_TRADES", 30)
    monkeypatch.setattr("progressive_plugins.report.page.html_page.MOST_TRADES", 30)
    run.write_account("Short", trades=40)
    elements = Elements(run.page(run.document(run.bucket("Short"))))
    assert chart_data(elements)["buckets"]["Short"]["trades"]["rows"] == 30
    assert "the newest 30 of 40 trades" in elements.text


def test_candles_of_several_bars_are_named(run: Any) -> None:
    run.write_account("Short", bars=130_000)
    elements = Elements(run.page(run.document(run.bucket("Short"))))
    assert "130,000 bars are drawn as candles of 3 bars each" in elements.text


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"account": None}, "an evaluator that writes no account"),
        ({"edge": None, "account": None}, "Not judged yet"),
        ({"learning": None}, "No episode of this bucket is on record"),
        ({"features": [], "feature_agreement": None}, "does not say which features it uses"),
        ({"scratch_arm": True}, "scratch arm"),
    ],
)
def test_what_a_bucket_does_not_have_is_a_line(run: Any, changes: dict[str, Any], line: str) -> None:
    assert line in Elements(run.page(run.document(run.bucket("Short", **changes)))).text


def test_a_strategy_that_never_traded_says_so(run: Any) -> None:
    run.write_account("Short", trades=0)
    elements = Elements(run.page(run.document(run.bucket("Short"))))
    assert "No trade on validation" in elements.text
    assert "No trade on test" in elements.text


def test_a_strategy_that_held_nothing_has_no_tables_of_zeros(run: Any) -> None:
    run.write_account("Short", trades=0)
    bucket = run.bucket("Short")
    for each in bucket["account"]["slices"]:
        each["held"] = 0.0
    elements = Elements(run.page(run.document(bucket)))
    assert "It held no position on any bar" in elements.text
    assert "Month by month" not in elements.text


def test_what_transfer_was_worth_is_shown_where_it_was_measured(run: Any) -> None:
    names = ["Scalping", "Short"]
    scores = {"jumpstart": 4.2, "area_ratio": 1.31, "score": 12.5, "scratch_score": 8.1}
    measured = {
        "worth": [
            {"bucket": "Short", "taught_by": ["Scalping"], **scores, "test_profit": -2.4, "scratch_test_profit": None}
        ],
        "matrix": {
            "buckets": names,
            "scores": [[0.0, 0.0], [3.0, None], [1.0, 7.5]],
            "forward": 0.012,
            "backward": -0.01,
        },
        "scratch": [
            {
                "bucket": "Short",
                "episodes": 41,
                "score": 8.1,
                "taught_episodes": 60,
                "taught_score": 12.5,
                "test_profit": -3.3,
                "taught_test_profit": -2.4,
            }
        ],
        "missing": None,
    }
    elements = Elements(run.page(run.document(*map(run.bucket, names), transfers=measured)))
    rows = elements.rows("scope")
    assert ["Short", "Scalping", "+4.2 %", "1.31", "+12.5 %", "+8.1 %", "-2.4 %", "n/a"] in rows
    assert ["Short", "60", "41", "+12.5 %", "+8.1 %", "-2.4 %", "-3.3 %"] in rows
    matrix = [["untrained", "0.0 %", "0.0 %"], ["Scalping", "+3.0 %", "n/a"], ["Short", "+1.0 %", "+7.5 %"]]
    assert [row for row in rows if row in matrix] == matrix
    assert "To see what being taught was worth" not in elements.text


def without_numbers(value: Any) -> Any:
    """The same with no number known; a histogram and the shares of positions are known wherever there is one."""
    if isinstance(value, float):
        return None
    if isinstance(value, dict):
        known = ("histogram", "exposure", "slices", "interval")
        return {key: each if key in known else without_numbers(each) for key, each in value.items()}
    return [without_numbers(each) for each in value] if isinstance(value, list) else value


def test_numbers_that_are_not_known_leave_a_gap_and_no_page_out(run: Any, four: Any) -> None:
    elements = Elements(run.page(without_numbers(four)))
    assert [text for attributes, text in elements.of("td") if "data-profit" in attributes] == ["n/a"] * 40
    assert "None" not in elements.text


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {
                "status": "interrupted",
                "use": {"python": None, "signal": None, "resume": "progressive-training --resume"},
            },
            "Interrupted.",
        ),
        ({"status": "failed", "error": "DataError: no bars"}, "The run failed: DataError: no bars"),
        ({"settings": []}, "every setting is at its default"),
    ],
)
def test_how_a_run_ended_stands_above_all(run: Any, changes: dict[str, Any], line: str) -> None:
    assert line in " ".join(Elements(run.page(run.document(run.bucket(), run=changes))).text.split())


def test_a_run_that_went_on_in_another_environment_says_from_where_on(run: Any) -> None:
    begun = {
        "since": "2026-11-29T13:11:43+00:00",
        "bucket": None,
        "episode": 0,
        "processor": "Ours",
        "versions": {"numpy": "2.4.6"},
    }
    later = {
        **begun,
        "bucket": "Short",
        "episode": 10,
        "processor": "Theirs",
        "versions": {"numpy": "2.4.6", "torch": "2.6.0"},
    }
    text = Elements(run.page(run.document(run={"environments": [begun, later]}))).text
    assert "Linux-6.1-x86_64, Ours" in text
    assert "from episode 11 of Short on another environment: torch 2.6.0, Theirs, since" in text


def test_a_run_without_any_finished_bucket_has_a_page(run: Any) -> None:
    elements = Elements(run.page(run.document(run={"status": "failed", "error": "no memory"})))
    assert "No bucket was finished" in elements.text


@given(
    st.lists(st.decimals(min_value="0.00000001", max_value="999999", places=2), min_size=1, max_size=50).map(
        lambda each: np.array(each, dtype=np.float64)
    )
)
def test_prices_with_a_number_of_decimals_come_back_exactly(prices: np.ndarray) -> None:
    units = price_units(prices)
    assert np.array_equal(unpacked(packed({"price": Column(prices, units)}))["price"], prices)


@given(
    st.lists(st.floats(min_value=1e-7, max_value=1e12, allow_subnormal=False), min_size=1, max_size=50).map(np.array)
)
def test_other_prices_come_back_as_near_as_a_chart_shows(prices: np.ndarray) -> None:
    found = unpacked(packed({"price": Column(prices, price_units(prices))}))["price"]
    assert np.all(np.abs(found - prices) <= max(1e-5 * prices.min(), 1e-8 * prices.max()))
