"""A run whose market knows regimes, interrupted and resumed, ends as one that was left alone."""

from pathlib import Path

import pytest

from progressive_core.engine import sequence
from progressive_training import ProgressiveTrainer

TINY = {
    "SEQUENCE": ["Scalping", "Short"],
    "EPISODES": 3,
    "SYNTHETIC_BARS": 3000,
    "HORIZON_RANGE": [1, 12],
    "TRANSFER_COOLDOWN": 1,
    "WIDTH": 16,
    "UPDATES_PER_EPISODE": 4,
    "EPISODE_BARS": 32,
    "PARALLEL_EPISODES": 8,
    "DEVICE": "cpu",
    "REGIMES": "hmm",
}
MODELS = [Path("models") / bucket / "model.safetensors" for bucket in TINY["SEQUENCE"]]


def stop(line: str) -> None:
    if "Short: episode 2 of 3" in line:
        raise KeyboardInterrupt


def test_plain_network_specialists_and_regimes_go_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequence, "CHECKPOINT_SHARE", 1.0)  # one follows every episode
    quiet = ("no:report", "no:console")
    whole, run = tmp_path / "whole", tmp_path / "run"
    ProgressiveTrainer(str, settings=TINY, run_dir=whole, plugins=quiet).train_progressively()
    with pytest.raises(KeyboardInterrupt):
        ProgressiveTrainer(stop, settings=TINY, run_dir=run, plugins=quiet).train_progressively()
    lines: list[str] = []
    ProgressiveTrainer(lines.append, run_dir=run).resume()
    assert not any("Short: episode 1 of 3" in line for line in lines)
    assert any("Short: specialists (choice)" in line for line in lines)
    assert [(run / model).read_bytes() for model in MODELS] == [(whole / model).read_bytes() for model in MODELS]
