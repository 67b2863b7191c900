"""`export --to onnx`: the same advantages without torch, and the same decisions bar for bar."""

import json
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from progressive_front.cli import main
from progressive_integrations.onnx import onnx_exporter
from progressive_training import ModelError, load_model

pytest.importorskip("onnx", reason="the extra [onnx] is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the extra [onnx] is not installed")


def exported(bucket: str, out: Path, *flags: str) -> Any:
    """The script that was written, as a module."""
    assert main(["export", f"mine/{bucket}", "--to", "onnx", "--out", str(out), *flags]) == 0
    spec = spec_from_file_location("decide", out / "decide.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("bucket", "policy", "taken"),
    [
        ("Short", "strategy", {"flat", "long", "short"}),
        ("Committee", "strategy", {"flat", "long", "short"}),
        ("Short", "verdict", {"flat"}),
    ],
)
def test_the_script_decides_as_the_model_bar_for_bar(
    bucket: str, policy: str, taken: set[str], tmp_path: Path, capsys
) -> None:
    script = exported(bucket, tmp_path / "out", "--policy", policy)
    rows = load_model(f"mine/models/{bucket}", policy=policy).trajectory("bars.csv")
    decided = script.actions(script.read("bars.csv"))
    assert decided.tolist() == rows["action"].tolist()
    assert set(decided) == taken
    told = re.search(r"it decided as the model on ([\d,]+) of ([\d,]+) bars", capsys.readouterr().out)
    assert told and told[1] == told[2]


@pytest.mark.parametrize(("bucket", "recall"), [("Short", 0.0), ("Short", 0.5), ("Committee", 0.5)])
def test_the_graph_gives_the_advantages_of_torch(bucket: str, recall: float) -> None:
    model = load_model(f"mine/models/{bucket}", policy="strategy")
    bars = model.read("bars.csv")
    market = model.market(bars)
    part = market.part(slice(len(bars) - 1_000, len(bars)))
    for each in [model] if bucket != "Committee" else [member.voter for member in model.members]:
        each.memory.weight = recall
        assert each.specialists, "these have specialists, which see regimes"
        each.specialists[1].weight = recall
    session = onnxruntime.InferenceSession(onnx_exporter.graph_of(model))
    given = {"features": part.features.numpy(), "regimes": part.regimes.numpy()}
    found = session.run(None, given)
    np.testing.assert_allclose(found[0], model.advantages(part).numpy(), rtol=1e-5, atol=1e-5)
    alone = session.run(None, {name: values[-1:] for name, values in given.items()})
    np.testing.assert_allclose(alone[0], found[0][-1:], rtol=1e-5, atol=1e-5)
    if bucket != "Committee":
        volatility, horizons = market.volatility[-1].numpy(), np.sqrt(model.card.horizons)
        expected = list(model.predictions(part, market).values())
        np.testing.assert_allclose(found[1][-1] * volatility * horizons, expected, atol=1e-6)


def test_a_model_that_trades_in_one_regime_does_so_in_the_script(tmp_path: Path, monkeypatch, capsys) -> None:
    model = load_model("mine/models/Short")
    model.card = evolve(model.card, trades="in regime 2")
    monkeypatch.setattr("progressive_front.export.run_export.load_model", lambda *_, **__: model)
    script = exported("Short", tmp_path / "out")
    decided = script.actions(script.read("bars.csv")).tolist()
    assert decided == model.trajectory("bars.csv")["action"].tolist()
    assert (
        set(decided) == {"flat", "long", "short"}
        and decided != model.strategy().trajectory("bars.csv")["action"].tolist()
    )


def test_a_file_that_the_script_cannot_read_is_one_line(tmp_path: Path) -> None:
    script = exported("Short", tmp_path / "out", "--policy", "strategy")
    bars = tmp_path / "bars.csv"
    for data, said in (
        (b"", "no time, open, high, low, close, volume, mood; expected rows"),
        (
            b"timestamp,open,high,low,close,volume,mood\n1,1,1,1,1,1,1\n",
            "no time; expected rows with the columns time, open",
        ),
        (b"time,open,high,low,close,volume,mood\n2025-01-01,a,1,1,1,1,1\n", "could not convert string to float: 'a'"),
        (b"time,open\n\x80,1\n", "codec can't decode"),
    ):
        bars.write_bytes(data)
        with pytest.raises(SystemExit, match=f"{bars}: cannot be read as a CSV file of bars: .*{re.escape(said)}"):
            script.read(str(bars))


def test_the_script_needs_no_torch(tmp_path: Path) -> None:
    exported("Short", tmp_path / "out", "--policy", "strategy")
    code = "import runpy, sys; sys.modules.update(torch=None, pandas=None, progressive_training=None); runpy.run_path('decide.py', run_name='__main__')"
    for flags, said in (([], "to be executed at the open of the next bar"), (["--all"], "time,action")):
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                code.replace(
                    "import runpy, sys;",
                    f"import runpy, sys; sys.argv = {['decide.py', str(Path('bars.csv').absolute()), *flags]};",
                ),
            ],
            cwd=tmp_path / "out",
            capture_output=True,
            text=True,
            check=True,
        )
        assert said in done.stdout and done.stderr == ""
    model = load_model("mine/models/Short", policy="strategy")
    answer = model("bars.csv", "flat")
    recipe = json.loads((tmp_path / "out/recipe.json").read_text())
    assert recipe["history"] == model.history and answer.time is not None


def test_a_graph_that_says_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(onnx_exporter, "SAME", 1e-12)
    assert main(["export", "mine/Short", "--to", "onnx", "--out", str(tmp_path / "out")]) == 2
    assert "expected 1e-12 at most" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_another_model_is_refused_in_one_line() -> None:
    with pytest.raises(
        ModelError, match="object: no ONNX of such a model: its policy is a function of its bucket's own"
    ):
        onnx_exporter.graph_of(object())


def test_without_the_extra_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    monkeypatch.setattr(onnx_exporter, "find_spec", lambda name: None)
    assert main(["export", "mine/Short", "--to", "onnx", "--out", str(tmp_path / "out")]) == 2
    assert "pip install 'progressive-training[onnx]'" in capsys.readouterr().err
