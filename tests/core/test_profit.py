"""Profit has one form wherever it is written, and records become JSON values without losing a field."""

import math
import re

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from progressive_training import Performance
from progressive_training.presentation import (
    episode_values,
    percent,
    percent_text,
    performance_values,
    profit_text,
    transfer_values,
)

FORM = re.compile(r"[+-]\d{1,3}(,\d{3})* %|[+-]\d{1,3}\.\d %|0\.0 %|\+\d\.\de\+\d\d+ %")


@given(st.floats(-20, 300))
def test_any_log_return_is_written_in_the_one_form_and_to_three_digits(log_return: float) -> None:
    text, profit = profit_text(log_return), percent(log_return)
    assert FORM.fullmatch(text)
    shown = float(text.removesuffix(" %").replace(",", ""))
    assert shown == pytest.approx(profit, rel=0.005 if abs(profit) < 999_500 else 0.05, abs=0.0501)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_written_as_one(value: float) -> None:
    assert profit_text(value) == percent_text(value) == "n/a"


def test_every_field_of_a_performance_has_its_value() -> None:
    row = Performance(
        strategy="Short", log_return=math.log(1.032), sharpe=1.0, drawdown=0.25, turnover=4.0, trades=2,
        long=0.5, flat=0.25, short=0.25, t=1.0, alpha=math.log(1.1), beta=0.5, alpha_t=0.7,
    )  # fmt: skip
    values = performance_values(row)
    assert len(values) == len(attrs.fields(Performance))
    assert values["profit"] == row.profit == pytest.approx(3.2)
    assert values["alpha_percent_a_year"] == pytest.approx(10.0)
    assert (values["drawdown_share"], values["long_share"]) == (0.25, 0.5)
    assert math.isnan(values["sharpe_error"])


def test_scores_in_the_lines_of_a_run_become_per_cent_and_what_is_not_known_stays_so() -> None:
    proof = {"before": 0.0, "after": math.log(1.5), "error": None}
    line = {"strategy": "weights", "before": math.log(1.1), "after": None, "proof": proof, "bytes": 7}
    values = transfer_values(line)
    assert values["before"] == pytest.approx(10.0) and values["after"] is None and values["bytes"] == 7
    assert values["proof"]["after"] == pytest.approx(50.0) and values["proof"]["error"] is None
    episode = episode_values({"score": math.log(1.1), "best_score": 0.0, "start_score": None, "transfers": [line]})
    assert episode["score"] == pytest.approx(10.0) and episode["start_score"] is None
    assert episode["transfers"] == [values]
