"""Transfer backward: a finished bucket's model moves toward what a later bucket learned."""

from attrs import evolve

from progressive_training import Knowledge, Skip, TransferContext, hookimpl
from progressive_transfers.mixing import are_kin, fitting_weights, mixed_weights

phases = ("reverse",)


@hookimpl
def transfer(source: Knowledge, target: Knowledge, context: TransferContext) -> Knowledge | Skip:
    """Average each weight with the later bucket's (0.5 each, whatever WEIGHT_TRANSFER_ALPHA), if both share an ancestor: only
    then is the midpoint a good network.

    Extractor and heads travel together; the extractor alone does not fit the earlier bucket's heads any more.
    """
    if not fitting_weights(source, target):
        return Skip("no weights that fit")
    if not are_kin(source, target):
        return Skip("the networks share no ancestor")
    return evolve(target, weights=mixed_weights(source, target, 0.5))
