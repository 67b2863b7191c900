"""A third-party package, written here: a setting, a feature, a bucket with a learner of its own and a transfer that skips with a
reason. Installed, trained with, killed and resumed; then its model is loaded, and its reason read in the ledger."""

import json
from pathlib import Path
from textwrap import dedent

import pytest

PACKAGE = {
    "pyproject.toml": """
        [build-system]
        requires = ["hatchling>=1.26"]
        build-backend = "hatchling.build"

        [project]
        name = "acme"
        version = "2.1"

        [project.entry-points."progressive_training.buckets"]
        Drift = "acme.drift:bucket"

        [project.entry-points."progressive_training.features"]
        streak = "acme.streak:streak"

        [project.entry-points."progressive_training.transfers"]
        patient = "acme.patient:patient"
        """,
    "acme/__init__.py": "",
    "acme/streak.py": """
        import numpy as np

        def streak(bars):
            return {"up": (bars.close > bars.open).astype(float)}
        """,
    "acme/patient.py": """
        from progressive_training import Setting, Skip, Whole, hookimpl

        ACME_PATIENCE = Setting("ACME_PATIENCE", 3, Whole(0, 1000), "episodes before the patient strategy would transfer")

        class Patient:
            name = "patient"
            settings = (ACME_PATIENCE,)

            @hookimpl
            def transfer(self, context):
                patience = context.bucket.settings[ACME_PATIENCE]
                return Skip(f"too early: episode {context.episode} of {patience}")

        patient = Patient()
        """,
    "acme/drift.py": """
        import torch
        from progressive_training import Number, Setting
        from progressive_training.market import WeightsBucket, WeightsLearner

        ACME_STEP = Setting("ACME_STEP", 0.5, Number(0, 10), "standard deviation of one step of the search", per_bucket=True)

        class Drift(WeightsLearner):
            '''Random search: a step is taken where it earns more on the training bars.'''

            def start(self):
                generator = torch.Generator().manual_seed(self.info.seed)
                slope = torch.zeros(self.market.features.shape[1])
                return {"drift.slope": slope}, {"generator": generator.get_state()}

            @staticmethod
            def policy_from(weights, market):
                return lambda part: torch.sign((part.features @ weights["drift.slope"]).round(decimals=2)).double()

            def train(self):
                generator = torch.Generator()
                generator.set_state(self.state["generator"])
                slope, part = self.weights["drift.slope"], self.market.part(self.split.train)
                step = torch.randn(slope.shape, generator=generator) * self.info.settings[ACME_STEP]
                self.state["generator"] = generator.get_state()
                gained = []
                for tried in (slope, slope + step):
                    held = self.policy_from({"drift.slope": tried}, self.market)(part)
                    gained.append((float(self.market.growth(held, part).sum()), tried))
                best, self.weights["drift.slope"] = max(gained, key=lambda pair: pair[0])
                return len(part), -best

        bucket = WeightsBucket(name="Drift", horizons=(1, 6), learner=Drift, settings=(ACME_STEP,))
        """,
}
ARGUMENTS = (
    *("--sequence", "Scalping,Drift", "--episodes", "4", "--device", "cpu", "--run-dir", "run"),
    *("--set", "SYNTHETIC_BARS=4000", "--set", "UPDATES_PER_EPISODE=2", "--set", 'ACME_STEP={"Drift": 0.25}'),
    *("--set", "ACME_PATIENCE=7", "-p", "no:console", "-p", "no:report"),
)
USE = """
import pandas
from progressive_training import load_model
from progressive_training.market import synthetic_bars
bars = synthetic_bars(600, seed=2)
prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
model = load_model("run/models/Drift")
print(model(pandas.DataFrame({"time": pandas.to_datetime(bars.time), **prices})).action, model.performance(bars)[0].strategy)
"""


@pytest.fixture(scope="module")
def package(install, tmp_path_factory) -> Path:
    source = tmp_path_factory.mktemp("acme")
    (source / "acme").mkdir()
    for name, text in PACKAGE.items():
        (source / name).write_text(dedent(text))
    return install(source)


def test_a_stranger_can_do_what_the_built_ins_can(package: Path, site_at, tmp_path: Path) -> None:
    directories = [tmp_path / name for name in ("whole", "killed")]
    for directory in directories:
        directory.mkdir()
    whole, killed = (site_at(directory, (package,)) for directory in directories)

    whole.program(*ARGUMENTS)
    killed.killed("Drift: episode 2 of 4", *ARGUMENTS)
    resumed = killed.program("--resume", "--run-dir", "run")
    assert "Scalping: episode" not in resumed  # it was finished before the kill

    for bucket in ("Scalping", "Drift"):
        models = [site.cwd / "run" / "models" / bucket / "model.safetensors" for site in (whole, killed)]
        assert models[0].read_bytes() == models[1].read_bytes()
        card = json.loads((models[1].parent / "card.json").read_text())
        assert (card["features"][-1], card["feature_plugins"][0]["version"]) == ("streak.up", "2.1")

    settings = json.loads((killed.cwd / "run" / "config.json").read_text())
    assert (settings["ACME_STEP"], settings["ACME_PATIENCE"]) == ({"Drift": 0.25}, 7)

    ledger = [json.loads(line) for line in (killed.cwd / "run" / "ledger.jsonl").read_text().splitlines()]
    patient = [line for line in ledger if line["strategy"] == "patient" and line["phase"] == "initial"]
    assert [(line["source"], line["target"], line["verdict"], line["reason"]) for line in patient] == [
        ("Scalping", "Drift", "skipped", "too early: episode 0 of 7")
    ]

    position, strategy = killed.python("-c", USE).split()
    assert position in ("long", "flat", "short")
    assert strategy == "Drift"
