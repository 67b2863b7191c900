"""Transfer of model weights: everything that fits by name and shape, mixed by WEIGHT_TRANSFER_ALPHA."""

from attrs import evolve

from progressive_training import Knowledge, TransferContext, hookimpl
from progressive_transfers.mixing import mixed_weights

phases = ("initial", "periodic")


@hookimpl
def transfer(source: Knowledge, target: Knowledge, context: TransferContext) -> Knowledge | None:
    """Give every weight of the target `alpha * source + (1 - alpha) * target`.

    Into a fresh network this is shrink and perturb (arXiv 1910.08475); between networks that share an ancestor it is
    interpolation along a path without a barrier (arXiv 2209.04836).
    """
    alpha = context.bucket.settings["WEIGHT_TRANSFER_ALPHA"]
    weights = mixed_weights(source, target, alpha) if alpha > 0 else {}
    return evolve(target, weights=weights) if weights else None
