"""A package with buckets of stable-baselines3, trained by the program, killed and resumed."""

import json
from pathlib import Path
from textwrap import dedent

import pytest

from progressive_front.cli import main
from progressive_training import ProgressiveTrainer, load_model, read_run
from progressive_training.market import synthetic_bars

pytest.importorskip("stable_baselines3", reason="the extra sb3 is not installed")
BUCKETS = """
    from progressive_training.sb3 import SB3Bucket

    fast = SB3Bucket(name="Fast", horizons=(1, 6), algo="PPO", policy_kwargs={"net_arch": [8], "activation_fn": "ReLU"})
    slow = SB3Bucket(name="Slow", horizons=(6, 24), algo="PPO", policy_kwargs={"net_arch": [8], "activation_fn": "ReLU"})
    valued = SB3Bucket(name="Valued", horizons=(6, 24), algo="DQN", policy_kwargs={"net_arch": [8]})
"""
ENTRY_POINTS = """
    [progressive_training.buckets]
    Fast = mine:fast
    Slow = mine:slow
    Valued = mine:valued
"""
ARGUMENTS = (
    *("--sequence", "Fast,Slow,Valued", "--episodes", "2", "--device", "cpu", "--run-dir", "run"),
    *("--set", "SYNTHETIC_BARS=3500", "--set", "SB3_STEPS=256", "--set", "SB3_REPLAY=500"),
    *("-p", "no:console", "-p", "no:report"),
)
RESUME = ("--resume", "--run-dir", "run", "-p", "no:console", "-p", "no:report")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """What pip would install of a package with three buckets."""
    site = tmp_path / "site"
    (site / "mine-1.dist-info").mkdir(parents=True)
    (site / "mine.py").write_text(dedent(BUCKETS))
    (site / "mine-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
    (site / "mine-1.dist-info/entry_points.txt").write_text(dedent(ENTRY_POINTS))
    return site


def test_a_killed_run_ends_with_the_same_bytes_and_its_ledger_says_what_was_taught(
    package, site_at, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(package)
    settings = {"SEQUENCE": ["Fast", "Slow", "Valued"], "EPISODES": 2, "DEVICE": "cpu"}
    small = {"SYNTHETIC_BARS": 3500, "SB3_STEPS": 256, "SB3_REPLAY": 500}
    whole, run = tmp_path / "whole", tmp_path / "run"
    ProgressiveTrainer(settings={**settings, **small}, run_dir=whole, plugins=["no:report"]).train_progressively()
    site = site_at(tmp_path, (package,))
    site.killed("Fast: episode 1 of 2", *ARGUMENTS)
    site.killed("Valued: episode 1 of 2", *RESUME)
    ProgressiveTrainer(run_dir=run, plugins=["no:report"]).resume()

    for name in ("Fast", "Slow", "Valued"):
        model = f"models/{name}/model.safetensors"
        assert (whole / model).read_bytes() == (run / model).read_bytes(), name
    assert not [file for file in run.rglob("*") if file.suffix in {".pkl", ".zip", ".pt", ".pickle"}]
    ledger = {(line.strategy, line.source, line.target): line.reason for line in read_run(run).ledger}
    assert ledger["weights", "Fast", "Slow"] != "no weights that fit"
    assert ledger["weights", "Fast", "Valued"] == "no weights that fit"
    evaluation = read_run(run).results[2].evaluation
    assert {"Valued", "buy and hold"} <= {row.strategy for row in evaluation.test}
    model = load_model(run / "models/Valued")
    assert model(synthetic_bars(600, seed=2)).action == "flat" and model.reason


def test_it_is_walked_forward_searched_and_challenged(package, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(package)
    monkeypatch.chdir(tmp_path)
    small = ("--episodes", "1", "--device", "cpu", "--quiet", "--set", "SYNTHETIC_BARS=3500")
    sizes = ("--set", "SB3_STEPS=256", "--set", "SB3_REPLAY=500", "-p", "no:report")
    assert main(["walk-forward", "--sequence", "Fast,Valued", "--folds", "2", "--name", "wf", *small, *sizes]) == 0
    assert main(["tune", "--bucket", "Fast", "--trials", "2", "--name", "found", *small, *sizes]) == 0
    assert main(["challenge", "studies/wf/runs/fold-01"]) == 0

    walked = json.loads(Path("studies/wf/walk_forward.json").read_text())["buckets"]
    assert [(each["bucket"], each["performance"][0]["strategy"]) for each in walked] == [
        ("Fast", "Fast"),
        ("Valued", "Valued"),
    ]
    (searched,) = json.loads(Path("tune/found/tune.json").read_text())["buckets"]
    tried = [trial["values"] for trial in searched["trials"]]
    assert [trial["status"] for trial in searched["trials"]] == ["finished"] * 2
    assert tried[0] == {"SB3_LEARNING_RATE": None, "SB3_DISCOUNT": None}
    assert 1e-4 <= tried[1]["SB3_LEARNING_RATE"] <= 1e-2 and 0.8 <= tried[1]["SB3_DISCOUNT"] <= 0.99
    broken = json.loads(Path("studies/wf/runs/fold-01/challenge.json").read_text())["buckets"]
    assert [bucket["bucket"] for bucket in broken] == ["Fast", "Valued"]
    assert all({"late_fills", "rising_costs"} <= {each["attack"] for each in bucket["attacks"]} for bucket in broken)
