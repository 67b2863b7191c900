"""Proof before trust: what a source is worth in the target's place, before any strategy is asked to pass it on."""

from __future__ import annotations

import structlog

from progressive_core.bucket import Learner
from progressive_core.hooks import device_of, own_knowledge
from progressive_core.records import Knowledge, Proof

log = structlog.get_logger("progressive_training")


def prove(learner: Learner, source: Knowledge, target: Knowledge, before: float) -> Proof | None:
    """Try the weights of `source` zero-shot on the validation data of `learner`, which is then put back to the bit.

    Only weights are tried: they are what acts. Feature importances and horizon skills change how one learns on.

    :param target: what the learner knows. :param before: its validation score.
    :return: None where no weight fits, or where trying them failed (the log says why).
    """
    if not source.weights.keys() & target.weights.keys():
        return None
    own = own_knowledge(source, device_of(target))
    state = learner.snapshot()
    try:
        if not learner.adopt(Knowledge(origin=target.origin, weights=own.weights)).copied:
            return None
        return Proof(
            before=before,
            after=learner.validate(),
            error=learner.validation_error(),
            training_t=learner.training_t(),
        )
    except Exception as error:  # a stranger's weights may be anything
        log.warning("a source could not be tried", source=source.origin, reason=repr(error), exc_info=True)
        return None
    finally:
        learner.restore(state)
