"""A bucket with a learner of its own, from the base classes of the market: it leaves only the learning to write."""

from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch
from attrs import evolve

from progressive_app.store.tensors import write_tensors
from progressive_market.judging.excerpt import half_of
from progressive_training import BucketInfo, Knowledge, Model, ModelError, Resources, State, resolve
from progressive_training.market import WeightsBucket, WeightsLearner, synthetic_bars
from progressive_training.testing import check_bucket


class Momentum(WeightsLearner):
    """Long or short with one feature, as its one weight says, which a random walk changes."""

    def start(self):
        generator = torch.Generator().manual_seed(self.info.seed)
        return {"slope": torch.zeros(1)}, {"generator": generator.get_state()}

    @staticmethod
    def policy_from(weights, market):
        return partial(positions, weights["slope"])

    def train(self):
        generator = torch.Generator()
        generator.set_state(self.state["generator"])
        self.weights["slope"] = self.weights["slope"] + torch.randn(1, generator=generator)
        self.state["generator"] = generator.get_state()
        return self.split.train.stop, 0.0


def positions(slope, part):
    return torch.sign(part.features[:, 0] * slope).double() * part.decidable


bucket = WeightsBucket(name="Momentum", horizons=(1, 6), learner=Momentum)


@pytest.fixture(scope="module")
def learner(tmp_path_factory: pytest.TempPathFactory) -> Momentum:
    settings = resolve(None, {"SYNTHETIC_BARS": 4000, "DEVICE": "cpu"})
    info = BucketInfo(
        name="Momentum",
        horizons=(1, 6),
        sequence=("Momentum",),
        episodes=2,
        seed=3,
        run_dir=tmp_path_factory.mktemp("run"),
        settings=settings,
    )
    learner = bucket.open(info, Resources(device="cpu", parallel_episodes=4, batch_size=32))
    learner.run_episode()
    return learner


def test_it_is_a_whole_bucket() -> None:
    check_bucket(bucket)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learner.weights.slope", None),
        ("learner.state.generator", torch.zeros(3)),
        ("learner.best.slope", torch.zeros(2)),
        ("evaluator.positions", torch.full((2, 1), 5, dtype=torch.int8)),
        ("learner.episode", "two"),
        ("evaluator.choices", "many"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_and_changes_nothing(learner: Momentum, name, value) -> None:
    before, state = learner.validate(), learner.snapshot()
    tensors, values = dict(state.tensors), dict(state.values)
    (tensors if name in tensors else values)[name] = value
    with pytest.raises(ModelError, match=r"^Momentum: the checkpoint does not fit this run [(](learner|evaluator)"):
        learner.restore(State(tensors=tensors, values=values))
    assert learner.validate() == before
    assert learner.episode == 1


def test_a_damaged_model_is_refused(learner: Momentum) -> None:
    model = learner.model()
    for tensors, card in (
        ({}, model.card),
        ({"slope": torch.zeros(2)}, model.card),
        (model.tensors, {**model.card, "validation_t": "high"}),
        (model.tensors, {**model.card, "features": ["volume"]}),
    ):
        with pytest.raises(ModelError, match="^Momentum: the saved model"):
            learner.load(Model(tensors=tensors, card=card))


def test_a_trial_of_it_is_measured_on_the_very_bars_of_both_halves(learner: Momentum, tmp_path: Path) -> None:
    settings = resolve(None, {"SYNTHETIC_BARS": 4000, "DEVICE": "cpu", "EVIDENCE": "half", "FEE": 0.0})
    info = evolve(learner.info, horizons=(1, 60), settings=settings)
    trial = bucket.open(info, Resources(device="cpu", parallel_episodes=4, batch_size=32))
    trial.run_episode()
    model, folds = trial.model(), bucket.plan_trials(settings, {"Momentum": (1, 60)}, None)
    write_tensors(tmp_path / "model.safetensors", model.tensors, {**model.card, "bucket": "Momentum"})
    found = bucket.halves([bucket.load_model(tmp_path)], folds, settings)
    held_back = half_of(trial.market.part(trial.split.validation), held_back=True)
    assert sum(found.choosing) == pytest.approx(model.card["validation_score"], abs=1e-12)
    assert sum(found.held_back) == pytest.approx(trial.evaluator.validate(trial.policy(), held_back), abs=1e-12)
    assert found.choosing != found.held_back


def test_training_on_from_a_saved_model_cannot_better_its_verdict(learner: Momentum) -> None:
    model = learner.model()
    learner.load(Model(tensors=model.tensors, card={**model.card, "validation_t": -1.5}))
    assert learner.evaluator.validation_t(learner.policy()) == -1.5
    learner.run_episode()
    assert learner.evaluator.validation_t(learner.policy()) <= -1.5
    assert learner.evaluator.evaluate(learner.policy()).trades == "nowhere"


def test_a_model_of_an_earlier_version_is_refused_by_name(learner: Momentum, tmp_path: Path) -> None:
    model = learner.model()
    card = {**model.card, "abstains": False, "bucket": "Momentum"}
    del card["trades"], card["verdict"]
    write_tensors(tmp_path / "model.safetensors", model.tensors, card)
    with pytest.raises(ModelError, match=r"^.*model.safetensors: made by an earlier version .*; train again$"):
        bucket.load_model(tmp_path)
    with pytest.raises(ModelError, match="^Momentum model: made by an earlier version .*; train again$"):
        learner.load(Model(tensors=model.tensors, card=card))


def test_what_is_adopted_and_what_is_not_is_named(learner: Momentum) -> None:
    offered = Knowledge(origin="Other", weights={"slope": torch.ones(1), "bias": torch.ones(1)})
    adoption = learner.adopt(offered)
    assert (adoption.copied, adoption.new, adoption.dropped) == (("slope",), (), ("bias",))
    assert learner.weights["slope"].item() == 1.0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda tensors, card: tensors.pop("baseline.ridge"), "baseline.ridge is missing"),
        (lambda tensors, card: tensors.update(slope=torch.full((1,), torch.nan)), "slope holds what is no number"),
        (lambda tensors, card: tensors.pop("slope"), "it cannot be used .KeyError"),
        (lambda tensors, card: card.pop("costs"), "its card is damaged .costs is missing"),
        (lambda tensors, card: card.update(scales=[1]), "its card is damaged .scales out of range"),
        (lambda tensors, card: card.pop("trained_until"), "its card is damaged .trained_until is missing"),
        *(
            (
                lambda tensors, card, time=time: card.update(data_until=time),
                "its card is damaged .its times out of range",
            )
            for time in ("soon", "", "2999-01-01T00:00:00Z", "2199-01-01T00:00:00", "1999-01-01T00:00:00Z")
        ),
        (
            lambda tensors, card: card.update(interval_seconds=60.0, source_seconds=60.0),
            "trained on bars of 60 seconds, got bars of 3600",
        ),
    ],
)
def test_a_damaged_file_of_a_model_is_refused_in_one_line(learner: Momentum, tmp_path: Path, change, why: str) -> None:
    model = learner.model()
    tensors, card = dict(model.tensors), {**model.card, "bucket": "Momentum"}
    write_tensors(tmp_path / "model.safetensors", tensors, card)
    assert bucket.load_model(tmp_path).strategy().performance(synthetic_bars(300, seed=1))[0].strategy == "Momentum"
    change(tensors, card)
    write_tensors(tmp_path / "model.safetensors", tensors, card)
    with pytest.raises(ModelError, match=why):
        bucket.load_model(tmp_path).strategy().performance(synthetic_bars(300, seed=1))


def test_a_saved_model_takes_the_position_of_its_weights(learner: Momentum, tmp_path: Path) -> None:
    model, bars = learner.model(), synthetic_bars(300, seed=1)
    rose = bars.close[-1] > bars.close[-2]
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    frame = pd.DataFrame({"time": pd.to_datetime(bars.time), **prices})
    for slope, trades, expected in (
        (1.0, "everywhere", "long"),
        (-1.0, "everywhere", "short"),
        (1.0, "nowhere", "flat"),
    ):
        tensors, card = {**model.tensors, "slope": torch.tensor([slope])}, {**model.card, "trades": trades}
        write_tensors(tmp_path / "model.safetensors", tensors, {**card, "bucket": "Momentum"})
        opposite = {"long": "short", "short": "long", "flat": "flat"}
        answer = bucket.load_model(tmp_path)(frame)
        assert answer.action == (expected if rose else opposite[expected])
        assert str(answer.reason).startswith("not judged yet" if trades == "nowhere" else "None")
        overruled = bucket.load_model(tmp_path).strategy()(frame)
        assert overruled.action != "flat"
        assert overruled.reason == answer.reason
