"""A stranger's bucket that answers nonsense where it is searched: one line that names it."""

import json
from pathlib import Path

import pytest

from progressive_front.cli import main

ROOT = Path(__file__).parents[3]
SOURCES = {name: (ROOT / f"tests/core/{name}.py").read_text() for name in ("line_bucket", "tuned_bucket")}
BUCKET = """
from math import nan

from attrs import evolve, frozen
from tuned_bucket import TunedBucket

from progressive_training import Halves

@frozen
class Hostile(TunedBucket):
    def tunable(self):
        return 1 / self.slope

    def plan_trials(self, settings, horizons, folding):
        (fold,) = super().plan_trials(settings, horizons, None)
        return (fold, fold) if self.t == 2 else [fold] if self.t == 1 else (fold,)

    def halves(self, models, folds, settings):
        return Halves((1.0, nan), (1.0,)) if self.t == 3 else None

"""


@pytest.mark.parametrize(
    ("made", "space", "words"),
    [
        ("slope=0", "", "tunable() of bucket First failed (ZeroDivisionError: "),
        (
            "t=1",
            "STEP=0.05..0.1",
            "plan_trials() of bucket First: expected a tuple of Fold, each with a number of its own",
        ),
        (
            "t=2",
            "STEP=0.05..0.1",
            "plan_trials() of bucket First: expected a tuple of Fold, each with a number of its own",
        ),
        ("t=3", "STEP=0.05..0.1", "halves() of bucket First: expected Halves of finite numbers, got Halves"),
        ("t=4", "STEP=0.05..0.1", "halves() of bucket First: expected Halves of finite numbers, got null"),
    ],
)
def test_what_it_answers_is_looked_at(tmp_path, monkeypatch, install, capfd, made, space, words) -> None:
    install(
        "hostile",
        buckets={"First": "hostile_bucket:it"},
        hostile_bucket=f"{BUCKET}it = Hostile('First', {made})\n",
        **SOURCES,
    )
    monkeypatch.chdir(tmp_path)
    Path("config.json").write_text(
        json.dumps({"SEQUENCE": ["First"], "EPISODES": 2, "DEVICE": "cpu", "PLUGINS": ["no:report"]})
    )
    status = main(["tune", "--bucket", "First", "--trials", "2", "--quiet", *(["--space", space] if space else [])])
    error = capfd.readouterr().err
    assert (status, error.count("\n")) == (2, 1), error
    assert words in error
