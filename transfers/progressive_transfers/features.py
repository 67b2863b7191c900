"""Transfer of feature importance: which market features matter, mixed by FEATURE_TRANSFER_ALPHA.

Importance only changes later learning, so no validation score of the moment can judge it. A source is therefore used only
where the target's own bars show much the same importance, and where it is proven: by its own t, and by its weights, if any
fit, on the target's task. Seen by us on ten planted markets: from sources without that proof it was worth no more than another seed of
training from scratch (-2.7 +- 1.1 and -2.5 +- 1.1 points).
"""

from attrs import evolve

from progressive_training import Knowledge, Number, Setting, Skip, TransferContext, hookimpl
from progressive_transfers.trust import agree, doubt

phases = ("initial", "periodic")
FEATURE_TRANSFER_ALPHA = Setting(
    "FEATURE_TRANSFER_ALPHA",
    0.5,
    Number(0, 1),
    "how much of the source's feature importance a transfer takes: 0 nothing, 1 all",
    per_bucket=True,
)
settings = (FEATURE_TRANSFER_ALPHA,)
alpha_setting = "FEATURE_TRANSFER_ALPHA"


def memory_needed(source: Knowledge, target: Knowledge) -> int:
    """A few numbers, whatever the networks weigh: this transfer still fits when weights do not."""
    return 0


@hookimpl
def transfer(source: Knowledge, target: Knowledge, context: TransferContext) -> Knowledge | Skip:
    """Mix the importance of the features that both have; the target's own features keep their share of the rest."""
    alpha = context.bucket.settings[FEATURE_TRANSFER_ALPHA]
    if alpha == 0:
        return Skip("alpha is 0")
    if reason := doubt(source, context.proof):
        return Skip(reason)
    shared = [name for name in source.feature_importance if name in target.feature_importance]
    taught = sum(source.feature_importance[name] for name in shared)
    if taught <= 0:
        return Skip("no shared features")
    if not agree(source.feature_importance, target.feature_importance):
        return Skip("the target's own bars disagree")
    held = sum(target.feature_importance[name] for name in shared)
    importance = dict(target.feature_importance)
    for name in shared:
        share = source.feature_importance[name] * held / taught
        importance[name] = (1 - alpha) * importance[name] + alpha * share
    return evolve(target, weights={}, feature_importance=importance)
