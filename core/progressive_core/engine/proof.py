"""The proof of a source: the score of its weights in the target's place, before any strategy is asked to pass them on."""

from __future__ import annotations

from functools import partial

import structlog

from progressive_core.contract.machine import Machine
from progressive_core.contract.protocols import DatedLearner, Learner
from progressive_core.contract.records import Knowledge, Proof
from progressive_core.engine.gain import standard_error
from progressive_core.engine.out_of_memory import Shortage, attempt
from progressive_core.plugins.copies import device_of, own_knowledge

log = structlog.get_logger("progressive_training")


def prove(machine: Machine, learner: Learner, source: Knowledge, target: Knowledge, before: float) -> Proof | None:
    """Score the weights of `source` zero-shot on the validation data of `learner`, which is then put back to the bit.

    Only weights are tried: they are what acts. Feature importances and horizon skills change how one learns on.

    A source that learned on other bars is tried on those alone that it cannot have seen.

    :param target: what the learner knows. :param before: its validation score.
    :return: None where no weight fits, or where trying them failed (the log has the reason).
    :raise Exception: memory ran out; the learner was put back all the same.
    """
    if not source.weights.keys() & target.weights.keys():
        return None
    weights, state = own_knowledge(source, device_of(target)).weights, learner.snapshot()
    tried = Knowledge(origin=target.origin, weights=weights, seen_until=source.seen_until)
    proof: Proof | Shortage | None = None
    try:
        proof = attempt(machine, partial(_score_of, learner, tried, before))
    except Exception as error:  # a stranger's weights may be anything
        log.warning("a source could not be tried", source=source.origin, reason=repr(error), exc_info=True)
    learner.restore(state)  # here, where no failed frame holds the memory that it takes
    if isinstance(proof, Shortage):
        raise proof.error
    return proof


def _score_of(learner: Learner, tried: Knowledge, before: float) -> Proof | None:
    """The score of the learner with the `tried` weights, which it keeps; None where none of them fits."""
    held = later_score(learner, tried)
    if not learner.adopt(tried).copied:
        return None
    if held and (scored := later_score(learner, tried)):
        return Proof(before=held[0], after=scored[0], error=standard_error(scored[1]))
    return Proof(before=before, after=learner.validate(), error=standard_error(learner.validation_blocks()))


def later_score(learner: Learner, source: Knowledge) -> tuple[float, tuple[float, ...]] | None:
    """The learner's score and its blocks on the validation data that a `source` from other bars cannot have seen; None for any other
    source, and where these are too few or their dates are not known."""
    moment = source.seen_until
    return learner.validate_after(moment) if moment and isinstance(learner, DatedLearner) else None


def unprovable(learner: Learner, source: Knowledge) -> str:
    """Why it cannot be measured what `source` is worth to `learner`; empty where it can."""
    if not source.seen_until or later_score(learner, source):
        return ""
    return f"not proven: it saw the same months, all before {source.seen_until}, and too few validation bars are later"
