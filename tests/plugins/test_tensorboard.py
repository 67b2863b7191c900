"""TensorBoard reads what a run committed: each step once, also after a kill and a resume, and training never fails because of it."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from progressive_training import Interrupted, ProgressiveTrainer, read_run

accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason="the extra tensorboard is not installed"
)
QUICK = {
    "SYNTHETIC_BARS": 3000,
    "HORIZON_RANGE": (1, 24),
    "SEQUENCE": ("Scalping",),
    "EPISODES": 3,
    "UPDATES_PER_EPISODE": 2,
    "DEVICE": "cpu",
}


def shown(directory: Path) -> Any:
    files = accumulator.EventAccumulator(str(directory))
    files.Reload()
    return files


def texts(directory: Path, tag: str) -> list[str]:
    return [event.tensor_proto.string_val[0].decode() for event in shown(directory).Tensors(tag)]


def assert_a_row_of_hparams(files: Any, name: str, settings: dict[str, Any]) -> None:
    """As the tab HPARAMS reads it: by TensorBoard's own parsers."""
    metadata = import_module("tensorboard.plugins.hparams.metadata")
    start, end, experiment = (
        files.SummaryMetadata(tag).plugin_data.content
        for tag in (metadata.SESSION_START_INFO_TAG, metadata.SESSION_END_INFO_TAG, metadata.EXPERIMENT_TAG)
    )
    info = metadata.parse_session_start_info_plugin_data(start)
    assert info.group_name == name
    assert {key: getattr(info.hparams[key], info.hparams[key].WhichOneof("kind")) for key in settings} == settings
    assert metadata.parse_session_end_info_plugin_data(end).status == 1
    found = metadata.parse_experiment_plugin_data(experiment)
    assert {info.name for info in found.hparam_infos if info.differs} >= {"BUCKET", "SEED", "EPISODES"}
    assert len(found.hparam_infos) == len(info.hparams)
    assert "final/best_score" in {metric.name.tag for metric in found.metric_infos}


def test_steps_come_once_after_an_interruption_and_tables_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, lines = tmp_path / "run", []

    def progress(line: str) -> None:
        lines.append(line)
        if "episode 2 of 3" in line and len(lines) < 100:
            trainer.interrupt()

    trainer = ProgressiveTrainer(progress, settings=QUICK, run_dir=run, plugins=["tensorboard"])
    with pytest.raises(Interrupted):
        trainer.train_progressively()
    place = run / "tensorboard" / "Scalping"
    assert [event.step for event in shown(place).Scalars("score")] == [0, 1, 2]
    (place / "events.out.tfevents.0000000009").write_bytes(b"cut short by a kill")

    ProgressiveTrainer(settings=QUICK, run_dir=run, plugins=["tensorboard"]).resume()
    score = shown(place).Scalars("score")
    assert [event.step for event in score] == [0, 1, 2, 3]
    where = f"tensorboard: written to {run}/tensorboard (look: tensorboard --logdir {run}/tensorboard)"
    assert lines.count(where) == 1 and where in capsys.readouterr().err  # of the interrupted one and of its resume
    sizes = {file.name[-2:]: file.stat().st_size for file in place.iterdir()}
    assert {name for name, size in sizes.items() if size} == {"10", "11"}  # its episodes once, and how it ended
    recorded = read_run(run)
    assert [event.value for event in score[1:]] == pytest.approx(
        [100 * (2.718281828459045 ** line["score"] - 1) for line in recorded.episodes["Scalping"]], rel=1e-4
    )
    evaluation = recorded.results[0].evaluation
    assert evaluation is not None and evaluation.verdict in texts(place, "verdict")[0]
    assert "buy and hold" in texts(place, "performance")[0]
    assert "| EPISODES | 3 |" in texts(run / "tensorboard", "settings")[0]
    assert {"final/best_score", "final/t", "final/test_profit"} <= set(shown(place).Tags()["scalars"])
    assert_a_row_of_hparams(shown(place), "run/Scalping", {"BUCKET": "Scalping", "EPISODES": 3.0, "DEVICE": "cpu"})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_one_warning_and_the_run_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "all" / "run" / "Scalping"
    place.mkdir(parents=True)
    (place / "events.out.tfevents.0000000001").symlink_to("/dev/full")
    settings = {**QUICK, "EPISODES": 2, "TENSORBOARD_DIR": str(tmp_path / "all")}
    ProgressiveTrainer(settings=settings, run_dir=tmp_path / "run", plugins=["tensorboard"]).train_progressively()
    warned = [line for line in capsys.readouterr().err.splitlines() if "tensorboard" in line]
    assert len(warned) == 1 and "training goes on without it: [Errno 28]" in warned[0]
