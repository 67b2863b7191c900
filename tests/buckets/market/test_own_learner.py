"""A bucket with a learner of its own, from the base classes of the market: it leaves only the learning to write."""

from functools import partial

import pytest
import torch

from progressive_training import BucketInfo, Knowledge, Model, ModelError, Resources, State, resolve
from progressive_training.market import WeightsBucket, WeightsLearner
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
        ("evaluator.cap", "high"),
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


def test_training_on_from_a_saved_model_cannot_better_its_verdict(learner: Momentum) -> None:
    model = learner.model()
    learner.load(Model(tensors=model.tensors, card={**model.card, "validation_t": -1.5}))
    assert learner.evaluator.t(learner.policy()) <= -1.5
    assert learner.evaluator.abstains(learner.policy())


def test_what_is_adopted_and_what_is_not_is_named(learner: Momentum) -> None:
    offered = Knowledge(origin="Other", weights={"slope": torch.ones(1), "bias": torch.ones(1)})
    adoption = learner.adopt(offered)
    assert (adoption.copied, adoption.new, adoption.dropped) == (("slope",), (), ("bias",))
    assert learner.weights["slope"].item() == 1.0
