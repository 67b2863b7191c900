"""One bucket in training: episodes through its market, replay, updates, and what it can tell others.

Read `run_episode` first. The pieces have files of their own: `critic` (the gradient step), `targets`, `replay`,
`exploration`, `lessons`, `recall`, `screening`, `importance`; the market side is in `progressive_market`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from progressive_buckets.insight.edge import Edge
from progressive_buckets.insight.episode_report import report_of
from progressive_buckets.insight.importance import Measured, judge_inputs
from progressive_buckets.insight.measurement_cache import MeasurementCache
from progressive_buckets.insight.screening import screened_importance
from progressive_buckets.insight.to_host import Notes, to_host
from progressive_buckets.learner.adopting import SharedInsight, adopt_knowledge
from progressive_buckets.learner.compute import precision
from progressive_buckets.learner.critic import Critic
from progressive_buckets.learner.network import Network
from progressive_buckets.learner.saving import load_into, model_of
from progressive_buckets.learner.state import load_parts, snapshot_of
from progressive_buckets.learner.training_progress import TrainingProgress
from progressive_buckets.naturalistic.exploration import Exploration, Plan
from progressive_buckets.naturalistic.lessons import completed_trades, summarise_trades, surprise
from progressive_buckets.naturalistic.recall import WEIGHTS, ContextualMemory, shown_bars
from progressive_buckets.naturalistic.replay import Replay
from progressive_training import Adoption, EpisodeReport, Evaluation, Knowledge
from progressive_training.market import (
    SHOWN_T,
    Ridge,
    as_maps,
    best_actions,
    degeneration,
    excerpt,
    fit_ridge,
    follow,
    judge,
    one_sided,
    positions_of,
    sides,
    standard_error,
    t_statistic,
    with_baselines,
)

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_buckets.learner.critic import Hyper
    from progressive_buckets.learner.state import Part
    from progressive_training import BucketInfo, Model, Resources, State
    from progressive_training.market import Market, Split


class MarketLearner:
    """Trains one bucket's critic on one market. Implements `progressive_training.Learner`."""

    def __init__(
        self, info: BucketInfo, resources: Resources, market: Market, split: Split, hyper: Hyper, exploration: float
    ) -> None:
        settings = info.settings
        self.info, self.market, self.split = info, market, split
        self.episodes = resources.parallel_episodes
        self.length = min(settings["EPISODE_BARS"], split.train.stop - split.train.start - 2)
        self.batch, self.updates = resources.batch_size, settings["UPDATES_PER_EPISODE"]
        self.lessons_on, self.memory_on = settings["POST_TRADE_LESSONS"], settings["CONTEXTUAL_MEMORY"]
        self.generator = torch.Generator(device=market.device)
        self.generator.manual_seed(info.seed)
        dtype = precision(settings["PRECISION"], market.device)
        self.critic = Critic(
            market, split.train, info.horizons, hyper, settings["LEARNING_RATE"], self.generator, dtype
        )
        self.screened = screened_importance(market, split.train)
        self.critic.set_prior(self.screened)
        count = len(market.returns)
        self.replay = Replay(settings["REPLAY_CAPACITY"], market.device, settings["PRIORITISED_REPLAY"], count)
        rate = settings["EXPLORATION"] if settings["EXPLORATION"] is not None else exploration
        self.exploration = Exploration(market, split.train, rate, settings["ADAPTIVE_EXPLORATION"])
        self.memory = ContextualMemory(market.features.shape[1], market.device, count)
        self.validation, self.test = market.part(split.validation), market.part(split.test)
        self.scored, rows = excerpt(self.validation)
        """The validation bars that every episode is scored on."""
        self.rehearsed, _ = excerpt(market.part(split.train))
        """The training bars that a source of transfer is tried on as well."""
        self.shown = shown_bars(self.validation)
        self.edge = Edge(rows, len(self.validation), len(self.critic.target.state()))
        self.progress = TrainingProgress(self.critic.target, self.generator)
        self.shared = SharedInsight()
        self._ridge: Ridge | None = None
        self._measured: MeasurementCache[Measured] = MeasurementCache()
        self._held: MeasurementCache[Tensor] = MeasurementCache()

    # ------------------------------------------------------------------ training

    def run_episode(self) -> EpisodeReport:
        """Walk parallel episodes, remember the bars, learn from the replay, and measure on validation data.

        Nothing here waits for the device until all that people read of the episode is read at once.
        """
        if self.progress.adopted:
            self.consider()
        self.progress.episode += 1
        plan = self.exploration.plan(self.episodes, self.length, self.generator)
        bars, visited, notes = self.walk(plan)
        notes["exploration"] |= plan.notes
        loss = self.critic.learn(self.replay, self.updates, self.batch)
        if self.memory_on:
            self.memory.remember(bars, visited, self.critic)
            notes["recalls"] = self.memory.examples(self.critic, self.shown)
        notes["priorities"] = self.replay.statistics()
        notes["score"] = {"score": self.measure(), "loss": loss}
        seen = to_host(notes)
        score = self.keep(float(seen["score"]["score"]))
        return report_of(self, score, seen)

    def consider(self) -> float:
        """Score the current weights, and keep them if none were better on validation; of equal ones, the latest."""
        return self.keep(float(self.measure()))

    def measure(self) -> Tensor:
        """Score of the current weights [], which the edge considers too; not a number where they are no numbers."""
        state = self.critic.target.state()
        growth = torch.where(torch.isfinite(state).all(), self.growth(), math.nan)
        self.edge.consider(growth, state)
        return growth.sum()

    def keep(self, score: float) -> float:
        """Keep the current weights if none had a better score; minus infinity where `score` is not a number."""
        return self.progress.keep(score, self.critic.target)

    def walk(self, plan: Plan) -> tuple[Tensor, Tensor, dict[str, Notes]]:
        """Act through the planned episodes and put what was visited into the replay.

        :return: the bars walked over [N], which of them were visited (may be decided on) [N], and what is to be told of
            exploration and lessons.
        """
        critic, device = self.critic, self.market.device
        bars = plan.starts[:, None] + torch.arange(self.length, device=device)  # [P, L]
        inside = bars < self.split.train.stop - 1
        bars = bars.clamp(max=self.split.train.stop - 1)
        decidable = self.market.decidable[bars] & inside
        advantage = critic.advantages(self.market.features.index_select(0, bars.flatten())).view(*bars.shape, 2)

        actions = best_actions(advantage, critic.costs)  # [P, L, 3]
        trial, explored = self.exploration.trials(bars, plan.rates, self.generator)  # [P, L] both
        actions = torch.where(explored[..., None], trial[..., None], actions)
        position = follow(as_maps(actions, decidable))  # [P, L], 0 flat, 1 long, 2 short

        wrong = critic.one_step(bars, advantage) - advantage  # [P, L, 2]
        errors = wrong.abs().mean(dim=-1)  # [P, L]
        held = sides(device).take(position)
        trades = completed_trades(self.market, bars, held, explored, wrong * critic.unit)
        notes = {
            "exploration": {"tried": explored.float().mean()},
            "lessons": summarise_trades(self.market, trades) if self.lessons_on else {"count": trades.entered.sum()},
        }
        weight = errors + surprise(trades).float() / critic.unit if self.lessons_on else errors
        walked, visited = bars.flatten(), decidable.flatten()
        self.replay.add(walked, weight.flatten(), visited)
        self.exploration.update(walked, errors.flatten(), visited)
        return walked, visited, notes

    # ------------------------------------------------------------------ measuring

    def advantages(self, features: Tensor) -> Tensor:
        """Advantage of long and short over flat [N, 2], in units, memory included."""
        own = self.critic.advantages(features)
        return self.memory.blend(self.critic.target, features, own, self.memory.weight)

    def positions(self, features: Tensor, decidable: Tensor) -> Tensor:
        """Signed positions [N] over consecutive bars."""
        return positions_of(self.advantages(features), decidable, self.critic.costs)

    def growth(self) -> Tensor:
        """Log growth of each scored bar [N] under the current weights."""
        return self.market.growth(self.positions(self.scored.features, self.scored.decidable), self.scored)

    def validate(self) -> float:
        """Net log return of the current weights over the scored validation bars; minus infinity when they are no numbers."""
        return float(self.market.growth(self.held(), self.scored).sum()) if self.finite() else -math.inf

    def validation_error(self) -> float:
        """Standard error of `validate()`, from blocks; not a number when the weights are none, or hold one side for good."""
        if not self.finite() or one_sided(self.held(), self.scored.decidable):
            return math.nan
        return standard_error(self.market.growth(self.held(), self.scored))

    def training_t(self) -> float:
        """t of the current weights' growth on an excerpt of the training bars; not a number when the weights are none."""
        if not self.finite():
            return math.nan
        held = self.positions(self.rehearsed.features, self.rehearsed.decidable)
        return t_statistic(self.market.growth(held, self.rehearsed))

    def held(self) -> Tensor:
        """Signed positions [N] over the scored bars, followed once for the same weights."""
        state = torch.cat([self.critic.target.state(), self.market.features.new_tensor([self.memory.weight])])
        return self._held.of(state, lambda: self.positions(self.scored.features, self.scored.decidable))

    def finite(self) -> bool:
        """Whether the acting weights are numbers: training can diverge, and a transfer can bring anything."""
        return bool(torch.isfinite(self.critic.target.flat).all())

    def abstains(self) -> bool:
        """Whether validation shows no edge, so that the model is to stay flat."""
        return self.edge_t() < SHOWN_T

    def edge_t(self) -> float:
        """t of the edge on all validation bars (see `Edge`), without recall."""
        return self.edge.t(self.growth_of)

    def growth_of(self, state: Tensor) -> Tensor:
        """Log growth of every validation bar [N] under the weights of a `state`."""
        part, network = self.validation, Network(self.critic.target.shape, self.market.device)
        network.load_state(state)
        held = positions_of(network.advantages(part.features), part.decidable, self.critic.costs)
        return self.market.growth(held, part)

    def evaluate(self) -> Evaluation:
        """Measure the current weights and the baselines on validation and test data.

        Where the model abstains, what it would have done is a row of its own.
        """
        if self.progress.adopted:
            self.consider()
        abstains = self.abstains()
        rows = []
        for part in (self.validation, self.test):
            traded = self.held() if part is self.scored else self.positions(part.features, part.decidable)
            rows.append(with_baselines(self.info.name, traded, abstains, part, self.market, self.ridge()))
        return judge(rows[0], rows[1], self.edge_t(), self.degeneration())

    def degeneration(self) -> str:
        """Why the current policy is degenerate, in words; empty when it is not."""
        return degeneration(self.held(), self.scored, self.market, self.ridge)

    def ridge(self) -> Ridge:
        """The ridge baseline, fitted once."""
        if self._ridge is None:
            self._ridge = fit_ridge(self.market, self.split.train, self.validation)
        return self._ridge

    # ------------------------------------------------------------------ knowledge

    def knowledge(self) -> Knowledge:
        """Weights by name, importance of features, skill by horizon; the tensors are copies.

        Nobody may learn from a degenerate policy.
        """
        measured = self.measured()
        self.shared.share(measured.importance, measured.horizons)
        return Knowledge(
            origin=self.info.name,
            weights=self.critic.target.knowledge(),
            feature_importance=measured.importance,
            horizons=measured.horizons,
            distrust=self.degeneration(),
        )

    def measured(self) -> Measured:
        """Importance of features and skill by horizon, measured once for the same weights."""
        state = self.critic.target.state()
        return self._measured.of(state, lambda: judge_inputs(self.critic, self.validation, self.screened))

    def adopt(self, knowledge: Knowledge) -> Adoption:
        """Take over weights that fit by name and shape, and importances and horizon skills that are not our own."""
        return adopt_knowledge(self, knowledge)

    # ------------------------------------------------------------------ saving

    def parts(self) -> dict[str, Part]:
        """The parts that training changes; each owns its state."""
        return {
            "progress": self.progress,
            "critic": self.critic,
            "replay": self.replay,
            "exploration": self.exploration,
            "memory": self.memory,
            "edge": self.edge,
            "shared": self.shared,
        }

    def snapshot(self) -> State:
        """The states of all parts, as copies."""
        return snapshot_of(self.parts())

    def restore(self, state: State) -> None:
        """Return to a snapshot; training then goes on as it did from there, to the bit.

        :raise ModelError: it does not fit; the learner is then as it was.
        """
        load_parts(self.parts(), state, self.info.name)
        if len(self.memory.rows):
            self.memory.refresh(self.critic.target)

    def keep_best(self) -> None:
        """Return to the best weights, and choose on validation how much recall may say beside them."""
        for network in (self.critic.online, self.critic.target):
            network.load_state(self.progress.best)
        self.memory.weight = 0.0
        if self.memory_on and len(self.memory.bars):
            self.memory.follow(self.critic)
            own = self.critic.advantages(self.scored.features)
            recalled = self.memory.recall(self.critic.target, self.scored.features)
            self.memory.weight = max(WEIGHTS, key=lambda weight: self.score_of(torch.lerp(own, recalled, weight)))

    def score_of(self, advantages: Tensor) -> float:
        """Validation score of advantages [N, 2] on the scored bars."""
        held = positions_of(advantages, self.scored.decidable, self.critic.costs)
        return float(self.market.growth(held, self.scored).sum())

    def model(self) -> Model:
        """The current weights, memory and ridge baseline, and the card that says how to use them."""
        return model_of(self)

    def load(self, model: Model) -> None:
        """Continue from a saved model.

        :raise ModelError: its features, in their order, are not this market's.
        """
        load_into(self, model)

    def close(self) -> None:
        """Let go of the market and the networks."""
        for name in tuple(vars(self)):
            setattr(self, name, None)
