"""Whole runs on a market that knows regimes: stopped and resumed, taught and held against scratch arms, loaded again."""

import json
from pathlib import Path
from typing import Any

import pytest

from progressive_core.engine.run import Interrupted
from progressive_training import ProgressiveTrainer, load_model, resolve

ASKED = {
    "SEQUENCE": ["Scalping", "Short"],
    "DEVICE": "cpu",
    "SYNTHETIC_BARS": 3000,
    "EPISODES": 2,
    "TRANSFER_COOLDOWN": 1,
    "HORIZON_RANGE": [1, 6],
    "REGIMES": "quantile",
    "FEE": 0.0,
    "SLIPPAGE": 0.0,
}


def trainer(directory: Path, stop_at: str = "", **settings: Any) -> ProgressiveTrainer:
    def hear(line: str) -> None:
        if stop_at and stop_at in line:
            made.interrupt()

    asked = {**ASKED, "RUNS_DIR": str(directory.parent), **settings}
    made = ProgressiveTrainer(hear, settings=resolve(None, asked), run_dir=directory, plugins=("no:report",))
    return made


def test_a_run_with_regimes_goes_on_to_the_same_bytes_and_has_its_choices_in_the_ledger(tmp_path: Path) -> None:
    trainer(tmp_path / "whole").train_progressively()
    with pytest.raises(Interrupted):
        trainer(tmp_path / "cut", "Short: episode 1").train_progressively()
    ProgressiveTrainer(lambda _: None, run_dir=tmp_path / "cut", plugins=("no:report",)).resume()
    whole, cut = ([*sorted((tmp_path / run).glob("models/*/model.safetensors"))] for run in ("whole", "cut"))
    assert [file.read_bytes() for file in whole] == [file.read_bytes() for file in cut] and len(whole) == 2
    for run in ("whole", "cut"):
        lines = [json.loads(line) for line in (tmp_path / run / "ledger.jsonl").read_text().splitlines()]
        chosen = [(line["strategy"], line["target"]) for line in lines if line["phase"] == "choice"]
        assert chosen == [("specialists", "Scalping"), ("specialists", "Short")]
    model = load_model(whole[1].parent)
    assert model.card.regimes.count == 2 and any(name.startswith("extractor.regimes.") for name in model.tensors)


def test_memory_is_estimated_for_both_networks(tmp_path: Path) -> None:
    from progressive_buckets.short import bucket
    from progressive_training import BucketInfo, Resources

    sizes = Resources(device="cpu", parallel_episodes=4, batch_size=32)
    needed = []
    for name in (None, "quantile"):
        settings = resolve(None, {**ASKED, "REGIMES": name})
        info = BucketInfo(
            name="Short", horizons=(1,), sequence=("Short",), episodes=1, seed=0, run_dir=tmp_path, settings=settings
        )
        needed.append(bucket.memory_needed(info, sizes))
    assert needed[1] > 2 * needed[0]
