"""What validation bars say that did not choose the model: of the whole, and of each regime alone.

Each half of the validation part keeps the best choice on it, which is judged on the other half (cross-fitting).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from progressive_market.judging.block_statistics import t_statistic
from progressive_market.judging.excerpt import in_first_half
from progressive_market.judging.exposure import exposure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from torch import Tensor

    from progressive_market.market import Market, Part

    Policy = Callable[[Part], Tensor]


CAPS = ("validation_t", "validation_alpha_t")
"""What a card holds of this evidence."""
REGIME_CAPS = ("regime_validation_t", "regime_validation_alpha_t")
"""The same of each regime alone, where there are regimes."""
LARGEST = 1e30
"""Of a t that a card may hold, or a number of choices in a checkpoint."""
NOTHING, UNCAPPED = (math.nan, math.nan), (math.inf, math.inf)


class ValidationEvidence:
    """What the best choice on each half does, and the t that follow.

    `held` [2, N validation] int8 are its signed positions on all validation bars; `in_regimes` [2, K, N] those of one who
    trades in a single regime and is flat elsewhere, None where the market knows no regimes. `parts` are the validation bars for
    the first, then for each regime. `caps` hold, likewise, the t and the t of alpha of a model that training went on from, which later
    choices cannot better: infinite where there is none, NaN where validation says nothing of that model.
    """

    def __init__(self, market: Market, validation: Part, positions: Callable[[Policy, Part], Tensor]) -> None:
        """:param positions: checked positions [N] of a policy on a part."""
        self.market, self._positions = market, positions
        self.parts = (validation, *by_regime(validation))
        self.caps = [UNCAPPED for _ in self.parts]
        regimes, bars = len(self.parts) - 1, len(validation)
        self.held = torch.zeros(2, bars, dtype=torch.int8, device=market.device)
        self.in_regimes = torch.zeros(2, regimes, bars, dtype=torch.int8, device=market.device) if regimes else None
        self._unvalued: list[Policy | None] = [None, None]
        self._found: list[tuple[float, float]] | None = None

    def keep(self, half: int, policy: Policy) -> None:
        """`policy` is now the best one on this half. Its positions are computed when they are needed: most are soon replaced."""
        self._unvalued[half], self._found = policy, None

    def forget(self) -> None:
        """Both halves keep nothing, and stay flat; the caps stay."""
        self.held = torch.zeros_like(self.held)
        if self.in_regimes is not None:
            self.in_regimes = torch.zeros_like(self.in_regimes)
        self._unvalued, self._found = [None, None], None

    # ------------------------------------------------------------------ evidence

    def known(self, choices: int) -> list[tuple[float, float]]:
        """t of the growth on each half of what the other half keeps, and that of alpha, of the whole and then of each regime.

        No more than the cap, and exactly that while nothing but the recalled model was considered; NaN if no choice was ever
        considered: validation may then have decided unseen. In a regime, alpha is to holding the market there.
        """
        if choices == 0:
            return [NOTHING for _ in self.parts]
        only_recalled = choices == 1 and math.isfinite(self.caps[0][0])
        says_nothing = all(math.isnan(t) for t, _ in self.caps)
        found = self.caps if only_recalled or says_nothing else self._cross_fitted()
        return [
            NOTHING if math.isnan(cap[0]) else (min(cap[0], t), min(cap[1], alpha_t))
            for cap, (t, alpha_t) in zip(self.caps, found, strict=True)
        ]

    def _cross_fitted(self) -> list[tuple[float, float]]:
        if self._found is None:
            self._value()
            hold = self.market.hold(self.parts[0])
            growths = list(self._growths())
            holds = [hold, *(hold * part.decidable for part in self.parts[1:])]
            self._found = [(t_statistic(own), exposure(own, held).t) for own, held in zip(growths, holds, strict=True)]
        return self._found

    def _growths(self) -> Iterable[Tensor]:
        """Log growth of each validation bar [N] under what the other half keeps."""
        bars = torch.arange(self.held.shape[1], device=self.market.device)
        in_first = in_first_half(bars, len(bars))
        for place, part in enumerate(self.parts):
            held = self.held if self.in_regimes is None or place == 0 else self.in_regimes[:, place - 1]
            first, second = (self.market.growth(each.double(), part) for each in held)
            yield torch.where(in_first, second, first)

    def _value(self) -> None:
        for half, policy in enumerate(self._unvalued):
            if policy is not None:
                whole, *single = (self._positions(policy, part).to(torch.int8) for part in self.parts)
                self.held[half] = whole
                if self.in_regimes is not None:
                    self.in_regimes[half] = torch.stack(single)
        self._unvalued = [None, None]

    # ------------------------------------------------------------------ cards and checkpoints

    def card(self, choices: int) -> dict[str, Any]:
        """What a card holds of it, as JSON values: None where a t is NaN."""
        whole, *single = [tuple(None if math.isnan(t) else t for t in each) for each in self.known(choices)]
        recorded: dict[str, Any] = dict(zip(CAPS, whole, strict=True))
        if single:
            recorded |= {name: list(each) for name, each in zip(REGIME_CAPS, zip(*single, strict=True), strict=True)}
        return recorded

    def recall(self, card: Mapping[str, Any]) -> None:
        """Go on from a model with this `card`. One that was not judged in regimes of the same detector says nothing of these.

        :raise ValueError: it holds no t. Nothing is then changed.
        """
        whole = [_number_in(card, name) for name in CAPS]
        regimes = len(self.parts) - 1
        given = [each for name in REGIME_CAPS if isinstance(each := card.get(name), list) and len(each) == regimes]
        caps = [NOTHING] * regimes
        if len(given) == len(REGIME_CAPS) and self._knows(card.get("regimes")):
            t, alpha_t = (
                [_number_in({name: t}, name) for t in each] for name, each in zip(REGIME_CAPS, given, strict=True)
            )
            caps = list(zip(t, alpha_t, strict=True))
        self.caps = [(whole[0], whole[1]), *caps]
        self.forget()

    def _knows(self, detector: object) -> bool:
        """Whether a card's `detector` is the one of this market."""
        model = self.market.regime_model
        return model is None or (isinstance(detector, dict) and detector.get("name") == model.name)

    def state_dict(self) -> dict[str, Any]:
        """Positions and caps by name; those by regime where there are regimes."""
        self._value()
        return self._tensors()

    def _tensors(self) -> dict[str, Any]:
        caps = torch.tensor(self.caps, dtype=torch.float64)
        own = {"positions": self.held, "cap": caps[0]}
        return own if self.in_regimes is None else {**own, "regime_positions": self.in_regimes, "regime_cap": caps[1:]}

    def checked(self, state: Mapping[str, Any]) -> dict[str, Tensor]:
        """The tensors of a `state_dict()`, for `take`.

        :raise ValueError: something is missing, or of another type, size or range.
        """
        found = {name: like_of(state, name, own) for name, own in self._tensors().items()}
        for name, tensor in found.items():
            if name.endswith("positions") and bool((tensor.abs() > 1).any()):
                raise ValueError(f"{name} holds what is not -1, 0 or 1")
        return found

    def take(self, found: Mapping[str, Tensor]) -> None:
        """Return to what was `checked`."""
        self.held = found["positions"].to(self.market.device, copy=True)
        caps = [found["cap"].tolist()]
        if self.in_regimes is not None:
            self.in_regimes = found["regime_positions"].to(self.market.device, copy=True)
            caps += found["regime_cap"].tolist()
        self.caps = [(t, alpha_t) for t, alpha_t in caps]
        self._unvalued, self._found = [None, None], None


def by_regime(part: Part) -> tuple[Part, ...]:
    """The bars of `part` for one who trades in each regime alone; none where it knows no regimes."""
    return () if part.regimes is None else tuple(part.within({k}) for k in range(part.regimes.shape[1]))


def like_of(state: Mapping[str, Any], name: str, like: Tensor) -> Tensor:
    """The tensor of that `name`.

    :raise ValueError: it is missing, or of another type or size than `like`.
    """
    value = state.get(name)
    if not isinstance(value, torch.Tensor) or (value.shape, value.dtype) != (like.shape, like.dtype):
        raise ValueError(f"{name} is missing, or of another type or size")
    return value


def _number_in(card: Mapping[str, Any], name: str) -> float:
    t = card.get(name, "missing")
    if t is not None and not (type(t) in (int, float) and abs(t) < LARGEST):
        raise ValueError(f"its card has no {name}")
    return math.nan if t is None else float(t)
