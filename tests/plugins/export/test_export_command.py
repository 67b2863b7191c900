"""`export`: a model as files for another tool, whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from progressive_front.cli import main
from progressive_front.export import run_export
from progressive_training import Export, ModelError, load_model


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Export]]:
    """An exporter that notes what it was asked, and whose answer a test may replace."""
    asked: list[Export] = []

    def export(given: Export) -> dict[str, str]:
        asked.append(given)
        (given.out / "a.txt").write_text("a")
        return {"a.txt": "to be read"}

    monkeypatch.setattr(run_export, "named_object", lambda *_: export)
    return asked


def everything(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def test_an_exporter_gets_the_model_and_its_bars(exporter: list[Export], tmp_path: Path, capsys) -> None:
    assert (
        main(["export", "mine/Short", "--to", "mine", "--out", str(tmp_path / "new/out"), "--policy", "strategy"]) == 0
    )
    (asked,) = exporter
    assert (asked.bucket, asked.policy, asked.run_dir) == ("Short", "strategy", Path("mine"))
    assert asked.since == asked.model.card.trained_until
    assert len(asked.bars) == 3_960 and asked.bars is asked.bars
    assert everything(tmp_path) == {"new", "new/out", "new/out/a.txt"}
    assert capsys.readouterr().out == f"Short exported to {tmp_path / 'new/out'}:\n  a.txt: to be read\n"


def test_a_model_in_no_run_takes_its_bars_from_a_file(exporter: list[Export], tmp_path: Path, capsys) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(Path("mine/models/Short/model.safetensors").read_bytes())
    assert main(["export", str(copy), "--to", "x", "--out", str(tmp_path / "o"), "--data", "bars.csv"]) == 0
    assert exporter[0].run_dir is None and exporter[0].since is None and len(exporter[0].bars) == 3_960
    assert main(["export", str(copy), "--to", "x", "--out", str(tmp_path / "p")]) == 0
    with pytest.raises(ModelError, match="outside of a run: give its bars with --data FILE"):
        _ = exporter[1].bars


def test_nothing_is_left_of_an_export_that_fails(
    exporter: list[Export], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    def fails(asked: Export) -> dict[str, str]:
        (asked.out / "half.txt").write_text("a")
        raise KeyboardInterrupt

    for function, status in ((fails, 130), (lambda _: 1 / 0, 2), (lambda _: {}, 2), (lambda _: {"gone": "x"}, 2)):
        monkeypatch.setattr(run_export, "named_object", lambda *_, each=function: each)
        assert main(["export", "mine/Short", "--to", "x", "--out", str(tmp_path / "out")]) == status
        assert everything(tmp_path) == set()
    assert "exporter 'x' failed: ZeroDivisionError" in capsys.readouterr().err


def test_nothing_of_the_user_is_written_over(exporter: list[Export], tmp_path: Path, capsys) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/own.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name in ("full", "file", "link", "/"):
        assert main(["export", "mine/Short", "--to", "x", "--out", str(tmp_path / name)]) == 2
        assert "is there already" in capsys.readouterr().err
    assert main(["export", "mine", "--bucket", "Short", "--to", "x", "--out", str(tmp_path / "empty")]) == 0
    assert everything(tmp_path) == {"full", "full/own.txt", "file", "empty", "empty/a.txt", "link"}


def test_a_place_that_cannot_be_written_is_named(exporter: list[Export], capsys) -> None:
    assert main(["export", "mine/Short", "--to", "x", "--out", "/proc/out"]) == 2
    assert "/proc/out: cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mine"], "which bucket? Name one of mine/Scalping, mine/Short, mine/Committee"),
        (["mine/Shor"], "no result of 'Shor'. Did you mean 'Short'?"),
        (["mine", "--bucket", "Shor"], "no result of 'Shor'. Did you mean 'Short'?"),
        (["mine/Short", "--bucket", "Scalping"], "mine/Short names bucket 'Short'; name one of the two"),
        (["nowhere/Short"], "no run 'nowhere' and no model 'nowhere/Short'; expected RUN/Bucket"),
        (["mine/Short", "--to", "quanstats"], "no exporter has this name. Did you mean 'quantstats'?"),
        (["mine/Short", "--since", "07/01"], 'expected a time like "2024-01-31"'),
        (["mine/Short", "--data", "nowhere.csv"], "nowhere.csv: cannot be read"),
        (["mine/Short", "--set", "FEE=0"], "export takes RUNS_DIR and, with --data FILE, MARKET"),
    ],
)
def test_what_is_wrong_is_one_line(words: list[str], said: str, tmp_path: Path, capsys) -> None:
    assert main(["export", "--to", "quantstats", "--out", str(tmp_path / "out"), *words]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line]
    assert len(errors) == 1 and said in errors[0]
    assert everything(tmp_path) == set()


def test_a_model_without_an_edge_is_warned_of(exporter: list[Export], tmp_path: Path, capsys) -> None:
    assert main(["export", "mine/Short", "--to", "x", "--out", str(tmp_path / "out")]) == 0
    assert "Short stays flat: no edge shown; --policy strategy" in capsys.readouterr().err


@pytest.mark.parametrize("bucket", ["Short", "Committee"])
def test_daily_returns_compound_to_the_trajectory(bucket: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["export", f"mine/{bucket}", "--to", "quantstats", "--out", str(out), "--policy", "strategy"]) == 0
    returns = pd.read_csv(out / "returns.csv", index_col="date", parse_dates=True)
    model = load_model(f"mine/models/{bucket}", policy="strategy")
    rows = model.trajectory("bars.csv", model.card.trained_until)
    assert np.prod(1 + returns["strategy"]) == pytest.approx(rows["equity"].iloc[-1], rel=1e-12)
    assert set(rows["position"]) >= {"short", "long"}
    hold = next(
        row for row in model.performance("bars.csv", model.card.trained_until) if row.strategy == "buy and hold"
    )
    assert np.log1p(returns["buy_and_hold"]).sum() == pytest.approx(hold.log_return, abs=1e-12)
    assert (returns.index.to_series().diff().dropna() == pd.Timedelta("1D")).all() and not returns.isna().any(axis=None)
