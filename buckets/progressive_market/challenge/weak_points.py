"""The answer: which fault a strategy has, as far as the attacks show one, and the same in a sentence for people.

The thresholds were chosen on markets with planted faults and judged on others (`benchmarks/challenge.py`, docs/challenge.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from progressive_market.challenge.dear_trades import MOST
from progressive_market.challenge.feeds import ALONE, FROZEN
from progressive_market.challenge.late_fills import ONE_BAR
from progressive_training.presentation import share_text

INSTANT, CHEAP, FEED = "needs an instant fill", "needs cheap trades", "rests on one feature"
"""The faults that are named."""
EARNS_T = 2.0
"""t of its own growth from which on a strategy has something to lose."""
HURTS_T = -2.0
"""Paired t up to which an attack does harm beyond luck."""
LATE_SHARE = 1 / 3
"""Kept of the growth with fills one bar late, at most, by one that needs an instant fill."""
MARGIN = 2.0
"""Times its cost at which one that needs cheap trades earns nothing."""
WITHOUT_SHARE, ALONE_SHARE = 0.15, 0.75
"""Kept without a feature, at most, and with that one alone, at least, by one that rests on it."""
OF_PRICE = ("log_return", "absolute_return", "range", "lean")
"""Features made of the price: where they fail there is nothing to trade on."""


@frozen(kw_only=True)
class Tried:
    """One variant of an attack: `kept` share of the growth, None where there was none, and paired `t` of the difference. `profit`: in
    log return."""

    attack: str
    owner: str
    variant: str
    growth: float
    kept: float | None
    t: float


@frozen(kw_only=True)
class WeakPoints:
    """The `faults` that are named, and a `sentence` for people."""

    faults: tuple[str, ...]
    sentence: str


def weak_points(
    growth: float,
    t: float,
    tried: Sequence[Tried],
    cost: float,
    usual: float,
    break_even: float | None,
    slippage: float,
) -> WeakPoints:
    """What the attacks on a strategy show.

    :param growth, t: of the strategy as it is. :param cost: what a side of a trade costs it, as a share; `usual`: what that is measured by;
        `break_even`: at which it earns nothing; `slippage`: part of each.
    """
    if not growth > 0:
        return WeakPoints(faults=(), sentence="It earns nothing on these bars, so there is nothing to break.")
    kept = {each.variant: each for each in tried}
    priced = _price(break_even, cost, slippage)
    if t < EARNS_T:
        words = f"It earns too little on these bars to say what breaks it (t = {t:.1f}); {priced}."
        return WeakPoints(faults=(), sentence=words)
    faults, said = list[str](), list[str]()
    late = kept.get(ONE_BAR)
    if late is not None and late.kept is not None:
        if late.kept <= LATE_SHARE and late.t <= HURTS_T:
            faults.append(INSTANT)
        said.append(f"{'it needs an instant fill: ' if faults else ''}one bar of delay {_left(late.kept)}")
    missed = _missed(kept)
    if missed is not None:
        name, without, t_without = missed
        alone = kept.get(f"{name} {ALONE}")
        rests = without <= WITHOUT_SHARE and t_without <= HURTS_T and name not in OF_PRICE
        if rests and alone is not None and (alone.kept or 0.0) >= ALONE_SHARE:
            faults.append(FEED)
            said.append(f"it rests on `{name}` alone")
        elif without < 1:
            said.append(f"without `{name}`, which it needs most, {_remains(without)}")
    if break_even is not None and break_even < MARGIN * usual:
        faults.append(CHEAP)
        priced = f"it needs cheap trades: {priced}"
    said += [f"{each.variant} {_left(each.kept)}" for each in _others(tried)]
    text = "; ".join([*said, priced])
    return WeakPoints(faults=tuple(faults), sentence=f"{text[0].upper()}{text[1:]}.")


def _missed(kept: Mapping[str, Tried]) -> tuple[str, float, float] | None:
    """The feature without which least is kept, that share, and its t."""
    end = f" {FROZEN}"
    known = [
        (name.removesuffix(end), each.kept, each.t)
        for name, each in kept.items()
        if name.endswith(end) and each.kept is not None
    ]
    return min(known, key=lambda found: found[1]) if known else None


def _others(tried: Sequence[Tried]) -> list[Tried]:
    """The worst of the attacks that the sentence does not speak of yet and that leave a loss beyond luck."""
    spoken = (ONE_BAR, FROZEN, ALONE, "late", "costs ")
    losing = [
        each
        for each in tried
        if each.kept is not None
        and each.kept <= 0
        and each.t <= HURTS_T
        and not any(word in each.variant for word in spoken)
    ]
    return sorted(losing, key=lambda each: each.kept or 0.0)[:1]


def _left(kept: float | None) -> str:
    if kept is None or kept <= 0:
        return "turns it into a loss"
    return f"leaves {share_text(kept)} of what it earns"


def _remains(kept: float) -> str:
    return "nothing remains" if kept <= 0 else f"{share_text(kept)} remains"


def _price(break_even: float | None, cost: float, slippage: float) -> str:
    if break_even is None:
        return "it does not trade, or loses at any fee"
    if break_even >= MOST:
        return f"it still earns at a cost of {_fee(MOST)} a side"
    fee, paid = max(break_even - slippage, 0.0), max(cost - slippage, 0.0)
    return f"break-even fee {_fee(fee)}, and it pays {_fee(paid)}"


def _fee(share: float) -> str:
    return f"{100 * share:.2g} %"
