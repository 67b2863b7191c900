"""`read_run`: what the files of a run hold, for plugins and programs."""

from pathlib import Path
from typing import Any

import pytest

from progressive_core.engine.run import Interrupted
from progressive_training import RunError, hookimpl, read_run

NUDGE = "from attrs import evolve; return evolve(target, weights=source.weights)"


def test_it_has_what_the_run_was_begun_on_and_what_came_of_it(workshop: Any) -> None:
    workshop.strategy(NUDGE)
    workshop.trainer().train_progressively()
    recorded = read_run(str(workshop.directory / "run"))
    assert (recorded.status, [result.bucket for result in recorded.results]) == ("finished", ["First", "Second"])
    assert recorded.manifest["sequence"] == ["First", "Second"] and recorded.manifest["seed"] == 0
    assert [line["episode"] for line in recorded.episodes["Second"]] == [1, 2, 3, 4]
    assert [entry.verdict for entry in recorded.ledger] == [line["verdict"] for line in workshop.ledger()]


def test_an_interrupted_run_can_be_read_and_so_can_one_in_training(workshop: Any) -> None:
    seen = []

    class Reader:
        @hookimpl
        def on_run_end(self, run: Any) -> None:
            seen.append(read_run(run.run_dir))

    workshop.stop_at = "Second: episode 2"
    with pytest.raises(Interrupted):
        workshop.trainer(plugins=(Reader(),)).train_progressively()
    assert seen[0].status == "training" and [result.bucket for result in seen[0].results] == ["First"]
    assert read_run(workshop.directory / "run").status == "interrupted"


def test_what_is_no_run_or_leads_out_of_it_is_refused(workshop: Any, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run here"):
        read_run(tmp_path)
    workshop.trainer().train_progressively()
    run = workshop.directory / "run"
    (run / "elsewhere").symlink_to(tmp_path.parent)
    with pytest.raises(RunError, match="a link out of its run"):
        read_run(run)
    (run / "elsewhere").unlink()
    (run / "ledger.jsonl").write_text('{"strategy": 5}\n{}\n')
    with pytest.raises(RunError, match=r"ledger.jsonl, line 1: damaged"):
        read_run(run)


def test_a_plugin_sees_the_default_and_the_meaning_of_every_setting(workshop: Any) -> None:
    seen = {}

    class Reader:
        @hookimpl
        def on_bucket_start(self, bucket: Any) -> None:
            seen["bucket"] = bucket.settings

        @hookimpl
        def on_run_end(self, run: Any) -> None:
            seen["run"] = run.settings

    workshop.trainer(plugins=(Reader(),)).train_progressively()
    for settings in seen.values():
        assert settings["EPISODES"] == 4
        assert settings.declared["EPISODES"].default != 4 and settings.declared["EPISODES"].meaning
        with pytest.raises(TypeError):
            settings["EPISODES"] = 5
