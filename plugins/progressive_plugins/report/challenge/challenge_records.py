"""What `report.json` holds of a challenge (`challenge`, null where the run was not challenged)."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class AttackRow:
    """A variant of an attack: whose it is, what was earned (per cent), the share of the growth that is `kept`, and the paired t."""

    attack: str
    owner: str
    variant: str
    profit: float | None
    kept: float | None
    t: float | None


@frozen(kw_only=True)
class FearedWindow:
    """A window from its `first` bar to its `last` in which the other models expect a loss: what they expect to be earned in it, and what was (per cent)."""

    first: str
    last: str
    expected_profit: float | None
    profit: float | None


@frozen(kw_only=True)
class PeersPart:
    """What the other models of the run think of a strategy: `judges`, and those that are `silent`; rank correlations of expected with
    realised loss over `windows` of `window_bars`, and the windows that they fear most."""

    judges: tuple[str, ...]
    silent: tuple[str, ...]
    window_bars: int
    windows: int
    rank_correlation: float | None
    own_rank_correlation: float | None
    volatility_rank_correlation: float | None
    feared: tuple[FearedWindow, ...]


@frozen(kw_only=True)
class ChallengedBucket:
    """What breaks a bucket's strategy on its `part`: a `sentence` for people, the `faults` that are named, the fee at which nothing is left,
    and every attack."""

    bucket: str
    sentence: str
    faults: tuple[str, ...]
    break_even_fee: float | None
    attacks: tuple[AttackRow, ...]
    peers: PeersPart | None
    part: str = ""


@frozen(kw_only=True)
class ChallengePart:
    """The newest challenge of the run: on which `part`, and how often on the test part so far (`test_reads`)."""

    part: str
    test_reads: int
    buckets: tuple[ChallengedBucket, ...]
