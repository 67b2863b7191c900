"""The comparison of ways to step trains each of them, keeps what is measured, and calls equal only what cannot be much less."""

import math
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from progressive_buckets.learner import critic
from progressive_buckets.learner.fused import compiled

QUICK = ["--bars", "6000", "--episodes", "2", "--seeds", "1", "--cases", "easy", "--buckets", "Scalping"]


@pytest.fixture
def steps() -> ModuleType:
    return import_module("steps")


def test_a_comparison_goes_on_where_it_was_cut(
    steps: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.jsonl"
    asked = ["--rows", str(file), "--processes", "1", *QUICK, "--ways"]
    assert steps.main([*asked, "torch's step"]) == 0
    first = file.read_text()
    assert steps.main([*asked, "torch's step;4 passes"]) == 0
    table = capsys.readouterr().out.split("paired with compiled")[-1]
    assert "4 passes" in table and "torch's step" in table
    assert file.read_text().startswith(first)
    assert [row.task.way for row in steps.rows_of(file, steps.Row, steps.Task)][2:] == ["4 passes"]


def test_a_way_is_the_one_that_its_name_says_and_the_next_is_not(steps: ModuleType) -> None:
    with steps.stepping(steps.WAYS["torch's step"]):
        assert compiled.library() is None
    with steps.stepping(steps.WAYS["4 passes"]):
        assert critic.PASSES == 4
    assert critic.PASSES == steps.WAYS[steps.DEFAULT].reuse == 2


def test_an_unknown_way_is_refused_by_name(
    steps: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        steps.main(["--rows", str(tmp_path / "rows.jsonl"), "--ways", "by hand"])
    assert "unknown way by hand; known are compiled, fp32, 512 x 20; torch's step" in capsys.readouterr().err


def test_the_cells_of_a_seed_count_as_one(steps: ModuleType) -> None:
    def row(way: str, bucket: str, seed: int, points: float) -> object:
        return steps.Row(steps.Task("easy", bucket, seed, way), points, 10, 1.0)

    rows = [row(steps.DEFAULT, bucket, seed, 90.0) for bucket in ("Scalping", "Medium") for seed in (1, 2)]
    rows += [row("bf16", "Scalping", 1, 92.0), row("bf16", "Medium", 1, 94.0), row("bf16", "Scalping", 2, 91.0)]
    rows += [row("bf16", "Scalping", 3, 0.0)]  # without the default beside it
    mean, error = steps.difference(steps.pairs(rows, "bf16"))
    assert mean == pytest.approx(2.0)  # of 3 and 1
    assert error == pytest.approx(1.0)
    assert math.isinf(steps.difference(steps.pairs(rows[:5], "bf16"))[1])


@pytest.mark.parametrize(
    ("mean", "error", "word"),
    [(0.5, 1.0, "equal"), (-1.0, 0.4, "equal"), (-1.0, 0.6, "open"), (-3.0, 1.0, "less"), (3.0, 1.0, "better")],
)
def test_equal_is_what_cannot_be_two_points_less(steps: ModuleType, mean: float, error: float, word: str) -> None:
    assert steps.judged(mean, error, 20) == word
    assert steps.judged(mean, error, 9) == "few seeds"
