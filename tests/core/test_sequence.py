"""The order of a run, what it leaves behind, and how it goes on after being stopped: with a stranger's buckets."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from progressive_app.store.tensors import read_tensors
from progressive_core.engine.run import Interrupted
from progressive_training import DataError, PluginError, RunError

LINES = (Path(__file__).parent / "line_bucket.py").read_text()


def test_the_order_of_a_run(workshop: Any) -> None:
    workshop.trainer().train_progressively()
    events = [event[:3] for event in workshop.seen]
    expected: list[list[Any]] = []
    for bucket in ("First", "Second"):
        expected += [["start", bucket], *(["episode", bucket, number] for number in (1, 2, 3, 4))]
        expected += [["cleanup", bucket, "None"]]
    assert events == expected
    told = {event[2]: event[3] for event in workshop.seen if event[:2] == ["episode", "Second"]}
    assert {strategy.split()[1] for strategy in told[1]} == {"initial"}
    assert {strategy.split()[1] for strategy in told[3]} == {"periodic"}
    assert told[2] == told[4] == []


def test_a_run_leaves_models_metrics_ledger_and_manifest(workshop: Any) -> None:
    paths = workshop.trainer().train_progressively()
    run = workshop.directory / "run"
    assert paths == {name: run / "models" / name / "model.safetensors" for name in ("First", "Second")}
    assert all(path.is_file() for path in paths.values())
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 8
    assert json.loads((run / "manifest.json").read_text())["seed"] == 0
    assert json.loads((run / "config.json").read_text())["EPISODES"] == 4
    assert json.loads((run / "state.json").read_text())["status"] == "finished"
    assert list((run / "checkpoints").iterdir()) == []


def test_the_second_bucket_starts_from_what_the_first_learned(workshop: Any) -> None:
    workshop.trainer().train_progressively()
    first = next(line for line in workshop.ledger() if line["strategy"] == "weights")
    assert (first["source"], first["target"], first["verdict"]) == ("First", "Second", "kept")
    assert first["after"] > first["before"]
    assert first["copied"] == ["line.weight"]
    assert first["nbytes"] == 8


def test_a_source_that_does_not_prove_itself_leaves_no_trace(workshop: Any) -> None:
    workshop.trainer(SEQUENCE=("Third", "Second")).train_progressively()
    assert workshop.verdicts("weights", "initial") == ["skipped"]
    alone = workshop.trainer("alone", SEQUENCE=("Second",), USE_CROSS_BUCKET_TRANSFER=False).train_progressively()
    tensors, _ = read_tensors(workshop.directory / "run/models/Second/model.safetensors")
    assert torch.equal(tensors["line.weight"], read_tensors(alone["Second"])[0]["line.weight"])


def test_what_bars_that_did_not_choose_it_do_not_show_is_not_passed_on(workshop: Any) -> None:
    workshop.trainer(SEQUENCE=("Lucky", "Second")).train_progressively()
    reason = "not proven: its own t is 1.5, expected 2 on bars that did not choose it"
    offered = [line for line in workshop.ledger() if line["source"] == "Lucky"]
    assert {(line["verdict"], line["reason"], line["source_t"]) for line in offered} == {("skipped", reason, 1.5)}
    card = json.loads((workshop.directory / "run/models/Lucky/card.json").read_text())
    assert card["knowledge"]["t"] == 1.5


def test_a_bucket_that_says_it_must_not_teach_teaches_nobody(workshop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    workshop.trainer(SEQUENCE=("First", "Stuck", "Second")).train_progressively()
    told = "Stuck must not teach: it always buys"
    for line in workshop.ledger():
        distrusted = line["source"] == "Stuck"
        assert distrusted == (line["reason"] == told)
        assert line["verdict"] == "skipped" or not distrusted
    assert {(line["target"], line["phase"]) for line in workshop.ledger() if line["source"] == "Stuck"} == {
        ("First", "reverse"),
        ("Second", "initial"),
        ("Second", "periodic"),
    }
    card = json.loads((workshop.directory / "run/models/Stuck/card.json").read_text())
    assert card["knowledge"]["distrust"] == "it always buys"
    assert f"warning: {told}" in capsys.readouterr().err


def test_the_switch_turns_every_transfer_off(workshop: Any) -> None:
    workshop.trainer(USE_CROSS_BUCKET_TRANSFER=False).train_progressively()
    assert not (workshop.directory / "run/ledger.jsonl").exists()


def test_reverse_transfer_makes_a_new_version_and_keeps_the_old(workshop: Any) -> None:
    workshop.trainer(EPISODES={"First": 1, "Second": 20}).train_progressively()
    versions = sorted(path.name for path in (workshop.directory / "run/models/First/versions").iterdir())
    assert workshop.verdicts("reverse", "reverse") == ["kept"]
    assert versions == ["0001", "0002", "0003"], "as it was trained, as it was taught, and judged"
    off = workshop.trainer("off", EPISODES={"First": 1, "Second": 20}, ENABLE_REVERSE_TRANSFER=False)
    off.train_progressively()
    assert [path.name for path in (workshop.directory / "off/models/First/versions").iterdir()] == ["0001"]


def test_a_bucket_teaches_the_earlier_ones_once_when_it_ends(workshop: Any) -> None:
    workshop.trainer(SEQUENCE=("First", "Second", "Third"), EPISODES=7).train_progressively()
    backward = [line for line in workshop.ledger() if line["phase"] == "reverse"]
    assert [(line["source"], line["target"], line["episode"]) for line in backward] == [
        ("Second", "First", 7),
        ("Third", "First", 7),
        ("Third", "Second", 7),
    ]


AMID = """
    from attrs import evolve
    import torch
    bit = torch.tensor([{by}, 0.0])
    return evolve(target, weights={{"line.weight": target.weights["line.weight"] + bit}})
"""


@pytest.mark.parametrize(("by", "verdict"), [(0.01, "kept"), (-0.01, "rolled back"), (0.0, "rolled back")])
def test_amid_training_a_change_is_kept_for_what_it_surely_gains(workshop: Any, by: float, verdict: str) -> None:
    workshop.strategy(AMID.format(by=by))
    workshop.trainer(TRANSFERS=("nudge",)).train_progressively()
    assert workshop.verdicts("nudge", "periodic") == [verdict]


def test_amid_training_luck_is_rolled_back(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = import_module("line_bucket")

    def blocks(learner: Any) -> tuple[float, ...]:
        """Half of the gain is lost again by luck of the bars."""
        score = learner.validate()
        return (score * 2, -score)

    monkeypatch.setattr(lines.LineLearner, "validation_blocks", blocks)
    workshop.strategy(AMID.format(by=0.01))
    workshop.trainer(TRANSFERS=("nudge",)).train_progressively()
    (line,) = [line for line in workshop.ledger() if (line["strategy"], line["phase"]) == ("nudge", "periodic")]
    assert line["after"] > line["before"]
    assert (line["verdict"], line["reason"]) == ("rolled back", "did not help beyond noise, t 0.3")


def test_a_strategy_that_raises_leaves_the_target_untouched_and_training_goes_on(workshop: Any) -> None:
    workshop.trainer("without", plugins=("no:watch",)).train_progressively()
    workshop.strategy("raise ZeroDivisionError('a bug')")
    workshop.trainer().train_progressively()
    failed = [line for line in workshop.ledger() if line["strategy"] == "nudge"]
    assert {line["verdict"] for line in failed} == {"failed"}
    assert "nudge" in failed[0]["reason"] and "ZeroDivisionError" in failed[0]["reason"]
    for name in ("First", "Second"):
        with_it, without = (read_tensors(workshop.directory / run / f"models/{name}/model.safetensors")[0]
                            for run in ("run", "without"))  # fmt: skip
        assert torch.equal(with_it["line.weight"], without["line.weight"])


def test_weights_that_are_not_numbers_are_rolled_back(workshop: Any) -> None:
    workshop.strategy(
        "from attrs import evolve; import torch; "
        "return evolve(target, weights={'line.weight': torch.full((2,), float('nan'))})"
    )
    workshop.trainer().train_progressively()
    assert set(workshop.verdicts("nudge", "initial")) == {"rolled back"}


def test_short_memory_skips_the_weights_and_the_lighter_strategies_still_run(workshop: Any) -> None:
    body = "from attrs import evolve; return evolve(resources, memory_limit=1 + resources.memory_needed)"
    source = f"from progressive_training import hookimpl\n\n@hookimpl\ndef on_bucket_start(resources):\n    {body}\n"
    workshop.install("tight", plugins={"tight": "tight_policy"}, tight_policy=source)
    workshop.strategy("return target")
    workshop.trainer(plugins=("no:memory",)).train_progressively()
    assert set(workshop.verdicts("weights", "initial")) == {"skipped"}
    assert "MEMORY_THRESHOLD" in next(line["reason"] for line in workshop.ledger() if line["strategy"] == "weights")
    assert "skipped" not in workshop.verdicts("features", "initial")


@pytest.mark.parametrize("at", ["First: episode 2", "Second: episode 1", "Second: episode 2", "Second: episode 3"])
def test_an_interrupted_run_ends_as_if_it_had_not_been(workshop: Any, at: str) -> None:
    workshop.trainer("whole").train_progressively()
    workshop.stop_at = at
    with pytest.raises(Interrupted):
        workshop.trainer().train_progressively()
    workshop.stop_at = ""
    before = len([event for event in workshop.seen if event[:2] == ["start", "First"]])
    workshop.trained.resume()
    starts = len([event for event in workshop.seen if event[:2] == ["start", "First"]])
    assert starts == before + at.startswith("First")
    for path in sorted((workshop.directory / "whole/models").rglob("model.safetensors")):
        twin = workshop.directory / "run" / path.relative_to(workshop.directory / "whole")
        assert twin.read_bytes() == path.read_bytes()
    assert _without_times(workshop, "run") == _without_times(workshop, "whole")


def _without_times(workshop: Any, run: str) -> list[dict[str, Any]]:
    lines = (workshop.directory / run / "metrics.jsonl").read_text().splitlines()
    return [
        {key: value for key, value in json.loads(line).items() if key not in ("seconds", "memory_used", "transfers")}
        for line in lines
    ]


def test_resume_goes_on_with_the_newest_unfinished_run(workshop: Any) -> None:
    workshop.stop_at = "Second: episode 1"
    with pytest.raises(Interrupted) as stopped:
        workshop.trainer(None).train_progressively()
    workshop.stop_at = ""
    paths = workshop.trainer(None).resume()
    assert list(paths) == ["First", "Second"]
    assert paths["Second"].is_relative_to(stopped.value.run_dir)
    with pytest.raises(RunError, match="no unfinished run"):
        workshop.trainer(None).resume()


BUG = """
from pathlib import Path
from progressive_training import hookimpl

@hookimpl
def on_episode_end(bucket, episode):
    if bucket.name == "Second" and episode.episode == {at} and not Path({mended!r}).exists():
        raise ZeroDivisionError
"""


def test_a_bug_in_a_plugin_still_cleans_up_and_leaves_a_run_that_can_go_on(workshop: Any) -> None:
    mended = workshop.directory / "mended"
    workshop.install("bad", plugins={"bad": "bad_plugin"}, bad_plugin=BUG.format(at=2, mended=str(mended)))
    with pytest.raises(PluginError, match=r"bad.*on_episode_end.*Second"):
        workshop.trainer().train_progressively()
    assert workshop.seen[-1][:2] == ["cleanup", "Second"]
    assert "PluginError" in workshop.seen[-1][2]
    mended.touch()
    assert list(workshop.trainer().resume()) == ["First", "Second"]


def test_episodes_that_got_no_checkpoint_are_trained_again_alike(
    workshop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "progressive_core.engine.sequence.CHECKPOINT_SHARE", 0.0
    )  # one a bucket, after its first episode
    mended = workshop.directory / "mended"
    workshop.install("bad", plugins={"bad": "bad_plugin"}, bad_plugin=BUG.format(at=4, mended=str(mended)))
    with pytest.raises(PluginError):
        workshop.trainer().train_progressively()
    mended.touch()
    assert [path.name for path in (workshop.directory / "run/checkpoints").glob("*.safetensors")] == [
        "Second-000001.safetensors"
    ]
    workshop.trainer().resume()
    workshop.trainer("whole").train_progressively()
    for path in sorted((workshop.directory / "whole/models").rglob("model.safetensors")):
        twin = workshop.directory / "run" / path.relative_to(workshop.directory / "whole")
        assert twin.read_bytes() == path.read_bytes()
    assert _without_times(workshop, "run") == _without_times(workshop, "whole")


def test_one_bucket_can_start_from_another_runs_knowledge(workshop: Any) -> None:
    workshop.trainer(None).train_progressively(custom_sequence=["First"])
    path = workshop.trainer().train_bucket("Second", episodes=2, transfer_from="First")
    assert path == workshop.directory / "run/models/Second/model.safetensors"
    assert workshop.verdicts("weights", "initial") == ["kept"]
    with pytest.raises(RunError, match="Third"):
        workshop.trainer("other").train_bucket("Second", transfer_from="Third")
    assert not (workshop.directory / "other").exists()


def test_data_that_cannot_be_used_leave_nothing_behind(workshop: Any) -> None:
    source = LINES.replace(
        "        pass\n\n    def open", "        raise DataError('too few bars')\n\n    def open"
    ).replace("import Adoption", "import Adoption, DataError")
    workshop.install("broken", buckets={"Bad": "bad_bucket:bad"}, bad_bucket=source + "\nbad = LineBucket('Bad')\n")
    with pytest.raises(DataError, match="too few bars"):
        workshop.trainer(None, SEQUENCE=("First", "Bad")).train_progressively()
    assert not (workshop.directory / "runs").exists()


def evaluated(run: Path) -> dict[str, Any]:
    return {
        result["bucket"]: result["evaluation"] for result in json.loads((run / "state.json").read_text())["results"]
    }


LOOKS = """
from progressive_training import hookimpl

@hookimpl
def cleanup(bucket):
    for result in bucket.results:
        print("seen", bucket.name, result.bucket, result.evaluation and result.evaluation.verdict)
"""


def test_verdicts_are_made_when_no_transfer_can_change_a_model_any_more(
    workshop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop.install("looks", plugins={"looks": "looks_on"}, looks_on=LOOKS)
    workshop.trainer().train_progressively()
    seen = [line for line in capsys.readouterr().out.splitlines() if line.startswith("seen")]
    judged = "no edge shown"
    assert seen == ["seen First First None", f"seen Second First {judged}", f"seen Second Second {judged}"]
    assert all(evaluated(workshop.directory / "run").values())
    workshop.trainer("off", ENABLE_REVERSE_TRANSFER=False).train_progressively()
    seen = [line for line in capsys.readouterr().out.splitlines() if line.startswith("seen")]
    assert seen[0] == f"seen First First {judged}"


def test_a_model_on_which_the_verdict_is_made_is_not_taught_any_more(workshop: Any) -> None:
    workshop.trainer(SEQUENCE=("First",), EPISODES={"First": 1}).train_progressively()
    workshop.trained.resume({"SEQUENCE": ("First", "Second"), "EPISODES": {"Second": 20}})
    (line,) = [line for line in workshop.ledger() if line["phase"] == "reverse"]
    assert (line["verdict"], line["reason"]) == ("skipped", "the verdict on its model is made")
    assert [path.name for path in (workshop.directory / "run/models/First/versions").iterdir()] == ["0001"]


def test_a_run_that_is_cut_short_judges_what_is_finished(workshop: Any) -> None:
    workshop.stop_at = "First: finished"
    with pytest.raises(Interrupted):
        workshop.trainer().train_progressively()
    assert evaluated(workshop.directory / "run") == {"First": None}
    workshop.stop_at = ""
    workshop.trained.resume({"SEQUENCE": ("First",)})
    assert list(evaluated(workshop.directory / "run")) == ["First"]
    assert all(evaluated(workshop.directory / "run").values())


def test_a_kept_reverse_transfer_leaves_the_result_of_the_version_that_stands(workshop: Any) -> None:
    workshop.trainer(EPISODES={"First": 1, "Second": 20}).train_progressively()
    state = json.loads((workshop.directory / "run/state.json").read_text())
    told = next(result for result in state["results"] if result["bucket"] == "First")
    tensors, _ = read_tensors(workshop.directory / "run/models/First/model.safetensors")
    truth = torch.tensor([2.0, 1.0])
    measured = -float(((tensors["line.weight"] - truth) ** 2).sum())
    assert told["best_score"] == pytest.approx(measured)
    assert told["evaluation"]["test"][0]["log_return"] == pytest.approx(measured)


def test_no_memory_to_open_a_pupil_skips_the_reverse_transfer(workshop: Any) -> None:
    body = "from attrs import evolve; return evolve(resources, memory_limit=1)"
    source = f"from progressive_training import hookimpl\n\n@hookimpl\ndef on_bucket_start(resources):\n    {body}\n"
    workshop.install("tight", plugins={"tight": "tight_policy"}, tight_policy=source)
    workshop.trainer(plugins=("no:memory",)).train_progressively()
    assert set(workshop.verdicts("reverse", "reverse")) == {"skipped"}


def test_a_run_resumed_from_elsewhere_finds_its_data_and_its_plugins(
    workshop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workshop.directory / "bars.csv").write_text("one")
    monkeypatch.chdir(workshop.directory)
    workshop.stop_at = "First: episode 1"
    with pytest.raises(Interrupted):
        workshop.trainer(DATA="bars.csv", plugins=("no:cache",)).train_progressively()
    config = json.loads((workshop.directory / "run/config.json").read_text())
    assert config["DATA"] == str(workshop.directory / "bars.csv")
    assert config["PLUGINS"] == ["no:report", "no:cache"]


def test_a_stop_that_was_asked_for_before_the_first_episode_is_heeded(workshop: Any) -> None:
    trainer = workshop.trainer()
    trainer.interrupt()
    with pytest.raises(Interrupted):
        trainer.train_progressively()


def test_a_run_without_its_settings_is_not_resumed_with_others(workshop: Any) -> None:
    workshop.stop_at = "First: episode 1"
    with pytest.raises(Interrupted):
        workshop.trainer().train_progressively()
    (workshop.directory / "run/config.json").write_text("{}")
    with pytest.raises(RunError, match="SEQUENCE"):
        workshop.trainer().resume()


def test_a_changed_data_file_is_not_resumed(workshop: Any) -> None:
    data = workshop.directory / "bars.csv"
    data.write_text("one")
    workshop.stop_at = "First: episode 1"
    with pytest.raises(Interrupted):
        workshop.trainer(DATA=str(data)).train_progressively()
    data.write_text("two")
    with pytest.raises(RunError, match="has changed"):
        workshop.trainer().resume()
