"""The verdict on a policy: is there an edge? Asked of the test part, and of validation bars that had no say in which choice
was kept.

The best of many choices looks good on the bars that chose it, even where there is nothing to learn: on a driftless
random walk one bucket in ten reached a t of 2.5 that way (seen by us). So the choice is made twice more, once by each
half of the validation part, and judged on the other half (cross-fitting; compare the probability of backtest
overfitting, Bailey, Borwein, Lopez de Prado and Zhu 2014). What is kept for trading is chosen by all of it.

Where validation has many bars an excerpt of each half chooses, and the whole other half judges.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from attrs import evolve

from progressive_market.accounts.part_account import PartAccount, part_account
from progressive_market.accounts.strategy_account import StrategyAccount
from progressive_market.judging.account_notes import account_notes
from progressive_market.judging.baselines import Ridge, fit_ridge, strategies
from progressive_market.judging.block_statistics import block_sums
from progressive_market.judging.by_regime.regime_edge import (
    Subject,
    conditional,
    doubted,
    judge_regimes,
    regimes_with_edge,
)
from progressive_market.judging.by_regime.validation_evidence import LARGEST, ValidationEvidence, like_of
from progressive_market.judging.degenerate import degeneration, one_sided
from progressive_market.judging.excerpt import excerpt, half_of, in_first_half
from progressive_market.judging.implausible import implausible
from progressive_market.judging.recent_answers import RecentAnswers
from progressive_market.judging.verdict import (
    A_TRIAL,
    NOT_JUDGED,
    NOTHING_CONSIDERED,
    NOWHERE,
    SETTINGS_CHOSEN,
    TRIAL,
    Alpha,
    judge,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from progressive_market.market import Market, Part
    from progressive_market.split import Split
    from progressive_training import Evaluation

    Policy = Callable[[Part], Tensor]


RUN_FILE = "state.json"
"""By which a directory is that of a run: nothing is written into any other."""


class MarketEvaluator:
    """Judges policies on one split of a market. Implements `progressive_training.Evaluator`.

    A policy gives, for any part of the market, the signed position -1, 0 or 1 after each bar [N]; not a number where its
    weights are none. Later training must not change it.

    `evidence` is what validation bars say that did not choose the model: each half of them keeps the best choice on it; `score` is
    what that earned there, `choices` how many were considered. `judged` is the latest `Evaluation`, None once another choice was considered.
    """

    def __init__(
        self,
        market: Market,
        split: Split,
        name: str,
        allow_leak: Sequence[str] = (),
        run_dir: Path | None = None,
        whole: Callable[[], tuple[Market, Split]] | None = None,
        counted: str = "all",
    ) -> None:
        """:param name: of the bucket, as the model's row is called.
        :param allow_leak: columns that may know the future, on the user's word.
        :param run_dir: of the run whose files are to hold what the judged strategy did (see `StrategyAccount`); None for none.
        :param whole: makes the market with its test part, and its split, where `market` ends before that; asked once a judgement.
        :param counted: what EVIDENCE says. "half": every other stretch of validation stands for all of it, and there is no verdict;
            "test": the verdict counts the test part alone.
        """
        self.run_dir, self._whole, self.counted = run_dir, whole, counted
        self.market, self.split, self.name, self.allow_leak = market, split, name, tuple(allow_leak)
        validation = market.part(split.validation)
        self.validation = half_of(validation) if counted == "half" else validation
        self.scored, rows = excerpt(self.validation)
        """The validation bars that every choice is scored on."""
        first = in_first_half(rows, len(self.validation))
        self.halves = torch.stack([first, ~first])  # [2, N scored]
        self.evidence = ValidationEvidence(market, self.validation, self._positions)
        self.score, self.choices = [-math.inf, -math.inf], 0
        self.judged: Evaluation | None = None
        self._judged_positions: Tensor | None = None
        self._recent = RecentAnswers()

    # ------------------------------------------------------------------ choices

    def consider(self, policy: Policy) -> float:
        """Record a choice that validation could decide, and return its validation score; not a number where it has none."""
        return self.keep(policy, self.measure(policy).tolist())

    def measure(self, policy: Policy) -> Tensor:
        """Log growth over all scored bars, over those of the first half, and over those of the second [3], on the device."""
        growth = self.growth(policy, self.scored)
        return torch.cat([growth.sum()[None], (growth * self.halves).sum(dim=1)])

    def keep(self, policy: Policy, measured: Sequence[float]) -> float:
        """As `consider`, of a policy that was `measured` before. Each half keeps it if none did better; of equal ones, the
        latest."""
        total, *halves = measured
        self.choices, self.judged = self.choices + 1, None
        for half, score in enumerate(halves):
            if score >= self.score[half]:
                self.score[half] = score
                self.evidence.keep(half, policy)
        return total

    def forget(self) -> None:
        """Take back all choices considered so far: what is kept from here on is not one of them, whatever it scores. The cap of
        a model that was recalled stays."""
        self.score, self.choices = [-math.inf, -math.inf], int(self.evidence.caps[0][0] < math.inf)
        self.evidence.forget()
        self.judged = None

    # ------------------------------------------------------------------ verdict

    def validation_t(self, policy: Policy) -> float:
        """t of the growth on each half of the validation bars of what the other half keeps, no more than that of a recalled model;
        exactly that while nothing else was considered. NaN if no choice was ever considered: validation may then have decided
        unseen. It never reads the test part.
        """
        return self.evidence.known(self.choices)[0][0]

    def evaluate(self, policy: Policy) -> Evaluation:
        """Measure the strategy of `policy` and the baselines on validation and test data, and judge whether there is an edge. A trial on
        half of validation is not judged: no test bar is read.

        This alone reads the test part. Call it when nothing can change the model any more: looking at test again and again
        until a verdict pleases spends it.
        """
        if self.counted == "half":
            return A_TRIAL
        market, split = self._whole() if self._whole else (self.market, self.split)
        parts = market.part(split.validation) if self._whole else self.validation, market.part(split.test)
        held = [self._positions(policy, part) for part in parts]
        accounts = self._accounts(held, parts, market)
        bars = len(parts[0]), len(parts[1])
        of_test = self.counted == "test"
        (t, alpha_t), *known = self.evidence.known(0 if of_test else self.choices)
        alone = SETTINGS_CHOSEN if of_test else NOTHING_CONSIDERED
        rows = accounts["validation"].performance, accounts["test"].performance
        alpha = Alpha(alpha_t, rows[1][0].alpha_t, max((own.beta for own, *_ in rows), key=abs))
        doubt = implausible(lambda part: self._positions(policy, part), market, parts, self.allow_leak)
        judged = judge(*rows, t, bars, self.degeneration(policy), doubt, alpha, self.allow_leak, alone)
        subject = Subject(self.name, partial(self._positions, policy), self.ridge(), self.allow_leak, self.scored)
        judged = doubted(evolve(judged, regimes=judge_regimes(subject, market, parts, known)))
        if traded := regimes_with_edge(judged):
            inside = [part.within(traded) for part in parts]
            held = [self._positions(policy, part) * part.decidable for part in inside]
            accounts = self._accounts(held, parts, market)
            rows = accounts["validation"].performance, accounts["test"].performance
            judged = conditional(judged, traded, rows, parts, self.allow_leak, alone)
        of_parts = zip(accounts, held, parts, strict=True)
        notes = [note for name, traded, part in of_parts for note in account_notes(traded, part, market, name)]
        judged = evolve(judged, validation_dates=parts[0].dates, test_dates=parts[1].dates)
        self.judged = evolve(judged, warnings=(*judged.warnings, *notes))
        self._judged_positions = self._positions(policy, self.validation)
        if self.run_dir is not None and (self.run_dir / RUN_FILE).is_file() and market.candles is not None:
            StrategyAccount.of(market, split, market.candles, accounts).write(self.run_dir, self.name)
        return self.judged

    def _accounts(self, held: Sequence[Tensor], parts: Sequence[Part], market: Market) -> dict[str, PartAccount]:
        """What the positions `held` became on validation and test, and the baselines beside them."""
        ridge = self.ridge()
        return {
            name: part_account(strategies(self.name, each, part, market, ridge.positions(part, market)), part, market)
            for name, each, part in zip(("validation", "test"), held, parts, strict=True)
        }

    def card(self, policy: Policy) -> dict[str, Any]:
        """What a model's card holds of the verdict on `policy`, as JSON values: where the model `trades`, the `verdict` in
        words, and `validation_t` and `validation_alpha_t` (None where they are NaN); and its `evidence`, where that is not all. A model
        trades nowhere until it is judged.
        """
        recorded = self.evidence.card(self.choices)
        recorded |= {"trades": NOWHERE, "verdict": TRIAL if self.counted == "half" else NOT_JUDGED}
        if self.counted != "all":
            recorded["evidence"] = self.counted
        if self.judged is not None and self._is_judged(policy):
            judged, last = self.judged, self.judged.test_dates[1]
            recorded |= {"trades": judged.trades, "verdict": judged.verdict, "data_until": last}
        return recorded

    def recall(self, card: Mapping[str, Any]) -> None:
        """Go on from a model with this `card`: what was considered before is forgotten, and no later choice is judged above
        the model's own t. Consider the model itself next.

        :raise ValueError: the card holds none. The evaluator is then unchanged.
        """
        self.evidence.recall(card)
        self.score, self.choices, self.judged = [-math.inf, -math.inf], 0, None

    def _is_judged(self, policy: Policy) -> bool:
        """Whether `policy` takes the positions that were judged: weights may have changed since with nothing considered."""
        return self._judged_positions is not None and torch.equal(
            self._positions(policy, self.validation), self._judged_positions
        )

    def degeneration(self, policy: Policy) -> str:
        """Why `policy` is degenerate, in words; empty when it is not."""
        held = policy(self.scored)
        return self._recent.get(
            "why",
            held,
            lambda: degeneration(self._positions(policy, self.scored), self.scored, self.market, self.ridge),
        )

    def ridge(self) -> Ridge:
        """The ridge baseline, fitted once for all who open the same market in a run."""
        return self.market.once(
            ("ridge", str(self.split), self.counted == "half"),
            lambda: fit_ridge(self.market, self.split.train, self.validation),
        )

    def growth(self, policy: Policy, part: Part) -> Tensor:
        """Log growth of each bar of `part` [N] under `policy`."""
        held = policy(part)
        if part is not self.scored:
            return self.market.growth(held, part)
        return self._recent.get("growth", held, lambda: self.market.growth(held, part))

    def validate(self, policy: Policy, part: Part | None = None) -> float:
        """Net log return over the scored validation bars, or over `part`; minus infinity where the weights are no numbers."""
        score = float(self.growth(policy, part or self.scored).sum())
        return -math.inf if math.isnan(score) else score

    def validation_blocks(self, policy: Policy, part: Part | None = None) -> tuple[float, ...]:
        """Sums of growth over 64 blocks of these bars; empty where the weights are no numbers, or hold one side for good."""
        part = part or self.scored
        if one_sided(policy(part).double(), part.decidable):
            return ()
        sums = block_sums(self.growth(policy, part))
        return tuple(sums.tolist()) if bool(sums.isfinite().all()) else ()

    # ------------------------------------------------------------------ state

    def state_dict(self) -> dict[str, Any]:
        """Tensors and JSON values by name."""
        held = self.evidence.state_dict()
        score = torch.tensor(self.score, dtype=torch.float64)
        return {"positions": held.pop("positions"), "score": score, **held, "choices": self.choices}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a state of `state_dict()`.

        :raise ValueError: something is missing, or of another type, size or range. The evaluator is then unchanged.
        """
        found = self.evidence.checked(state)
        score = like_of(state, "score", torch.zeros(2, dtype=torch.float64)).tolist()
        choices = state.get("choices")
        if not all(value < math.inf for value in score):
            raise ValueError("score holds what is no score")
        if type(choices) is not int or not 0 <= choices < LARGEST:
            raise ValueError("choices is missing, or no number of choices")
        self.evidence.take(found)
        self.score, self.choices, self.judged = score, choices, None

    def _positions(self, policy: Policy, part: Part) -> Tensor:
        """Positions [N] float64 of `policy`; flat where its weights are no numbers.

        :raise ValueError: they are of another shape, or not -1, 0 or 1, or short where SIDES allows long alone.
        """
        held = policy(part).double().nan_to_num(nan=0.0)
        if held.shape != part.returns.shape or not bool(((held == 0) | (held.abs() == 1)).all()):
            raise ValueError(
                f"{self.name}: a policy gives -1, 0 or 1 for each of the {len(part)} bars of a part; got a tensor of shape "
                f"{tuple(held.shape)} with values from {float(held.min()):g} to {float(held.max()):g}"
            )
        if self.market.costs.allowed == "long" and bool((held < 0).any()):
            raise ValueError(
                f"{self.name}: a policy went short, and SIDES allows long alone; read `market.costs.allowed`"
            )
        return held
