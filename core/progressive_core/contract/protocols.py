"""What a bucket and its learner must be able to do: the work that the core calls directly."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from progressive_core.contract.records import (
    Adoption,
    BucketInfo,
    EpisodeReport,
    Evaluation,
    Knowledge,
    Model,
    Resources,
    State,
)


class Learner(Protocol):
    """One bucket's data, model and training state. All randomness comes from `BucketInfo.seed`."""

    def run_episode(self) -> EpisodeReport:
        """Train for one episode and measure the result on validation data."""

    def validate(self) -> float:
        """Score of the current weights on validation data, higher is better. Changes nothing, draws no randomness."""

    def validation_error(self) -> float:
        """Standard error of `validate()`, in its units; NaN where it is not known. Changes nothing, draws no randomness."""

    def training_t(self) -> float:
        """By how many of its standard errors the score of the current weights exceeds 0 on the data that is trained on; NaN
        where it is not known. Changes nothing, draws no randomness."""

    def knowledge(self) -> Knowledge:
        """What this learner knows now; the tensors are copies."""

    def adopt(self, knowledge: Knowledge) -> Adoption:
        """Take over what fits by name and shape, and say what did."""

    def snapshot(self) -> State:
        """Everything needed to go on from here, as copies."""

    def restore(self, state: State) -> None:
        """Go on from a snapshot; the future is then the same to the bit (one device, one thread count)."""

    def keep_best(self) -> None:
        """Return to the weights with the best validation score seen."""

    def evaluate(self) -> Evaluation:
        """Measure the current weights and their baselines on validation and test data."""

    def model(self) -> Model:
        """The current weights with all that is needed to use them without a trainer."""

    def load(self, model: Model) -> None:
        """Continue from a saved model."""

    def close(self) -> None:
        """Release memory; the learner is not used afterwards."""


@runtime_checkable
class Bucket(Protocol):
    """A time scale to trade on. `horizons` are the prediction horizons in bars, ascending."""

    name: str
    horizons: tuple[int, ...]

    def memory_needed(self, bucket: BucketInfo, resources: Resources) -> int:
        """Estimate the bytes that training will hold at these sizes."""

    def check(self, bucket: BucketInfo, resources: Resources) -> None:
        """Look at the data before anything of the sequence is trained, so that a run that cannot end never begins.

        :raise DataError: the bars cannot be used.
        """

    def open(self, bucket: BucketInfo, resources: Resources) -> Learner:
        """Load the data and build the learner.

        :raise DataError: the bars cannot be used.
        """
