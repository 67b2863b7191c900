"""The proof of a source: the score of its weights in the target's place, before any strategy is asked to pass them on."""

from __future__ import annotations

from functools import partial

import structlog

from progressive_core.contract.machine import Machine
from progressive_core.contract.protocols import Learner
from progressive_core.contract.records import Knowledge, Proof
from progressive_core.engine.gain import standard_error
from progressive_core.engine.out_of_memory import Shortage, attempt
from progressive_core.plugins.copies import device_of, own_knowledge

log = structlog.get_logger("progressive_training")


def prove(machine: Machine, learner: Learner, source: Knowledge, target: Knowledge, before: float) -> Proof | None:
    """Score the weights of `source` zero-shot on the validation data of `learner`, which is then put back to the bit.

    Only weights are tried: they are what acts. Feature importances and horizon skills change how one learns on.

    :param target: what the learner knows. :param before: its validation score.
    :return: None where no weight fits, or where trying them failed (the log has the reason).
    :raise Exception: memory ran out; the learner was put back all the same.
    """
    if not source.weights.keys() & target.weights.keys():
        return None
    weights, state = own_knowledge(source, device_of(target)).weights, learner.snapshot()
    proof: Proof | Shortage | None = None
    try:
        proof = attempt(machine, partial(_score_of, learner, Knowledge(origin=target.origin, weights=weights), before))
    except Exception as error:  # a stranger's weights may be anything
        log.warning("a source could not be tried", source=source.origin, reason=repr(error), exc_info=True)
    learner.restore(state)  # here, where no failed frame holds the memory that it takes
    if isinstance(proof, Shortage):
        raise proof.error
    return proof


def _score_of(learner: Learner, tried: Knowledge, before: float) -> Proof | None:
    """The score of the learner with the `tried` weights, which it keeps; None where none of them fits."""
    if not learner.adopt(tried).copied:
        return None
    return Proof(before=before, after=learner.validate(), error=standard_error(learner.validation_blocks()))
