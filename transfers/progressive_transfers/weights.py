"""Transfer of model weights: as much of the source as it has proved itself for, mixed by WEIGHT_TRANSFER_ALPHA."""

from attrs import evolve

from progressive_training import Knowledge, Number, Setting, Skip, TransferContext, hookimpl
from progressive_transfers.mixing import fitting_weights, mixed_weights
from progressive_transfers.trust import doubt

phases = ("initial", "periodic")
WEIGHT_TRANSFER_ALPHA = Setting(
    "WEIGHT_TRANSFER_ALPHA",
    0.9,
    Number(0, 1),
    "how much of the source's weights a transfer takes: 0 nothing, 1 all",
    per_bucket=True,
)
settings = (WEIGHT_TRANSFER_ALPHA,)
alpha_setting = "WEIGHT_TRANSFER_ALPHA"


@hookimpl
def transfer(source: Knowledge, target: Knowledge, context: TransferContext) -> Knowledge | Skip:
    """Give every weight of the target `alpha * source + (1 - alpha) * target`.

    A source that did the target's task zero-shot brings everything, value head too; another one nothing. The extractor
    alone, from a source that did not prove itself, was worth +1.7 +- 1.6 to +4.0 +- 3.2 points on planted markets, and cost
    up to 37 where its weights were random.

    Into a fresh network this is shrink and perturb (arXiv 1910.08475); between networks that share an ancestor it is
    interpolation along a path without a barrier (arXiv 2209.04836).
    """
    alpha = context.bucket.settings[WEIGHT_TRANSFER_ALPHA]
    if alpha == 0:
        return Skip("alpha is 0")
    if context.proof is None:
        return Skip("not proven: it was not tried" if fitting_weights(source, target) else "no weights that fit")
    if reason := doubt(source, context.proof):
        return Skip(reason)
    weights = mixed_weights(source, target, alpha)
    return evolve(target, weights=weights) if weights else Skip("no weights that fit")
