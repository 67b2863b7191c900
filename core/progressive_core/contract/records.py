"""The frozen records that cross every border: between the core, buckets, transfers and plugins."""

from __future__ import annotations

import math
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from attrs import field, frozen

from progressive_core.contract.evaluation import Evaluation
from progressive_core.contract.setting import Settings, as_settings

if TYPE_CHECKING:
    from torch import Tensor

Phase = Literal["initial", "periodic", "reverse"]
PHASES: tuple[Phase, ...] = get_args(Phase)
Verdict = Literal["kept", "rolled back", "skipped", "failed"]


@frozen(kw_only=True)
class Knowledge:
    """What one bucket can teach another.

    `origin` is the bucket's name; of a model of another run that run's too, like "eth/Medium". `weights` maps parameter names to tensors; `feature_importance` maps feature names to shares
    that sum to 1; `horizons` maps a prediction horizon in bars to its skill on validation data (correlation, -1 to 1).
    `distrust` says why nobody may learn from this (a policy that collapsed to one action, say); empty when all may.
    `t` is the t-statistic of what its owner earned on validation bars that did not choose it, NaN where that is not known.
    `version` is that of the saved model this was read from, 0 for a learner in training.

    Of a model of another run: `seen_until` is an ISO time before which it may have seen bars, where it learned on others than this
    run's; it is then proven on later ones alone. `pupil` is the only bucket that it is offered to, None for every one. What is
    `forced` has its fitting weights adopted before training, without proof and for good, and is not offered otherwise.
    """

    origin: str
    weights: Mapping[str, Tensor] = field(factory=dict, repr=False)
    feature_importance: Mapping[str, float] = field(factory=dict)
    horizons: Mapping[int, float] = field(factory=dict)
    distrust: str = ""
    version: int = 0
    t: float = math.nan
    seen_until: str = ""
    pupil: str | None = None
    forced: bool = False

    @property
    def nbytes(self) -> int:
        """Bytes of all weights."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.weights.values())


@frozen(kw_only=True)
class Adoption:
    """What became of each weight that was offered: names `copied`, `new` (kept as they were, nothing fitting was
    offered) and `dropped` (offered, but of no matching name and shape)."""

    copied: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


@frozen(kw_only=True)
class Resources:
    """What one bucket may use. Policies answer `on_bucket_start` with a changed copy (`attrs.evolve`).

    `device` is "cpu" or "cuda:<index>"; `parallel_episodes` are walked at once, and `batch_size` bars go into one training step.
    `memory_needed` is the bucket's own estimate in bytes at these sizes, `memory_fixed` what it would still be at the
    smallest ones; `memory_limit` the bytes the process (or
    the GPU) may hold in all, None for no limit; `cache_dir` is where prepared data may be kept, up to `cache_bytes`.
    """

    device: str
    parallel_episodes: int
    batch_size: int
    memory_needed: int = 0
    memory_fixed: int = 0
    memory_limit: int | None = None
    cache_dir: Path | None = None
    cache_bytes: int = 0


@frozen(kw_only=True)
class Sizes:
    """How much a bucket does at once: what takes more memory the larger it is."""

    parallel_episodes: int
    batch_size: int


@frozen(kw_only=True)
class Proof:
    """What a source shows on the target's validation part before any strategy is asked (zero-shot).

    `before` is the validation score of the target as it stands, `after` its score with every fitting weight of the source
    copied in, `error` the standard error of `after`, NaN where the learner cannot say. The target is put back.
    """

    before: float
    after: float
    error: float


@frozen(kw_only=True)
class LedgerEntry:
    """One transfer and what it was worth: `before` and `after` are the target's validation scores, None where nothing was tried.

    A learner that has to choose between two of its own strategies at its end (`Learner.keep_best`) records that too: `phase` is then
    "choice", in which nobody else is asked, `strategy` what it could adopt, and `source` the `target` itself.

    `phase` and `episode` say when it was, `verdict` and `reason` what came of it and why. `copied`, `new` and `dropped` are the names
    of an `Adoption`, `nbytes` the bytes that were offered.
    `source_version` is that of the source's saved model, 0 for a learner in training; `source_t` its `Knowledge.t`; `alpha` the strategy's mixing
    setting, where it names one. `source_digest` is the fingerprint of what the source knew, `before_digest` and
    `after_digest` of what the target knew before and after the verdict; empty if no strategy was asked. `seconds` is
    what this strategy's try took. What was spent once for all strategies that are asked together stands in the first one's
    entry: `proof_seconds` for the proof, `shared_seconds` for the rest (asking both what they know, opening and saving a
    finished model), so that the seconds of a ledger add up to what transfer took.
    """

    strategy: str
    source: str
    target: str
    phase: Literal[Phase, "choice"]
    episode: int
    verdict: Verdict
    reason: str
    before: float | None = None
    after: float | None = None
    copied: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    nbytes: int = 0
    seconds: float = 0.0
    source_version: int = 0
    source_t: float = math.nan
    alpha: float | None = None
    proof: Proof | None = None
    source_digest: str = ""
    before_digest: str = ""
    after_digest: str = ""
    proof_seconds: float = 0.0
    shared_seconds: float = 0.0


@frozen(kw_only=True)
class BucketResult:
    """How one bucket ended: after how many `episodes` and `seconds`, and why (`stopped`); the `best_score` on validation and the
    episode that had it; and the file of its model. `transfers` are those made since its last episode, `halved_to` the reduced sizes;
    None if memory never ran out. `evaluation` is None while a later bucket may still change its model. `exchange_seconds` are those of its
    `seconds` in which a member of a stage taught and was taught at the stage's end; 0 for a bucket that trained alone."""

    bucket: str
    episodes: int
    stopped: str
    best_score: float
    best_episode: int
    seconds: float
    model_path: Path
    evaluation: Evaluation | None
    transfers: tuple[LedgerEntry, ...] = ()
    halved_to: Sizes | None = None
    exchange_seconds: float = 0.0


@frozen(kw_only=True)
class BucketInfo:
    """Which bucket trains, where in the sequence, and with which settings.

    `run_dir` is the run's directory, in which plugins may keep files; all randomness comes from `seed`. `horizons` are in bars;
    `episodes` is the planned number; `settings` the resolved configuration, read-only, with this bucket's own values; `results` those of the buckets finished so far, and in `cleanup` this one's too; `scratch_arm`: an untaught repeat,
    for comparison; `probe`: a brief training, to find the order; `trains`: False for a bucket that takes no part in transfers. `prepared` is where the run's buckets keep in memory what they
    prepare for each other, by keys of their own: it is emptied when the run ends, and None outside of a run.
    """

    name: str
    horizons: tuple[int, ...]
    sequence: tuple[str, ...]
    episodes: int
    seed: int
    run_dir: Path
    settings: Settings = field(repr=False, converter=as_settings)
    results: tuple[BucketResult, ...] = field(default=(), repr=False)
    scratch_arm: bool = False
    probe: bool = False
    trains: bool = True
    prepared: MutableMapping[Any, Any] | None = field(default=None, repr=False, eq=False)


@frozen(kw_only=True)
class RunInfo:
    """A whole run: its directory, buckets in order, resolved settings (read-only, `settings.declared` has the default and the
    meaning of each) and seed."""

    run_dir: Path
    sequence: tuple[str, ...]
    settings: Settings = field(repr=False, converter=as_settings)
    seed: int


@frozen(kw_only=True)
class EpisodeReport:
    """One episode, as the learner reports it. `episode` counts from 1.

    `score` is the validation score after it (net log return over the validation part, higher is better), `best_score` and
    `best_episode` those of the model kept so far, the best, or the latest where none is chosen; `exploration` the rate used and
    `exploration_cause` why; `transitions` the bars visited; `trades` those completed, where walks explore these too; `traces`
    what the naturalistic parts did (JSON values: lessons, recalls, priorities). The core adds the `bucket`, `seconds`,
    `memory_used` (bytes), the `transfers` since the last report and, to the first report, the `start_score`: the validation
    score before any training, after the initial transfers.
    """

    episode: int
    score: float
    best_score: float
    best_episode: int
    loss: float
    exploration: float
    exploration_cause: str
    transitions: int
    trades: int
    traces: Mapping[str, Any] = field(factory=dict, repr=False)
    seconds: float = 0.0
    memory_used: int = 0
    transfers: tuple[LedgerEntry, ...] = ()
    start_score: float | None = None
    bucket: str = ""


@frozen
class StopRequest:
    """A policy's wish to end a bucket's training after this episode, and why."""

    reason: str


@frozen
class Skip:
    """A strategy's answer when it transfers nothing, and why: the ledger and the console show the reason."""

    reason: str


@frozen(kw_only=True)
class TransferContext:
    """When and for whom a transfer happens: `bucket` is the target's.

    `proof` is what the source showed in the target's place; None in three cases: in the reverse phase; if no weight of the
    source fits; if it was not tried because memory was short, or trying it failed.
    """

    phase: Phase
    episode: int
    bucket: BucketInfo
    proof: Proof | None = None


@frozen(kw_only=True)
class State:
    """All a learner needs to go on exactly where it was: tensors by name, and JSON values."""

    tensors: Mapping[str, Tensor] = field(repr=False)
    values: Mapping[str, Any] = field(repr=False)


@frozen(kw_only=True)
class Model:
    """A trained model as it is saved: tensors by name, and its card (JSON values)."""

    tensors: Mapping[str, Tensor] = field(repr=False)
    card: Mapping[str, Any] = field(repr=False)
