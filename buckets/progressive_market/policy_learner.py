"""What every learner on a market does alike, whatever it learns: measure its policy, and save and restore its parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from progressive_market.judging.later_bars import later_part
from progressive_market.learner_state import Stateful, load_parts, snapshot_of

if TYPE_CHECKING:
    from progressive_market.judging.evaluator import MarketEvaluator, Policy
    from progressive_training import BucketInfo, State


class PolicyLearner(ABC):
    """The methods of a `Learner` that follow from its `policy()` and `parts()`. A subclass sets `info` and `evaluator`."""

    info: BucketInfo
    evaluator: MarketEvaluator

    @abstractmethod
    def policy(self) -> Policy:
        """What the current weights would do on any part of the market; later training does not change it."""

    @abstractmethod
    def parts(self) -> dict[str, Stateful]:
        """The parts that training changes, by name; the evaluator is one of them."""

    def acting(self) -> Policy:
        """The policy that is measured."""
        return self.policy()

    def validate(self) -> float:
        """Net log return of the policy over the scored validation bars; minus infinity where the weights are no numbers."""
        return self.evaluator.validate(self.acting())

    def validation_blocks(self) -> tuple[float, ...]:
        """Sums of the policy's growth over blocks; empty where the weights are no numbers, or hold one side for good."""
        return self.evaluator.validation_blocks(self.acting())

    def validate_after(self, moment: str) -> tuple[float, tuple[float, ...]] | None:
        """The score and its blocks on the validation bars from `moment` (an ISO time) on; None where these are fewer than a
        validation part of its own would need."""
        judge = self.evaluator
        part = later_part(judge.validation, moment, self.info.horizons[-1])
        if part is None:
            return None
        return judge.validate(self.acting(), part), judge.validation_blocks(self.acting(), part)

    def own_t(self) -> float:
        """t of what is kept on validation bars that did not choose it; NaN where no choice was ever considered."""
        return self.evaluator.validation_t(self.acting())

    def snapshot(self) -> State:
        """The states of all parts, as copies."""
        return snapshot_of(self.parts())

    def restore(self, state: State) -> None:
        """Return to a snapshot; training then goes on as it did from there, to the bit.

        :raise ModelError: it does not fit; the learner is then as it was.
        """
        load_parts(self.parts(), state, self.info.name)

    def close(self) -> None:
        """Release the market and all parts."""
        for name in tuple(vars(self)):
            setattr(self, name, None)
