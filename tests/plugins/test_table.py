"""The closing tables: what a person is told of a finished bucket, and of the sequence."""

from __future__ import annotations

import io
import math
import re
from typing import Any

from attrs import evolve
from rich.console import Console

from progressive_app.presentation.verdicts import SHORT
from progressive_training import Edge
from progressive_training.presentation import closing_table, plain_text, sequence_table

GREEN, YELLOW = "32m", "33m"


def test_the_closing_table_sets_the_model_beside_its_baselines(run: Any) -> None:
    dates = {"validation_dates": ("2023-01-01T00:00:00Z", "2023-12-31T23:00:00Z")}
    result = run.result("Short", evaluation=run.evaluation(**dates))
    table = plain_text(closing_table(result))
    lines = table.splitlines()
    validation, test = (
        next(i for i, line in enumerate(lines) if line.strip() == split) for split in ("validation", "test")
    )
    assert validation < test
    for split in (validation, test):
        names = [line.strip().split("  ")[0] for line in lines[split + 1 : split + 6]]
        assert names == ["Short", "flat", "buy and hold", "ridge with no-trade band", "same positions shifted"]
    assert re.search(r"net of costs +profit +Sharpe +drawdown +trades +t\n", table)
    assert re.search(r"Short +-2\.4 % +-0\.2 \(0\.3\) +8\.3 % +107 +-0\.2\n", table)
    words = " ".join(table.split())
    assert "validation 2023-01-01 00:00 to 2023-12-31 23:00 UTC; long 81 %, flat 12 %, short 7 %; beta 0.30" in words
    assert "test long 81 %, flat 12 %, short 7 %; beta 0.30, alpha -1.0 % a year (t -0.2)" in words
    assert "verdict no edge shown (t = 1.1 on validation and test together; 3 is needed)" in words
    assert "in use stays flat: the rows above are what its strategy did, not what the model will do" in words
    assert "warning the policy is long on 81 % of the test bars" in words
    assert max(map(len, lines)) <= 80


def test_a_scratch_arm_is_headed_as_such(run: Any) -> None:
    assert plain_text(closing_table(run.result("Short"), arm="scratch arm")).startswith(
        "Short (scratch arm): 31 episodes"
    )


def test_a_model_that_made_no_trade_is_said_to_do_what_its_strategy_did(run: Any) -> None:
    idle = evolve(run.evaluation().test[0], log_return=0.0, turnover=0.0, trades=0)
    told = run.evaluation(validation=(idle,), test=(idle,))
    words = " ".join(plain_text(closing_table(run.result("Short", evaluation=told))).split())
    assert "test no trade" in words
    assert "in use stays flat, as its strategy did" in words


def test_what_was_not_measured_is_a_dash(run: Any) -> None:
    unknown = evolve(run.evaluation().test[0], sharpe=math.nan, sharpe_error=math.nan, alpha=math.nan, alpha_t=math.nan)
    table = plain_text(closing_table(run.result("Short", evaluation=run.evaluation(test=(unknown,)))), width=100)
    assert re.search(r"Short +-2\.4 % +- +8\.3 % +107 +-0\.2\n", table)
    assert "alpha n/a a year (t -)" in table


def test_losses_look_like_losses(run: Any) -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard", legacy_windows=False)
    with console.capture() as capture:
        console.print(closing_table(run.result("Short")))
    coloured = capture.get()
    red, green, yellow = "31m", "32m", "33m"
    assert re.search(rf"\x1b\[(1;)?{red} *-2\.4 %", coloured)
    assert f"{yellow}no edge shown" in coloured
    assert green not in coloured, "no gain is green beside 'no edge shown', the baselines' neither"


def test_a_gain_is_green_only_where_the_edge_is_confirmed(run: Any) -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system="standard", legacy_windows=False)
    told = run.evaluation(edge=Edge.CONFIRMED, trades="everywhere", verdict="edge confirmed (t = 4.2)")
    test = (evolve(told.test[0], log_return=0.546), *told.test[1:])
    result = run.result("Short", evaluation=evolve(told, test=test))
    with console.capture() as capture:
        console.print(closing_table(result), sequence_table((result,)))
    assert re.search(rf"\x1b\[(1;)?{GREEN} *\+72\.6 %.*\n(.*\n)*.*\x1b\[(1;)?{GREEN} *\+72\.6 %", capture.get())
    assert f"{GREEN}edge confirmed (t = 4.2)" in capture.get().replace("1;", "")
    assert not re.search(rf"{GREEN} *\+36\.3 %", capture.get()), "buy and hold claims nothing"


def test_a_verdict_is_coloured_by_what_it_says_not_by_a_threshold_of_the_table(run: Any) -> None:
    def colours(edge: Edge) -> set[str]:
        result = run.result("Short", evaluation=run.evaluation(verdict="as it is", edge=edge))
        console = Console(
            file=io.StringIO(), width=120, force_terminal=True, color_system="standard", legacy_windows=False
        )
        with console.capture() as capture:
            console.print(closing_table(result), sequence_table((result,)))
        found = re.findall(rf"(3\dm)(?:as it is|{SHORT[edge]}| *1\.1(?=\x1b\[0m))", capture.get())
        assert len(found) >= 3
        return set(found)

    assert colours(Edge.CONFIRMED) == {GREEN}
    assert colours(Edge.IMPLAUSIBLE) == {YELLOW}
    assert colours(Edge.NONE) == {YELLOW}


def test_a_t_that_is_not_enough_does_not_look_as_if_it_were(run: Any) -> None:
    nearly = run.result("Short", evaluation=evolve(run.evaluation(), t=2.97))
    assert re.search(r"Short .* 2\.9 +no edge", plain_text(sequence_table((nearly,)), width=120))


def test_a_bucket_that_is_not_judged_yet_says_so(run: Any) -> None:
    waiting = run.result("Short", evaluation=None)
    assert "verdict  not judged yet, which is done at the end of the run" in plain_text(
        closing_table(waiting), width=80
    )
    table = plain_text(sequence_table((run.result("Scalping"), waiting)), width=80)
    assert re.search(r"Scalping .* no edge", table)
    assert re.search(r"Short +not judged", table)


def test_growth_beyond_all_percent_stands_to_the_right_in_per_cent(run: Any) -> None:
    told = run.evaluation()
    huge = run.result("Short", evaluation=evolve(told, test=(evolve(told.test[0], log_return=4.93), *told.test[1:])))
    lines = plain_text(closing_table(huge, box=None)).splitlines()
    ends = [line.index(text) + len(text) for text in ("+13,700 %", "+36.3 %") for line in lines if text in line]
    assert len(ends) == 3
    assert len(set(ends)) == 1


def test_the_sequence_s_table_fits_a_narrow_terminal(run: Any) -> None:
    table = plain_text(sequence_table(run.finished("Long").results), width=80)
    assert max(map(len, table.splitlines())) <= 80
    for name in ("Scalping", "Short", "Medium", "Long"):
        assert re.search(rf"{name} +-2\.4 % +\+36\.3 % +-0\.8 % +-9\.0 % +1\.1 +no edge", table)


def test_of_equal_episodes_none_is_said_to_be_kept(run: Any) -> None:
    assert "31 episodes in 0:25, best score at episode 20 (early_stopping" in plain_text(
        closing_table(run.result("Short"))
    )
    as_taught = run.result("Short", best_episode=0)
    assert "31 episodes in 0:25, best score before the first (early_stopping" in plain_text(closing_table(as_taught))


def test_what_a_stranger_calls_a_strategy_is_text_and_no_markup(run: Any) -> None:
    told = run.evaluation(warnings=("[/bold] odd [red]words",), verdict="[bold]no edge shown")
    baseline = evolve(told.test[2], strategy="[/x] hold\x1b[31m")
    result = run.result("Short", evaluation=evolve(told, test=(told.test[0], baseline)))
    table = plain_text(closing_table(result)) + plain_text(sequence_table((result, result)))
    assert "[/bold] odd [red]words" in table and "[bold]no edge shown" in table and "[/x] hold" in table
    assert "\x1b" not in table
