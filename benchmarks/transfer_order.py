"""What the order that `--sequence auto` finds is worth beside the fixed one: same markets, same seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean

from attrs import frozen
from rich.table import Table
from transfer_markets import FINE
from transfer_measures import over, with_error
from transfer_training import DEFAULT, FIXED, FOUND, SCRATCH, Ordered, Returned, Trained

from progressive_studies.transfer_report.measures import THRESHOLD, episodes_to, threshold_of

STEPS: int = FINE["UPDATES_PER_EPISODE"]


@frozen
class Chain:
    """What all buckets of a chain came to: mean over them of the best validation score as a share of scratch's, mean of
    the points on test after all teaching backward, and the steps to the threshold of scratch's best, added up."""

    validation: float
    test: float
    steps: float


def chain_of(
    scratch: Mapping[str, Trained], taught: Mapping[str, Trained], back: Mapping[str, Returned], probes: int = 0
) -> Chain:
    """The chain in which the buckets that were not `taught` are from scratch; `probes`: episodes that these took."""
    chain = {name: taught.get(name, scratch[name]) for name in scratch}
    reached = (episodes_to(one.curve, threshold_of(scratch[name].curve, THRESHOLD)) for name, one in chain.items())
    return Chain(
        mean(over(one.curve[-1], scratch[name].curve[-1]) for name, one in chain.items()),
        mean(back[name].after if name in back else one.test for name, one in chain.items()),
        STEPS * (probes + sum(reached)),
    )


def order_table(done: Iterable[Trained], returned: Iterable[Returned], ordered: Iterable[Ordered]) -> Table:
    """One row a seed, and one a market with the mean of the differences and its standard error."""
    table = Table(
        title="The order that probes find against the fixed one: means over the four buckets", title_justify="left"
    )
    for column in ("market", "seed", "order found"):
        table.add_column(column)
    for column in ("validation\nfixed", "found", "test\nfixed", "found", "steps\nfixed", "found, with\nthe probes"):
        table.add_column(column, justify="right", no_wrap=True)
    done, returned, markets = list(done), list(returned), dict[str, list[tuple[Chain, Chain]]]()
    for one in ordered:
        fixed, found = both(one, done, returned)
        markets.setdefault(one.market, []).append((fixed, found))
        table.add_row(one.market, str(one.seed), told(one), *cells(fixed, found))
    for market, pairs in markets.items():
        table.add_row(market, "all", "found less fixed", *differences(pairs))
    return table


def both(one: Ordered, done: Sequence[Trained], returned: Sequence[Returned]) -> tuple[Chain, Chain]:
    """The chains in the fixed order and in the one found; where they are the same, the probes are all that differs."""

    def trained(arm: str) -> dict[str, Trained]:
        return {each.bucket: each for each in done if (each.market, each.seed, each.arm) == (one.market, one.seed, arm)}

    def back(arm: str) -> dict[str, Returned]:
        return {
            each.bucket: each for each in returned if (each.market, each.seed, each.arm) == (one.market, one.seed, arm)
        }

    scratch, arm = trained(SCRATCH), DEFAULT if one.order == FIXED else FOUND
    fixed = chain_of(scratch, trained(DEFAULT), back(DEFAULT))
    return fixed, chain_of(scratch, trained(arm), back(arm), one.episodes)


def told(one: Ordered) -> str:
    """The order in words."""
    return "as fixed, the same by construction" if one.order == FIXED else ", ".join(one.order)


def cells(fixed: Chain, found: Chain) -> list[str]:
    """What both came to."""
    return [
        f"{fixed.validation:.3f}", f"{found.validation:.3f}", f"{fixed.test:.1f}", f"{found.test:.1f}",
        f"{fixed.steps:.0f}", f"{found.steps:.0f}",
    ]  # fmt: skip


def differences(pairs: Sequence[tuple[Chain, Chain]]) -> list[str]:
    """Means of what was found less what was fixed, with their standard errors; of steps where both get there."""
    steps = [found.steps - fixed.steps for fixed, found in pairs if math.isfinite(found.steps - fixed.steps)]
    return [
        "", signed([found.validation - fixed.validation for fixed, found in pairs], 3),
        "", signed([found.test - fixed.test for fixed, found in pairs], 1),
        "", signed(steps, 0) if steps else "never",
    ]  # fmt: skip


def signed(values: Sequence[float], digits: int) -> str:
    """Mean and standard error."""
    average, error = with_error(values)
    return f"{average:+.{digits}f} ± {error:.{digits}f}"
