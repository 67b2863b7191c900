"""What `report.json` holds: every record of it, with the meaning and the unit of each field.

Profits are net and in per cent of the first equity, shares are 0 to 1, times ISO text in UTC, durations seconds; a number that is
not known is null. A field is added without a new `format`; one that changes its meaning gets one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen

from progressive_plugins.report.challenge.challenge_records import ChallengePart

FORMAT = 1
Rows = tuple[Mapping[str, Any], ...]


@frozen(kw_only=True)
class DataFile:
    """What the run was trained on: the `file` that a `setting` names, or the `synthetic` market where there is none. `first` and
    `last` are the opens of its first and last bar, where an account of a bucket has them."""

    setting: str
    file: str = ""
    sha256: str = ""
    bytes: int = 0
    synthetic: bool = False
    first: str | None = None
    last: str | None = None


@frozen(kw_only=True)
class ChangedSetting:
    """A setting that is not at its default; of one bucket where it has a value for each."""

    key: str
    value: Any
    default: Any
    meaning: str
    bucket: str | None = None


@frozen(kw_only=True)
class Use:
    """How to use the models: Python `code`, the shell line of a `signal`, and the one that `resume`s a run that is not finished.
    None where that cannot be done."""

    python: str | None
    signal: str | None
    resume: str | None


@frozen(kw_only=True)
class RunPart:
    """The run. `error` is what ended one that failed; `parent` the run that it was forked from (`run`, `bucket`, `episode`); `changes`
    the settings that were changed when it was resumed; `environments` the one that it was begun in and those that it went on in (`since`,
    `bucket`, `episode`, `processor`, `versions`); `stages` the buckets that trained at the same time, together; `critical_path` the
    seconds that its finished buckets take with a worker for each of these; `reproduce` shell lines, comments among them where more is needed than a line."""

    name: str
    directory: str
    started: str
    ended: str
    status: Literal["finished", "failed", "interrupted"]
    error: str | None
    sequence: tuple[str, ...]
    stages: tuple[tuple[str, ...], ...]
    critical_path: float
    seed: int
    device: str
    versions: Mapping[str, str]
    platform: str
    environments: Rows
    plugins: Mapping[str, str]
    parent: Mapping[str, Any] | None
    changes: Rows
    data: tuple[DataFile, ...]
    settings: tuple[ChangedSetting, ...]
    reproduce: tuple[str, ...]
    use: Use


@frozen(kw_only=True)
class VerdictPart:
    """The verdict on a bucket: its `summary` in a few words, one `sentence` with the numbers behind it, the evaluator's own words as
    `reason`, and what the model does `in_use`. `needed_t` is the t that confirms an edge; all t are null where the evaluator has none."""

    edge: str
    summary: str
    sentence: str
    reason: str
    t: float | None
    validation_t: float | None
    test_t: float | None
    needed_t: float | None
    in_use: str
    trades: str
    warnings: tuple[str, ...]
    carriers: tuple[str, ...]


@frozen(kw_only=True)
class Learning:
    """The training of a bucket, a value for each of `episodes`, thinned to a thousand. `score` and `best` so far are those of an excerpt
    of validation, as profit; `start_score` is that before any training, after the initial transfers."""

    episodes: tuple[int, ...]
    score: tuple[float | None, ...]
    best: tuple[float | None, ...]
    start_score: float | None
    loss: tuple[float | None, ...]
    exploration: tuple[float | None, ...]
    exploration_cause: tuple[str, ...]
    seconds: tuple[float | None, ...]


@frozen(kw_only=True)
class Histogram:
    """How many trades had a profit between each two `edges`; the outermost bars hold what lies beyond."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@frozen(kw_only=True)
class TradesPart:
    """The completed trades of one part. `won` is the share with a profit above 0; profits are of single trades; `reasons` counts why they
    ended."""

    count: int
    won: float | None
    median_bars: float | None
    mean_profit: float | None
    median_profit: float | None
    best: float | None
    worst: float | None
    reasons: Mapping[str, int]
    histogram: Histogram | None


@frozen(kw_only=True)
class AccountPart:
    """What the strategy did, all but the tables that charts read (`progressive_training.market.account_of`): `interval` of a bar,
    `bars` of the whole data, `merged` bars in a candle, the `parts` with their dates, the longest `gaps` of `gap_count`, `costs` and
    `exposure` (shares long, flat and short) by part, `slices` (month by month, by volatility, hour and weekday), `trades` by part."""

    interval: float
    bars: int
    merged: int
    symbol: str
    source: str
    parts: Rows
    gap_count: int
    gaps: Rows
    costs: Mapping[str, Mapping[str, float]]
    exposure: Mapping[str, Mapping[str, float]]
    slices: Rows
    trades: Mapping[str, TradesPart]


@frozen(kw_only=True)
class FeatureShare:
    """The importance of a feature, as shares: `screened` by its relation to returns on the training bars, `permuted` by what the network's
    values change when it is shifted in time, `combined` what a transfer brings along. None where the model does not say."""

    name: str
    screened: float | None
    permuted: float | None
    combined: float | None


@frozen(kw_only=True)
class NaturalisticPart:
    """What exploration, lessons and recall did, each in a `sentence` and few numbers; None where the bucket does not have it, or it
    was off.

    `exploration`: `steps` of up to twelve episodes (`episode`, `rate`, `cause`), and the last `rates` by market condition.
    `lessons`: trades that were looked at (`count`), `won` share, `mean_profit` and `mean_expected` of one, `conclusions` of
    those that surprised most, with their number, and the most surprising ones of the last episode (`shown`).
    `recall`: `situations` stored, its `weight` in the model, and examples (`shown`)."""

    exploration: Mapping[str, Any] | None
    lessons: Mapping[str, Any] | None
    recall: Mapping[str, Any] | None


@frozen(kw_only=True)
class BucketPart:
    """A finished bucket. `verdict` is None, and `performance` empty, while a later bucket may still change the model; `performance` by part
    are the very rows of `evaluate --json`; `regimes` (none where the market knows none) are what its strategy did in each alone, flat elsewhere:
    `name`, `edge` and `reason` there, `t`, `validation_t`, `test_t`, whether the model `trades` there in use, and `performance` by part beside
    baselines that trade in the same regime alone. `feature_agreement` is the rank correlation of the two methods."""

    name: str
    model_path: str
    horizons: tuple[int, ...]
    episodes: int
    best_episode: int
    stopped: str
    seconds: float
    scratch_arm: bool
    verdict: VerdictPart | None
    performance: Mapping[str, Rows]
    learning: Learning | None
    account: AccountPart | None
    features: tuple[FeatureShare, ...]
    feature_agreement: float | None
    naturalistic: NaturalisticPart
    regimes: Rows = ()


@frozen(kw_only=True)
class StrategyTry:
    """What one strategy did with an offer: its verdict with the reason, and the target's score `before` and `after` as profit. `gain` is what
    the second made of the first, `error` the standard error of a score on those bars, where the proof of the source has one."""

    strategy: str
    verdict: Literal["kept", "rolled back", "skipped", "failed"]
    reason: str
    before: float | None
    after: float | None
    gain: float | None
    error: float | None


@frozen(kw_only=True)
class Offer:
    """What one bucket offered another at one moment, and what each strategy made of it. `proof` is the trial of the source's weights in
    the target's place (`before`, `after`, `gain`, `error`), `source_t` the source's own t on bars that did not choose it."""

    source: str
    target: str
    phase: str
    episode: int
    source_t: float | None
    proof: Mapping[str, float | None] | None
    strategies: tuple[StrategyTry, ...]


@frozen(kw_only=True)
class ReasonCount:
    """Why so many tries were not kept, their single numbers left out."""

    reason: str
    count: int


@frozen(kw_only=True)
class ScratchArm:
    """A taught bucket trained again without transfer: same seed, same bars. `episodes` and best score, beside the taught bucket's
    (`taught_episodes`, `taught_score`), and its `performance` on test, the model's row alone."""

    bucket: str
    episodes: int
    score: float | None
    taught_episodes: int
    taught_score: float | None
    test_profit: float | None
    taught_test_profit: float | None


@frozen(kw_only=True)
class Choice:
    """What a `bucket` chose between strategies of its own at its end: `made.strategy` is what it could adopt, "kept" where it did."""

    bucket: str
    made: StrategyTry


@frozen(kw_only=True)
class TransferPart:
    """All transfers. `counts` by verdict; `reasons` why nothing was kept, the most frequent first; `worth` of being taught by bucket and the R-`matrix`,
    as `progressive-training transfer-report` measured them; `choices` are no transfers; `scratch` the scratch arms; `missing` how to get what is None."""

    choices: tuple[Choice, ...]
    offers: tuple[Offer, ...]
    counts: Mapping[str, int]
    reasons: tuple[ReasonCount, ...]
    worth: Rows | None
    matrix: Mapping[str, Any] | None
    scratch: tuple[ScratchArm, ...] | None
    missing: str | None


@frozen(kw_only=True)
class Report:
    """A run's report. `notes` name what is missing in it, and why."""

    format: int = field(default=FORMAT, init=False)
    run: RunPart
    buckets: tuple[BucketPart, ...]
    transfers: TransferPart
    challenge: ChallengePart | None
    notes: tuple[str, ...]
