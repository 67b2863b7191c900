"""A model or checkpoint from a stranger is held against what it should be before anything of it is used."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from attrs import evolve
from safetensors.torch import save_file

from progressive_buckets.learner.learner import MarketLearner
from progressive_market.bars import Bars
from progressive_training import Model, ModelError, State, load_model

HUGE = 10**400


@pytest.fixture
def learner(open_learner) -> MarketLearner:
    learner: MarketLearner = open_learner()
    learner.run_episode()
    return learner


def with_key(card: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """A copy of the card with `value` at `a.b`."""
    outer, _, inner = key.partition(".")
    return {**card, outer: {**card[outer], inner: value} if inner else value}


WRONG_IN_CARD = [
    ("width", 10**9),
    ("width", HUGE),
    ("members", 0),
    ("members", 10**9),
    ("horizons", [0]),
    ("horizons", [6, 6]),
    ("horizons", list(range(1, 100_000))),
    ("features", ["log_return"]),
    ("features", ["x"] * 5),
    ("scales", [1, 2, 3, 4, 5]),
    ("costs.side", 0.7),
    ("costs.side", -0.1),
    ("costs.capital", 0),
    ("unit", float("nan")),
    ("unit", float("inf")),
    ("unit", HUGE),
    ("unit", 0.0),
    ("recall_weight", 2.0),
    ("reluctance", -1.0),
    ("holding", -1.0),
    ("interval_seconds", 0),
    ("scaler.deviation", [0.0] * 25),
    ("scaler.mean", [float("inf")] * 25),
    ("scaler.mean", []),
    ("importance.agreement", float("nan")),
    ("importance.screened", {"volume": 1e300}),
    ("importance.screened", 5),
    ("trades", 1),
    ("trades", "always"),
    ("verdict", None),
    ("format", HUGE),
]


def test_a_card_out_of_range_is_refused_before_anything_is_made_of_it(learner: MarketLearner, tmp_path: Path) -> None:
    model = learner.model()
    for key, wrong in WRONG_IN_CARD:
        card = with_key(model.card, key, wrong)
        (tmp_path / "model.safetensors").unlink(missing_ok=True)
        save_file(dict(model.tensors), tmp_path / "model.safetensors", metadata={"card": json.dumps(card)})
        with pytest.raises(ModelError, match=r"^[^\n]*model\.safetensors[^\n]*$"):
            load_model(tmp_path)
        if wrong is not HUGE:
            with pytest.raises(ModelError, match="^Swing"):
                learner.load(evolve(model, card=card))


def test_more_situations_than_a_memory_holds_are_refused(learner: MarketLearner) -> None:
    model = learner.model()
    columns = model.tensors["memory.rows"].shape[1]
    many = {"memory.rows": torch.zeros(3000, columns), "memory.followed": torch.zeros(3000, 2)}
    with pytest.raises(ModelError, match="3000 situations"):
        learner.load(evolve(model, tensors={**model.tensors, **many}))


@pytest.mark.parametrize("name", ["gates.weight", "memory.rows", "baseline.ridge"])
def test_tensors_of_another_type_are_refused(learner: MarketLearner, name: str) -> None:
    model = learner.model()
    with pytest.raises(ModelError, match=name):
        learner.load(evolve(model, tensors={**model.tensors, name: model.tensors[name].to(torch.complex64)}))


def test_a_link_out_of_a_models_directory_is_followed_only_when_it_is_named(
    learner: MarketLearner, tmp_path: Path
) -> None:
    model = learner.model()
    aside, folder = tmp_path / "aside.safetensors", tmp_path / "Swing"
    save_file(dict(model.tensors), aside, metadata={"card": json.dumps(model.card)})
    folder.mkdir()
    (folder / "model.safetensors").symlink_to(aside)
    with pytest.raises(ModelError, match="a link out of it"):
        load_model(folder)
    assert load_model(folder / "model.safetensors").card.bucket == "Swing"


WRONG_IN_STATE: list[tuple[str, Any]] = [
    ("progress.episode", -1),
    ("progress.episode", "1"),
    ("progress.episode", HUGE),
    ("progress.best_score", "high"),
    ("progress.best_score", None),
    ("progress.best", torch.zeros(3, dtype=torch.int8)),
    ("progress.adopted", None),
    ("progress.generator", torch.zeros(5056, dtype=torch.uint8)),
    ("progress.generator", torch.zeros(7, dtype=torch.uint8)),
    ("critic.online", torch.zeros(3)),
    ("critic.adam.mean", None),
    ("critic.adam.steps", 1.5),
    ("replay.bars", torch.zeros(10**5, dtype=torch.int64)),
    ("replay.priorities", torch.zeros(1)),
    ("replay.cursor", 4000),
    ("exploration.seen", torch.zeros(8)),
    ("memory.followed", torch.zeros(2, 2)),
    ("memory.weight", float("nan")),
    ("evaluator.score", torch.zeros(2)),
    ("evaluator.cap", HUGE),
    ("evaluator.choices", HUGE),
    ("shared.importance", {"volume": "much"}),
    ("shared.horizons", {"-1": 0.5}),
    ("shared.horizons", 5.7),
]


def test_a_checkpoint_that_does_not_fit_is_refused_by_key_and_changes_nothing(learner: MarketLearner) -> None:
    state = learner.snapshot()
    for key, wrong in WRONG_IN_STATE:
        tensors, values = dict(state.tensors), dict(state.values)
        changed = tensors if key in tensors else values
        changed[key] = wrong
        if wrong is None:
            del changed[key]
        with pytest.raises(ModelError, match=rf"^Swing: the checkpoint does not fit this run \({key} "):
            learner.restore(State(tensors=tensors, values=values))
    for name in ("replay.bars", "memory.bars"):
        for bar in (-1, len(learner.market.returns)):
            wild = torch.full_like(state.tensors[name], bar)
            with pytest.raises(ModelError, match=name):
                learner.restore(State(tensors={**state.tensors, name: wild}, values=state.values))
    after = learner.snapshot()
    assert all(torch.equal(after.tensors[name], tensor) for name, tensor in state.tensors.items())
    assert after.values == state.values


def test_a_model_without_its_own_edge_is_refused(learner: MarketLearner) -> None:
    model: Model = learner.model()
    for wrong in ("x", float("nan"), HUGE):
        with pytest.raises(ModelError, match="validation_t"):
            learner.load(evolve(model, card={**model.card, "validation_t": wrong}))
    without = {key: value for key, value in model.card.items() if key != "validation_t"}
    with pytest.raises(ModelError, match="validation_t"):
        learner.load(evolve(model, card=without))


def test_a_model_of_an_earlier_version_is_refused_by_name(learner: MarketLearner, tmp_path: Path) -> None:
    model: Model = learner.model()
    card = {**model.card, "format": 1, "abstains": False}
    save_file(dict(model.tensors), tmp_path / "model.safetensors", metadata={"card": json.dumps(card)})
    with pytest.raises(ModelError, match=r"^.*model.safetensors: made by an earlier version .*; train again$"):
        load_model(tmp_path)
    with pytest.raises(ModelError, match=r"^Swing model: made by an earlier version .*; train again$"):
        learner.load(evolve(model, card=card))


def test_weights_that_overflow_give_no_decision(learner: MarketLearner, bars: Bars, tmp_path: Path) -> None:
    model = learner.model()
    wild = {**model.tensors, "value.linear": torch.full_like(model.tensors["value.linear"], 3e38)}
    save_file(wild, tmp_path / "model.safetensors", metadata={"card": json.dumps(model.card)})
    prices = {name: getattr(bars, name)[-300:] for name in ("open", "high", "low", "close", "volume")}
    frame = pd.DataFrame({"time": pd.to_datetime(bars.time[-300:], utc=True), **prices})
    with pytest.raises(ModelError, match="its weights give no numbers"):
        load_model(tmp_path)(frame, "flat")


class Planted:
    """What unpickling would do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_is_no_model(tmp_path: Path) -> None:
    torch.save({"weight": Planted(tmp_path / "owned")}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="not a file that this program wrote"):
        load_model(tmp_path)
    assert not (tmp_path / "owned").exists()
