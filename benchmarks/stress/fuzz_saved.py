"""Saved models and checkpoints, as a stranger might have written them: cards, tensors and bytes that are nearly right."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from fuzz_inputs import changed_bytes, changed_tree
from fuzz_targets import Target
from fuzz_watch import Broken, Watch
from hypothesis import strategies as st
from safetensors.torch import save

from progressive_app.config.resolve import defaults
from progressive_app.json_values import json_values
from progressive_buckets.learner.learner import MarketLearner
from progressive_buckets.learner.opening import learner_on
from progressive_market.bars import synthetic_bars
from progressive_training import BucketInfo, MarketBucket, Resources, State, load_model, read_tensors

Tensors = Mapping[str, torch.Tensor]
SMALL = {"UPDATES_PER_EPISODE": 2, "EPISODE_BARS": 16, "REPLAY_CAPACITY": 600}
TYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool)


def saved_targets(watch: Watch) -> list[Target]:
    """What `load_model` and a learner's `restore` are fed."""
    torch.set_num_threads(1)
    learner = _learner()
    learner.run_episode()
    model, state, bars = learner.model(), learner.snapshot(), synthetic_bars(300, seed=3)
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    frame = pd.DataFrame({"time": pd.to_datetime(bars.time, utc=True), **prices})
    file, checkpoint = watch.inside / "model.safetensors", watch.inside / "checkpoint.safetensors"

    def load(content: bytes) -> None:
        file.unlink(missing_ok=True)
        file.write_bytes(content)
        decision = load_model(watch.inside)(frame, "flat")
        if not all(map(math.isfinite, (*decision.values.values(), *decision.predictions.values()))):
            raise Broken("a decision that holds no numbers")

    def go_on(content: bytes) -> None:
        learner.restore(state)
        checkpoint.unlink(missing_ok=True)
        checkpoint.write_bytes(content)
        tensors, values = read_tensors(checkpoint)
        learner.restore(State(tensors=tensors, values=values))
        learner.run_episode()
        learner.knowledge()

    cards, values = json_values(model.card), json_values(state.values)
    return [
        _target("models", model.tensors, cards, load, r"model\.safetensors|\w+ model:", 2500),
        _target("checkpoints", state.tensors, values, go_on, "checkpoint", 1000),
    ]


def _learner() -> MarketLearner:
    bucket = MarketBucket(name="Swing", horizons=(1, 6), width=8)
    info = BucketInfo(
        name="Swing",
        horizons=bucket.horizons,
        sequence=("Swing",),
        episodes=9,
        seed=1,
        run_dir=Path(),
        settings={**defaults(), **SMALL},
    )
    return learner_on(
        synthetic_bars(2500, 1), bucket, info, Resources(device="cpu", parallel_episodes=4, batch_size=16)
    )


def _target(name: str, tensors: Tensors, card: Any, feed: Any, place: str, count: int) -> Target:
    whole = _file(tensors, card)
    inputs = st.one_of(
        changed_tree([card]).map(lambda changed: _file(tensors, changed)),
        changed_tensors(tensors).map(lambda changed: _file(changed, card)),
        changed_bytes([whole]),
    )
    return Target(name, inputs, feed, place, count, [whole])


def _file(tensors: Tensors, card: Any) -> bytes:
    return save(dict(tensors), metadata={"card": json.dumps(card)})


@st.composite
def changed_tensors(draw: st.DrawFn, tensors: Tensors) -> Tensors:
    """The tensors, one or two of them of another shape, type or content, renamed or left out."""
    changed = dict(tensors)
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(sorted(changed)))
        tensor = changed.pop(name)
        what = draw(st.integers(0, 6))
        if what == 0:
            continue
        if what == 1:
            name = draw(st.sampled_from(["../x", "", "x", name.upper()]))
        elif what == 2:
            tensor = tensor.to(draw(st.sampled_from(TYPES)))
        elif what == 3:
            tensor = tensor.reshape(-1)[: draw(st.integers(0, tensor.numel()))].clone()
        elif what == 4 and tensor.numel() and tensor.dtype != torch.bool:
            told = draw(st.sampled_from([0.0, -1.0, 1e30, math.inf, math.nan]))
            tensor = tensor.clone()
            tensor.view(-1)[draw(st.integers(0, tensor.numel() - 1))] = told if tensor.is_floating_point() else 250
        elif what == 5:
            tensor = torch.cat([tensor, tensor]) if tensor.dim() else tensor
        else:
            tensor = tensor.unsqueeze(0)
        changed[name] = tensor.contiguous()
    return changed
