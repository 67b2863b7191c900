"""The console: what a person sees of a run, on a terminal and off it."""

from __future__ import annotations

import io
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from attrs import asdict, evolve
from rich.console import Console

from progressive_plugins.console.closing import verdict_lines
from progressive_plugins.console.console import ConsolePlugin
from progressive_plugins.console.plain import end_lines, episode_lines
from progressive_plugins.console.screen import CLOSE
from progressive_plugins.console.sparkline import sparkline
from progressive_plugins.console.view import LiveView
from progressive_plugins.console.view_state import Progress, trace_lines

ESCAPE = "\x1b"


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def progress(run: Any, episodes: int, **bucket: Any) -> Progress:
    state = Progress(bucket=run.bucket(**bucket), resources=run.resources(), started=0.0)
    for report in run.episodes(episodes):
        state = state.with_report(report)
    return state


def seen(renderable: Any, width: int = 80) -> str:
    """What stands on the screen, without colours."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(renderable)
    return re.sub(r"\x1b\[[0-9;]*m", "", capture.get())


@pytest.mark.parametrize("width", [80, 120])
def test_the_view_tells_where_the_run_stands(run: Any, width: int) -> None:
    screen = seen(LiveView(progress(run, 27), elapsed=22.0), width)
    assert "✓ Scalping  ›   ● Short   ›  ○ Medium  ›  ○ Long" in screen
    assert "horizons 6-144 bars" in screen
    assert re.search(r"episodes .* 27/40 +0:10 left", screen)
    assert re.search(r"buckets .* 1/4 +1:08 left", screen)
    assert "now +9.1 %  best +12.5 % at episode 20" in screen
    assert "7.5 %  learning progress slows, market volatile" in screen
    assert "1.24 GB in use, at most 8.5 GB allowed" in screen
    assert "10,240 bars/s  loss" in screen
    assert "the promised gain never came" in screen
    assert "similarity 0.914" in screen
    assert max(len(line) for line in screen.splitlines()) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_the_view_tells_every_transfer_and_how_it_ended(run: Any, width: int) -> None:
    lines = seen(LiveView(progress(run, 12), elapsed=10.0, rows=60), width).splitlines()
    (initial,) = [line for line in lines if "took weights from Scalping: score -2.1 % → +3.5 %; not features:" in line]
    assert initial.endswith("│")
    assert any("took weights from Scalping at episode 10: score +6.3 % → +6.8 %" in line for line in lines)
    assert any("1 offer during training changed nothing: ValueError" in line for line in lines)


@pytest.mark.parametrize(
    ("width", "rows"), [(80, 21), (140, 42), (40, 12), (80, 15), (200, 80), (80, 9), (80, 8), (40, 6), (80, 5), (80, 4)]
)
@pytest.mark.parametrize("episodes", [0, 1, 39])
def test_the_view_fits_the_columns_and_rows_that_it_is_given(run: Any, width: int, rows: int, episodes: int) -> None:
    state = progress(run, episodes, name="Long")
    lines = seen(LiveView(state, 5.0, rows, ["a" * 300, "short"]), width).splitlines()
    assert len(lines) <= rows
    assert max(map(len, lines)) <= width
    assert lines[-1].startswith("╰")
    assert f"{episodes}/40" in lines[2]


def test_the_curve_takes_the_rows_that_are_left(run: Any) -> None:
    heights = [
        sum(bool(re.search("[▁▂▃▄▅▆▇█]", line)) for line in seen(LiveView(progress(run, 30), 5.0, rows)).splitlines())
        for rows in (16, 22, 42)
    ]
    assert heights[0] == 1 < heights[1] < heights[2] == 10


def test_a_long_sequence_counts_what_is_finished(run: Any) -> None:
    names = tuple(f"Bucket{number:02}" for number in range(20))
    bucket = run.bucket(names[12], sequence=names, results=tuple(run.result(name) for name in names[:12]))
    line = seen(LiveView(Progress(bucket=bucket, resources=run.resources(), started=0.0), 1.0)).splitlines()[0]
    assert line.startswith(" ✓ 12 buckets  ›   ● Bucket12")
    assert len(line.rstrip()) <= 80


def test_the_view_before_the_first_episode(run: Any) -> None:
    screen = seen(LiveView(progress(run, 0), elapsed=0.0))
    assert "preparing data and model" in screen
    assert "0/40" in screen


def test_the_view_bears_scores_that_are_no_numbers_and_a_bucket_of_a_stranger(run: Any) -> None:
    state = Progress(
        bucket=run.bucket("Swing", sequence=("Swing",), horizons=(), episodes=0),
        resources=run.resources(memory_limit=None),
        started=0.0,
    )
    for score in (math.nan, -math.inf, math.inf):
        state = state.with_report(
            run.episode(
                1,
                score=score,
                best_score=score,
                loss=math.nan,
                exploration=math.nan,
                seconds=0.0,
                traces={"odd": [[1, {"a": None}], {}], "none": None, "deep": {"shown": [3]}, "empty": []},
            )
        )
    screen = seen(LiveView(state, elapsed=1.0))
    assert "● Swing" in screen
    assert "no score yet" in screen
    assert "now n/a" in screen


def test_markup_in_a_reason_is_shown_as_it_is(run: Any) -> None:
    report = run.episode(1, transfers=(run.transfer(verdict="failed", reason="expected [1, 2] [red]not this[/red]"),))
    state = Progress(bucket=run.bucket(), resources=run.resources(), started=0.0).with_report(report)
    assert "expected [1, 2] [red]" in seen(LiveView(state, elapsed=1.0), 120)


def test_the_curve_rises_with_the_scores_and_marks_the_best() -> None:
    line = sparkline([-0.1, 0.0, 0.1, 0.05], 40)
    assert line.plain == "▁▅█▆"
    assert [str(span.style) for span in line.spans] == ["red", "cyan", "bold underline cyan", "cyan"]


def test_a_higher_curve_shows_more_of_the_same_scores() -> None:
    assert sparkline([-0.1, 0.0, 0.1, 0.05], 40, rows=2).plain == " ▁█▄\n▁███"


def test_a_long_curve_is_squeezed_and_keeps_its_best() -> None:
    scores = [0.0] * 1_000
    scores[617] = 1.0
    line = sparkline(scores, 40)
    assert len(line.plain) == 40
    assert line.plain.index("█") == 617 * 40 // 1_000


def test_flat_curves_and_gaps() -> None:
    assert sparkline([0.2, 0.2], 10).plain == "▅▅"
    assert sparkline([0.1, math.nan, 0.2], 10).plain == "▁ █"
    assert sparkline([], 10).plain == sparkline([math.nan], 10).plain == "no score yet"


def test_time_left_follows_the_newest_episodes_and_the_buckets_so_far(run: Any) -> None:
    state = progress(run, 10)
    assert state.bucket_left() == pytest.approx(30 * 0.8)
    whole = (24.8 + 8.0 + 24.0) / 2
    assert state.sequence_left(elapsed=8.0) == pytest.approx(24.0 + 2 * whole)
    assert progress(run, 0).sequence_left(elapsed=1.0) is None


def test_a_long_cause_of_exploration_is_cut_short(run: Any) -> None:
    cause = "98 % of the bars seen; most in high volatility, rising (errors there still change)"
    state = Progress(bucket=run.bucket(), resources=run.resources(), started=0.0).with_report(
        run.episode(1, exploration_cause=cause)
    )
    screen = seen(LiveView(state, elapsed=1.0))
    (line,) = [line for line in screen.splitlines() if "exploring" in line]
    assert re.search(r"98 % of the bars seen; most in high volatility.*… +│$", line)
    (told,) = [line for line in episode_lines(state, 1.0) if "exploring" in line]
    assert "exploring 28.5 % (98 % of the bars seen), " in told


def tell(plugin: ConsolePlugin, run: Any, *names: str) -> None:
    for name in names:
        plugin.on_bucket_start(run.bucket(name), run.resources())
        for report in run.episodes(31):
            plugin.on_episode_end(run.bucket(name), report)
        plugin.cleanup(run.finished(name), None)
    plugin.on_run_end(run.info(), run.results(name), None)


def test_off_a_terminal_it_is_plain_lines(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tell(ConsolePlugin(), run, "Scalping", "Short", "Medium", "Long")
    told = capsys.readouterr().out
    assert told.isascii()
    assert ESCAPE not in told
    assert "[2/4] Short begins: horizons 6-144 bars, at most 40 episodes, on cpu\n" in told
    assert (
        "[2/4] Short took weights from Scalping: score -2.1 % -> +3.5 %; not features: hurt; horizons: no hor" in told
    )
    assert (
        "[2/4] Short 20/40: score +12.5 % (best +12.5 % at episode 20), exploring 10.8 % (learning progress slows"
        in told
    )
    assert "[2/4] Short ends after 31 episodes in 0:25, 1.24 GB: best score +12.5 % at episode 20 (early_stop" in told
    assert "buy and hold" in told
    assert len(re.findall(r"Short \d+/40", told)) == 4
    assert told.count("profit on test") == 1
    assert len(told.splitlines()) <= 57  # and three of what was read


def test_what_many_buckets_refused_for_one_reason_is_one_line(run: Any) -> None:
    refused = [
        run.transfer(strategy=strategy, source=source, verdict="skipped", reason=f"not proven: its own t is {t}, not 2")
        for source, t in (("Scalping", 0.3), ("Short", 1.1))
        for strategy in ("weights", "features")
    ]
    state = Progress(bucket=run.bucket("Medium"), resources=run.resources(), started=0.0)
    lines = episode_lines(state.with_report(run.episode(1, transfers=tuple(refused))), 1.0)
    assert "[3/4] Medium nothing taken from Scalping, Short: not proven: its own t is 0.3 / 1.1, not 2" in lines


def test_later_offers_that_changed_nothing_are_counted_at_the_end(run: Any) -> None:
    state = Progress(bucket=run.bucket(), resources=run.resources(), started=0.0)
    for episode, reason in ((1, ""), (10, "not proven: 1"), (20, "not proven: 2"), (30, "hurt on validation")):
        made = run.transfer(phase="periodic", episode=episode, verdict="rolled back", reason=reason)
        state = state.with_report(run.episode(episode, transfers=(made,) if reason else ()))
        assert not any("offer" in line or "taken" in line for line in episode_lines(state, 1.0))
    back = run.transfer(strategy="reverse", source="Short", target="Scalping", phase="reverse", episode=31)
    lines = end_lines(state, run.result("Short", transfers=(back,)))
    assert "[2/4] Short 3 offers during training changed nothing: not proven 2 times, hurt on validation once" in lines
    assert "[2/4] Short taught Scalping, which took reverse from Short: score -2.1 % -> +3.5 %" in lines


def test_what_a_bucket_chose_at_its_end_has_a_line_of_its_own(run: Any) -> None:
    state = Progress(bucket=run.bucket(), resources=run.resources(), started=0.0).with_report(run.episode(1))
    own = {"strategy": "specialists", "source": "Short", "target": "Short", "phase": "choice"}
    lines = end_lines(state, run.result("Short", transfers=(run.transfer(**own, reason="t 2.3"),)))
    assert "[2/4] Short specialists adopted: score -2.1 % -> +3.5 %; t 2.3" in lines
    assert not any("took" in line or "taught" in line for line in lines)


def test_what_trains_nothing_is_said_without_horizons_and_in_the_singular(run: Any) -> None:
    state = Progress(bucket=evolve(run.bucket(), horizons=(1,), episodes=1), resources=run.resources(), started=0.0)
    state = state.with_report(run.episode(1))
    assert episode_lines(state, 1.0)[0] == "[2/4] Short begins: at most 1 episode, on cpu"
    assert "ends after 1 episode in" in end_lines(state, run.result("Short", episodes=1))[-1]


def test_a_best_score_that_was_taken_over_came_before_the_first_episode(run: Any) -> None:
    state = Progress(bucket=run.bucket(), resources=run.resources(), started=0.0).with_report(
        run.episode(1, best_episode=0)
    )
    assert any("before the first episode)" in line for line in episode_lines(state, 1.0))
    assert "before the first episode" in seen(LiveView(state, elapsed=1.0))


def test_a_bucket_whose_data_are_refused_has_not_begun(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    plugin = ConsolePlugin()
    plugin.on_bucket_start(run.bucket("Scalping"), run.resources())
    plugin.cleanup(run.bucket("Scalping"), ValueError("no bars"))
    plugin.on_run_end(run.info(), (), ValueError("no bars"))
    assert capsys.readouterr().out == ""


def test_a_run_with_nothing_but_verdicts_left_shows_them(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    ConsolePlugin().on_run_end(run.info(), run.results("Short"), None)
    told = capsys.readouterr().out
    assert "profit on test" in told
    assert "Scalping, Short: no edge shown" in told


def test_verdicts_in_one_line_name_a_number_for_each_bucket(run: Any) -> None:
    def told(*numbers: float) -> str:
        verdicts = [f"no edge shown (edge t = {number}; 3 is needed)" for number in numbers]
        results = run.results("Medium")
        return verdict_lines(
            tuple(
                evolve(result, evaluation=evolve(result.evaluation, verdict=verdict))
                for result, verdict in zip(results, verdicts, strict=True)
            )
        )[0].plain

    assert told(2.9, 2.9, 2.6) == "Scalping, Short, Medium: no edge shown (edge t = 2.9 / 2.9 / 2.6; 3 is needed)"
    assert told(0.0, 0.0, 0.0) == "Scalping, Short, Medium: no edge shown (edge t = 0.0; 3 is needed)"


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR_FORCE"])
def test_off_a_terminal_no_variable_brings_escape_codes(
    run: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    tell(ConsolePlugin(), run, "Short")
    assert ESCAPE not in capsys.readouterr().out


def test_a_stream_that_knows_only_ascii_gets_what_it_can_show(run: Any) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    plugin = ConsolePlugin(file=stream)
    plugin.on_bucket_start(run.bucket(), run.resources())
    transfers = (run.transfer(verdict="failed", reason="größer als √2"),)
    plugin.on_episode_end(run.bucket(), run.episode(1, transfers=transfers))
    assert b"gr??er als ?2" in raw.getvalue()


def test_on_a_terminal_the_view_gives_way_to_the_closing_table(run: Any, terminal: Terminal) -> None:
    tell(ConsolePlugin(file=terminal), run, "Medium", "Long")
    told = terminal.getvalue()
    assert "● Medium" in told
    assert "no edge shown" in told
    assert "profit on test" in told
    assert told.rindex("● Long") < told.rindex(CLOSE) < told.index("profit on test")
    assert told.count(HIDE_CURSOR) == told.count(SHOW_CURSOR) == 2


def test_an_error_leaves_the_last_view_and_a_working_terminal(run: Any, terminal: Terminal) -> None:
    plugin = ConsolePlugin(file=terminal)
    plugin.on_bucket_start(run.bucket(), run.resources())
    plugin.on_episode_end(run.bucket(), run.episode(1))
    plugin.cleanup(run.bucket(), KeyboardInterrupt())
    told = terminal.getvalue()
    assert "● Short" in told[told.rindex(CLOSE) :]
    assert SHOW_CURSOR in CLOSE
    assert "verdict" not in told
    plugin.cleanup(run.bucket(), None)
    assert terminal.getvalue() == told


def test_of_two_runs_at_once_one_has_the_view_and_the_other_prints_its_own_lines(run: Any, terminal: Terminal) -> None:
    plugin, other = ConsolePlugin(file=terminal), type(run)(run.run_dir / "other")
    plugin.on_bucket_start(run.bucket("Short"), run.resources())
    plugin.on_bucket_start(other.bucket("Medium"), other.resources())
    plugin.on_episode_end(run.bucket("Short"), run.episode(1))
    plugin.on_episode_end(other.bucket("Medium"), other.episode(1))
    plugin.cleanup(run.finished("Short"), None)
    plugin.cleanup(other.finished("Medium"), None)
    told = terminal.getvalue()
    assert told.count(HIDE_CURSOR) == told.count(SHOW_CURSOR) == 1
    assert "[3/4] Medium ends after" in told
    assert "[2/4] Short begins" not in told


def test_what_others_print_is_in_the_view_and_stands_after_it(
    run: Any, terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = ConsolePlugin(file=terminal)
    plugin.on_bucket_start(run.bucket(), run.resources())
    kept = sys.stdout
    print("a line by somebody else")
    plugin._displays[run.run_dir]._screen.draw()  # type: ignore[attr-defined, union-attr]
    plugin.cleanup(run.bucket(), KeyboardInterrupt())
    told = terminal.getvalue()
    assert "a line by somebody else" in told[: told.rindex(CLOSE)]
    kept.write("kept by another thread\n")
    assert capsys.readouterr().out == "a line by somebody else\nkept by another thread\n"


def test_a_terminal_without_colour_gets_none(run: Any, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    tell(ConsolePlugin(file=terminal), run, "Short")
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", terminal.getvalue())


def test_a_dumb_terminal_gets_plain_lines(run: Any, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    tell(ConsolePlugin(file=terminal), run, "Short")
    assert ESCAPE not in terminal.getvalue()


def test_traces_of_strangers_are_told_in_one_line() -> None:
    lines = trace_lines({"votes": {"up": 3, "share": 0.51234, "sure": True, "list": [1, 2]}, "mood": "calm"})
    assert lines == [("votes", "up 3, share 0.512, sure yes"), ("mood", "calm")]


def resumed(run: Any, file: io.StringIO) -> ConsolePlugin:
    """A console that sees a bucket go on at episode 21, after 20 in its metrics and a line of another bucket."""
    with (run.run_dir / "metrics.jsonl").open("w") as metrics:
        metrics.write(json.dumps({"bucket": "Scalping", "episode": 1, "score": 9.0}) + "\n")
        metrics.writelines(json.dumps(asdict(each) | {"bucket": "Short"}) + "\n" for each in run.episodes(21))
    plugin = ConsolePlugin(file=file, clock=lambda: 0.0)
    plugin.on_bucket_start(run.bucket(), run.resources())
    plugin.on_episode_end(run.bucket(), run.episode(21))
    return plugin


def test_a_resumed_bucket_says_so_and_shows_the_curve_from_its_first_episode(run: Any, terminal: Terminal) -> None:
    plugin = resumed(run, terminal)
    plugin.on_episode_end(run.bucket(), run.episode(22))
    plugin.cleanup(run.bucket(), KeyboardInterrupt())
    screen = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    assert "horizons 6-144 bars, resumed at episode 21" in screen
    scores = [report.score for report in run.episodes(22)]
    assert any(sparkline(scores, 40, rows).plain.splitlines()[-1] in screen for rows in range(1, 11))


def test_a_resumed_bucket_says_so_off_a_terminal(run: Any) -> None:
    stream = io.StringIO()
    resumed(run, stream)
    told = stream.getvalue().splitlines()
    assert told[0] == "[2/4] Short goes on at episode 21 of at most 40, on cpu"
    assert told[1].startswith("[2/4] Short 21/40: score")
    assert len(told) == 2


class Hung(Terminal):
    """A terminal that is gone after `lines` writes."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.left = writes

    def write(self, text: str) -> int:
        self.left -= 1
        if self.left < 0:
            raise BrokenPipeError(32, "Broken pipe")
        return super().write(text)


@pytest.mark.parametrize("writes", [0, 1, 2])
@pytest.mark.usefixtures("terminal")
def test_a_terminal_that_goes_away_does_not_end_the_run(run: Any, writes: int) -> None:
    hung = Hung(writes)
    tell(ConsolePlugin(file=hung), run, "Medium", "Long")
    assert hung.left < 0


def test_a_reader_that_has_seen_enough_does_not_end_the_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "progressive_training", "--bucket", "Scalping", "--run-dir", str(tmp_path / "run")]
    command += ["--episodes", "2", "--set", "SYNTHETIC_BARS=6000", "--set", "UPDATES_PER_EPISODE=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as training:
        assert training.stdout is not None
        assert training.stderr is not None
        assert "Scalping begins" in training.stdout.readline()
        training.stdout.close()
        told = training.stderr.read()
    assert training.returncode == 0
    assert "roken" not in told
    assert json.loads((tmp_path / "run" / "state.json").read_text())["status"] == "finished"


HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    assert os.environ["TERM"] != "dumb"
    return Terminal()
