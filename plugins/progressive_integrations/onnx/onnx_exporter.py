"""Writes the graph, the recipe and the script, once they have decided on bars as the model does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from progressive_integrations.onnx.market_recipe import COMPUTED, recipe_of
from progressive_integrations.onnx.onnx_graph import graph_of
from progressive_training import ModelError, PluginError

if TYPE_CHECKING:
    from progressive_training import Export
    from progressive_training.market import Market

MODEL, RECIPE, SCRIPT = "model.onnx", "recipe.json", "decide.py"
BARS = 1_000
"""On which the graph must say what the model says, the newest ones."""
SAME = 1e-5
"""Difference of two advantages that counts as none, in units; of those above 1 as a share."""

TIES = 1e-3
"""Share of the bars on which the script may decide otherwise: where two actions are worth the same but for rounding, one is held a while."""


def export(asked: Export) -> Mapping[str, str]:
    """Write them.

    :raise PluginError: the extra is not installed. :raise ModelError: the model is no such graph, or the graph says something else.
    """
    if missing := [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]:
        raise PluginError(f"export --to onnx needs {' and '.join(missing)}: pip install 'progressive-training[onnx]'")
    model = asked.model
    graph = graph_of(model)
    market = model.market(asked.bars)
    (asked.out / MODEL).write_bytes(graph)
    recipe = recipe_of(model, market, bool(getattr(model, "tensors", None)))
    (asked.out / RECIPE).write_text(json.dumps(recipe, indent=1) + "\n", "utf-8")
    (asked.out / SCRIPT).write_text(Path(__file__).with_name("standalone_decisions.py").read_text("utf-8"), "utf-8")
    count, apart = _check_graph(asked, market)
    decided = _check_script(asked, market)
    return {
        MODEL: f"features to advantages, {len(graph) / 1e6:.1f} MB; on {count:,} bars {apart:.0e} apart from the model",
        RECIPE: "how features are made of bars, the costs in the model's units, and where it trades",
        SCRIPT: f"`pip install numpy onnxruntime`, then `python {SCRIPT} bars.csv` decides on the newest bar; {decided}",
    }


def _check_graph(asked: Export, market: Market) -> tuple[int, float]:
    """On how many bars graph and model were compared, and how far they are apart.

    :raise ModelError: they differ.
    """
    import onnxruntime

    part = market.part(slice(max(0, len(market.times) - BARS), len(market.times)))
    expected = asked.model.advantages(part)
    session = onnxruntime.InferenceSession(asked.out / MODEL, providers=["CPUExecutionProvider"])
    given = {"features": part.features.numpy()}
    if "regimes" in {each.name for each in session.get_inputs()}:
        assert part.regimes is not None
        given["regimes"] = part.regimes.numpy()
    found = torch.from_numpy(session.run(["advantages"], given)[0])
    apart = float(((found - expected).abs() / expected.abs().clamp(min=1.0)).max())
    if not apart <= SAME:
        raise ModelError(
            f"{asked.bucket}: its ONNX graph gives advantages {apart:.1e} apart from the model's on {len(part):,} bars, expected "
            f"{SAME:.0e} at most; use it by load_model, and report this"
        )
    return len(part), apart


def _check_script(asked: Export, market: Market) -> str:
    """On how many bars the script decides as the model does, in words.

    :raise ModelError: on too many of them it does not.
    """
    name = None if asked.model.card.regimes is None else asked.model.card.regimes.name
    spec = spec_from_file_location("exported_decisions", asked.out / SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script: Any = module_from_spec(spec)
    spec.loader.exec_module(script)
    bars = asked.bars
    columns = {
        each: np.asarray(getattr(bars, each)) for each in ("time", "open", "high", "low", "close", "volume", "segment")
    }
    columns["absent"] = np.zeros(len(bars), dtype=bool) if bars.absent is None else bars.absent
    of_plugins = {column for plugin in market.feature_plugins for column in plugin.columns}
    if of_plugins:
        return "it takes " + ", ".join(sorted(of_plugins)) + " as columns of the file"
    columns |= bars.extra
    known = None if name is None or name in COMPUTED else market.regimes.numpy()  # type: ignore[union-attr]
    rows = asked.model.trajectory(bars, asked.since)
    decided = script.actions(columns, len(bars) - len(rows), known_regimes=known)
    different = int(np.count_nonzero(decided != rows["action"].to_numpy()))
    if different > TIES * len(rows):
        raise ModelError(
            f"{asked.bucket}: the script decides otherwise than the model on {different:,} of {len(rows):,} bars; use it by load_model, "
            f"and report this"
        )
    return f"it decided as the model on {len(rows) - different:,} of {len(rows):,} bars"
