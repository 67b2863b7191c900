"""What a bucket and its learner must be able to do: the work that the core calls directly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from progressive_core.contract.evaluation import Evaluation
from progressive_core.contract.records import Adoption, BucketInfo, EpisodeReport, Knowledge, Model, Resources, State

if TYPE_CHECKING:
    from progressive_core.contract.records import LedgerEntry

Policy = Callable[[Any], Any]
"""What a learner would do on any part of its data, as it was when the policy was taken: later training does not change it.
What a part and an answer are is between the learner and its evaluator; the market's are in `progressive_market.judging.evaluator`."""


class Evaluator(Protocol):
    """Judges a learner's policies. It alone reads the test part, and it alone makes an `Evaluation`."""

    def consider(self, policy: Policy) -> float:
        """Record a choice that validation could decide, and return its validation score; NaN where it has none.

        What is never recorded cannot be discounted: a verdict may then rest on the test part alone.
        """

    def evaluate(self, policy: Policy) -> Evaluation:
        """Measure a policy and the baselines on validation and test data, and judge it by all that was considered."""

    def state_dict(self) -> dict[str, Any]:
        """What was considered, as tensors and JSON values by name, for the learner's snapshot."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a state of `state_dict()`.

        :raise ValueError: it does not fit; nothing is then changed.
        """


class Learner(Protocol):
    """One bucket's data, model and training state. All randomness comes from `BucketInfo.seed`.

    The learner hands its `evaluator` every choice that validation could decide: after each episode, after an adoption, after
    loading a model.
    """

    @property
    def evaluator(self) -> Evaluator:
        """What judges this learner."""

    def run_episode(self) -> EpisodeReport:
        """Train for one episode and measure the result on validation data."""

    def validate(self) -> float:
        """Score of the current weights on validation data, higher is better. Changes nothing, draws no randomness."""

    def validation_blocks(self) -> tuple[float, ...]:
        """`validate()` as sums over blocks of the validation data, in time order and always the same ones, by which its error
        and gains are judged; empty where they say nothing of that. Changes nothing, draws no randomness."""

    def knowledge(self) -> Knowledge:
        """What this learner knows now; the tensors are copies."""

    def adopt(self, knowledge: Knowledge) -> Adoption:
        """Take over what fits by name and shape, and say what did."""

    def snapshot(self) -> State:
        """Everything needed to go on from here, as copies."""

    def restore(self, state: State) -> None:
        """Go on from a snapshot; the future is then the same to the bit (one device, one thread count)."""

    def keep_best(self) -> Sequence[LedgerEntry] | None:
        """Return to the weights with the best validation score seen, or to what was chosen in their place.

        :return: what was chosen then between strategies of its own, each as an entry of phase "choice"; None or empty for nothing.
        """

    def policy(self) -> Policy:
        """What the current weights would do on any part of the data; later training does not change it."""

    def model(self) -> Model:
        """The current weights with all that is needed to use them without a trainer."""

    def load(self, model: Model) -> None:
        """Continue from a saved model."""

    def close(self) -> None:
        """Release memory; the learner is not used afterwards."""


@runtime_checkable
class DatedLearner(Protocol):
    """A learner whose validation data have dates. What only such a one can be taught by: models that learned on other bars."""

    def validate_after(self, moment: str) -> tuple[float, tuple[float, ...]] | None:
        """`validate()` and `validation_blocks()` on the validation data from `moment` (an ISO time) on alone; None where these
        are too few to judge by. Changes nothing, draws no randomness."""


@runtime_checkable
class Bucket(Protocol):
    """A time scale to trade on. `horizons` are the prediction horizons in bars, ascending.

    Optional: `trains`, False for one that makes its model of finished ones and learns nothing itself. It has one episode, teaches nobody
    and is taught by nobody, finding an order leaves it behind the others, and its verdict is made at its end.
    """

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


def trains(bucket: Bucket) -> bool:
    """Whether a bucket learns something itself, and so takes part in transfers."""
    return bool(getattr(bucket, "trains", True))
