"""Transfer of model weights: as much of the source as it has proved itself for, mixed by WEIGHT_TRANSFER_ALPHA."""

from attrs import evolve

from progressive_training import Knowledge, TransferContext, hookimpl
from progressive_transfers.mixing import mixed_weights
from progressive_transfers.trust import proven

phases = ("initial", "periodic")
alpha_setting = "WEIGHT_TRANSFER_ALPHA"
EXTRACTOR = ("gates.", "extractor.")
"""What the names of the parameters begin with that turn market features into a representation."""


@hookimpl
def transfer(source: Knowledge, target: Knowledge, context: TransferContext) -> Knowledge | None:
    """Give every weight of the target `alpha * source + (1 - alpha) * target`.

    A source that did the target's task zero-shot brings everything, value head too. Of another one the extractor may
    help a target that has learned nothing yet, whose heads then learn anew; a trained target's heads would not fit it.

    Into a fresh network this is shrink and perturb (arXiv 1910.08475); between networks that share an ancestor it is
    interpolation along a path without a barrier (arXiv 2209.04836).
    """
    alpha = context.bucket.settings[alpha_setting]
    if alpha == 0:
        return None
    if not proven(context.proof):
        if context.phase != "initial":
            return None
        source = evolve(source, weights={n: w for n, w in source.weights.items() if n.startswith(EXTRACTOR)})
    weights = mixed_weights(source, target, alpha)
    return evolve(target, weights=weights) if weights else None
