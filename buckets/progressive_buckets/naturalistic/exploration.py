"""Adaptive exploration: where episodes start, and how often they take a random action, by market condition.

The agent cannot move the price and one bar teaches every action, so exploration has to find market conditions. There are
nine, three levels of volatility times three of trend, each with its own exploration rate. A rate starts at the bucket's
EXPLORATION and adapts (`Exploration.rates`): it falls as bars of the condition are seen, and as errors there stop
changing. A share of the episodes, equal to the mean rate, starts on the least visited bars; the others start anywhere.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from attrs import frozen

from progressive_buckets.naturalistic.replay import draw
from progressive_buckets.state_checks import checked_counts, checked_like
from progressive_training.market import adds_in_order
from progressive_training.presentation import share_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Generator, Tensor

    from progressive_buckets.insight.to_host import Notes, Values
    from progressive_training.market import Market

LEAST = 0.02
"""Lowest rate of a condition, as a share of the bucket's rate."""
STRETCH = 32
"""Consecutive bars whose visits are counted together."""
NAMES = tuple(f"{v} volatility, {t}" for v in ("low", "middle", "high") for t in ("falling", "level", "rising"))


@frozen
class Plan:
    """Plan of a round of P episodes: first bars `starts` [P], exploration `rates` by condition [9], and the statistics
    that are reported (`notes`)."""

    starts: Tensor
    rates: Tensor
    notes: Notes


def market_conditions(market: Market, train: slice) -> Tensor:
    """Condition of every bar [T] uint8, 0 to 8: thirds, measured on the training part, of volatility and of the slow
    average of returns."""
    trend_column = market.names.index("log_return") * (market.features.shape[1] // len(market.names)) + 3
    levels: list[Tensor] = []
    for values in (market.volatility, market.features[:, trend_column]):
        edges = market.once(("thirds", len(levels), str(train)), partial(thirds, values[train]))
        levels.append(torch.bucketize(values.contiguous(), edges))
    return (3 * levels[0] + levels[1]).to(torch.uint8)


def thirds(values: Tensor) -> Tensor:
    """The two edges of the thirds of `values` [N], by at most some 100,000 of them."""
    thinned = values[:: max(1, len(values) // 100_000)]
    return torch.quantile(thinned, torch.tensor([1 / 3, 2 / 3], device=values.device))


class Exploration:
    """Exploration rates by market condition, and the plan of a round of episodes.

    `conditions` [T]: condition of each bar. `visits`: visits of each bar of a stretch, on average. By condition [9]:
    `frequency`: training bars. `seen`: bars visited. `error`: running mean of the absolute error of the advantages.
    `progress`: running mean of that error's relative change.

    :param rate: the exploration rate at first. :param adaptive: whether it adapts; else it stays as it is.
    """

    def __init__(self, market: Market, train: slice, rate: float, adaptive: bool) -> None:
        device = market.device
        self.rate, self.adaptive, self.train = rate, adaptive, train
        self.actions = 3 if market.costs.allowed == "both" else 2  # flat, long, and short where it is allowed
        self.conditions = market_conditions(market, train)
        self.frequency = torch.bincount(self.conditions[train].long(), minlength=9).float()
        self.tradable = torch.nonzero(market.decidable[train]).flatten()
        self.visits = torch.zeros((train.stop - train.start) // STRETCH + 1, device=device)
        self.visitable = torch.zeros_like(self.visits)
        self.visitable[self.tradable // STRETCH] = 1.0
        self.seen = torch.zeros(9, device=device)
        self.error = torch.zeros(9, device=device)
        self.progress = torch.ones(9, device=device)

    def rates(self) -> Tensor:
        """Exploration rate of each condition [9]: high where few of its bars were seen, or errors still change."""
        if not self.adaptive:
            return torch.full_like(self.seen, self.rate)
        unseen = torch.exp(-self.seen / self.frequency.clamp(min=1.0))
        return self.rate * torch.maximum(unseen, self.progress).clamp(LEAST, 1.0)

    def plan(self, episodes: int, length: int, generator: Generator) -> Plan:
        """Choose the starts of `episodes` episodes in the training part, and their exploration rates."""
        device = self.visits.device
        rates = self.rates()
        if self.adaptive:
            mean = (rates * self.frequency).sum() / self.frequency.sum()
        else:
            mean = torch.full((), self.rate, dtype=torch.float64, device=device)
        chosen = torch.randint(len(self.tradable), (episodes,), generator=generator, device=device)
        anywhere = self.tradable[chosen]
        seldom = self.visitable / (1 + self.visits).square()
        if adds_in_order(device):
            least = torch.multinomial(seldom, episodes, replacement=True, generator=generator) * STRETCH
        else:  # multinomial takes a running sum of its own
            least = draw(seldom, episodes, generator)[0] * STRETCH
        explores = torch.rand(episodes, generator=generator, device=device) < (mean if self.adaptive else 0.0)
        explores[0] = False  # one episode at least starts on a bar that may be decided on
        starts = torch.where(explores, least, anywhere)
        return Plan(starts + self.train.start, rates, {"rates": rates, "mean": mean, **self.reasons(rates)})

    def trials(self, bars: Tensor, rates: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """A random action for each of `bars` [P, L], and whether it replaces the best action [P, L] (epsilon-greedy, with
        the rate of the bar's condition from `rates` [9])."""
        taken = torch.rand(bars.shape, generator=generator, device=bars.device) < rates[self.conditions[bars].long()]
        return torch.randint(self.actions, bars.shape, generator=generator, device=bars.device), taken

    def reasons(self, rates: Tensor) -> Notes:
        """Reasons for the rates, for `cause`: the share of stretches visited (`covered`), the condition with the highest
        rate (`most`), and the two terms of its rate (`unseen`, `progress`)."""
        most = rates.argmax()
        unseen = torch.exp(-self.seen / self.frequency.clamp(min=1.0))
        return {
            "covered": (self.visits[: len(self.visits) - 1] > 0).float().mean(),
            "most": most,
            "unseen": unseen.take(most),
            "progress": self.progress.take(most),
        }

    def cause(self, values: Values) -> str:
        """A sentence that explains the rates, from the values of `reasons`."""
        if not self.adaptive:
            return "fixed rate"
        why = "seldom seen yet" if values["unseen"] >= values["progress"] else "errors there still change"
        return f"{share_text(float(values['covered']))} of the bars seen before; most in {NAMES[int(values['most'])]} ({why})"

    def update(self, bars: Tensor, errors: Tensor, counted: Tensor) -> None:
        """Adapt to visited `bars` [N] with absolute `errors` [N] of their advantages; only `counted` ones [N] count."""
        weight = counted.to(errors.dtype)  # 0 or 1: sums of these, and of their 32nds, are exact in any order
        self.visits.index_add_(0, (bars - self.train.start) // STRETCH, weight / STRETCH)
        condition = self.conditions[bars].long()
        count = torch.zeros_like(self.seen).index_add_(0, condition, weight)
        total = _sums_by(condition, errors * weight, self.seen)
        mean = torch.where(count > 0, total / count.clamp(min=1), self.error)
        change = torch.where(self.error > 0, (self.error - mean).abs() / self.error.clamp(min=1e-9), 1.0)
        self.progress = torch.where(count > 0, 0.7 * self.progress + 0.3 * change.clamp(max=1.0), self.progress)
        self.error = torch.where(self.error > 0, 0.7 * self.error + 0.3 * mean, mean)
        self.seen += count

    def state_dict(self) -> dict[str, Any]:
        """Visits of stretches; bars seen, error and progress of each condition. The tensors are its own."""
        return {"visits": self.visits, "seen": self.seen, "error": self.error, "progress": self.progress}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a state of `state_dict()`.

        :raise ValueError: something does not fit; nothing is then changed.
        """
        own = self.state_dict()
        checked_counts(state, "visits", self.visits)  # starts are drawn by them
        for name, tensor in checked_like(state, **own).items():
            own[name].copy_(tensor)


def _sums_by(condition: Tensor, values: Tensor, like: Tensor) -> Tensor:
    """Sum of the `values` [N] of each `condition` [N], as large as `like`; the same at each run, whatever the device."""
    if adds_in_order(values.device):
        return torch.zeros_like(like).index_add_(0, condition, values)
    each = torch.arange(len(like), device=values.device)
    return torch.where(condition == each[:, None], values, 0.0).sum(dim=1)
