"""The end of a run: every plugin hears of it once, last, in the process that began the run, whatever ended it."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from progressive_core.engine.run import Interrupted
from progressive_training import PluginError

END = """
import os
from acme_watch import note
from progressive_training import hookimpl

@hookimpl
def on_run_end(run, results, error):
    note("end", run.sequence, run.seed, [result.bucket for result in results], type(error).__name__, os.getpid())
    {body}
"""
STRATEGY = "from attrs import evolve; return evolve(target, weights=source.weights)"


@pytest.fixture
def watched(workshop: Any, install: Callable[..., None]) -> Any:
    def put(body: str = "") -> Any:
        install("ender", plugins={"ender": "ender_end"}, ender_end=END.format(body=body))
        return workshop

    return put


def ends(workshop: Any) -> list[Any]:
    return [event for event in workshop.seen if event[0] == "end"]


@pytest.mark.parametrize("isolate", [False, True])
def test_it_comes_once_and_last_in_the_process_of_the_run(watched: Any, isolate: bool) -> None:
    workshop = watched()
    workshop.trainer().train_progressively(isolate=isolate)
    expected = ["end", ["First", "Second"], 0, ["First", "Second"], "NoneType", os.getpid()]
    assert ends(workshop) == [expected] and workshop.seen[-1] == expected


def test_scratch_arms_and_probes_are_no_runs_of_their_own(watched: Any) -> None:
    workshop = watched()
    workshop.strategy(STRATEGY)
    workshop.trainer(EPISODES=5).train_progressively(scratch_arms=True, find_order=True)
    assert (workshop.directory / "run" / "scratch").is_dir()
    assert len(ends(workshop)) == 1 and workshop.seen[-1][0] == "end"


def test_it_comes_after_an_interruption_and_again_after_the_resume(watched: Any) -> None:
    workshop = watched()
    workshop.stop_at = "Second: episode 2"
    with pytest.raises(Interrupted):
        workshop.trainer().train_progressively()
    workshop.stop_at = ""
    workshop.trainer().resume()
    assert [end[3:5] for end in ends(workshop)] == [[["First"], "Interrupted"], [["First", "Second"], "NoneType"]]


def test_it_comes_after_an_error_and_a_second_one_does_not_hide_the_first(
    watched: Any, install: Callable[..., None]
) -> None:
    workshop = watched("raise OSError('the second')")
    failing = (
        "from progressive_training import hookimpl\n@hookimpl\ndef on_bucket_start(): raise ValueError('the first')\n"
    )
    install("failing", plugins={"failing": "failing"}, failing=failing)
    with pytest.raises(PluginError, match="the first"):
        workshop.trainer().train_progressively()
    assert [end[3:5] for end in ends(workshop)] == [[[], "PluginError"]]


def test_a_failure_in_it_is_named_and_the_run_can_be_resumed_without_the_plugin(watched: Any) -> None:
    workshop = watched("raise OSError('no disk')")
    with pytest.raises(
        PluginError, match=r"plugin 'ender' \(ender 1.2\): on_run_end failed: OSError: no disk \(to go on"
    ):
        workshop.trainer().train_progressively()
    assert set(workshop.trainer(plugins=("no:ender",)).resume()) == {"First", "Second"}
