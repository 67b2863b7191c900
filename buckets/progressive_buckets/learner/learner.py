"""The learner of a bucket: `MarketLearner.run_episode` is the learning algorithm, top to bottom.

Each step has a file of its own: `naturalistic/exploration` (where episodes start, random actions), `lessons` (analysis of
trades), `replay` (priorities), `recall` (contextual memory); `learner/critic`, `targets`, `gradient`, `optimiser` (the
updates); `insight/screening`, `importance` (features). Fills, costs, and the evaluator are in `progressive_market`.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import torch

from progressive_buckets.insight.episode_report import report_of
from progressive_buckets.insight.importance import Measured, judge_inputs
from progressive_buckets.insight.measurement_cache import MeasurementCache
from progressive_buckets.insight.screening import screened_importance
from progressive_buckets.insight.to_host import Notes, to_host
from progressive_buckets.learner.adopting import SharedInsight, adopt_knowledge
from progressive_buckets.learner.compute import precision
from progressive_buckets.learner.critic import Critic
from progressive_buckets.learner.saving import load_into, model_of
from progressive_buckets.learner.training_progress import TrainingProgress
from progressive_buckets.learner_settings import (
    ADAPTIVE_EXPLORATION,
    CHOOSE,
    CONTEXTUAL_MEMORY,
    EPISODE_BARS,
    EXPLORATION,
    LEARNING_RATE,
    POST_TRADE_LESSONS,
    PRECISION,
    PRIORITISED_REPLAY,
    REPLAY_CAPACITY,
    UPDATES_PER_EPISODE,
)
from progressive_buckets.naturalistic.exploration import Exploration, Plan
from progressive_buckets.naturalistic.lessons import completed_trades, summarise_trades, surprise
from progressive_buckets.naturalistic.recall import WEIGHTS, ContextualMemory, shown_bars
from progressive_buckets.naturalistic.replay import Replay
from progressive_buckets.network_policy import NetworkPolicy
from progressive_training import Adoption, EpisodeReport, Knowledge
from progressive_training.market import (
    PolicyLearner,
    Stateful,
    as_maps,
    best_actions,
    evaluator_on,
    follow,
    positions_of,
    sides,
)

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_buckets.learner.critic import Hyper
    from progressive_training import BucketInfo, Model, Resources, State
    from progressive_training.market import Market, MarketEvaluator, Split


class MarketLearner(PolicyLearner):
    """Trains one bucket's critic on one market. Implements `progressive_training.Learner`.

    Shapes: P parallel episodes of L bars; an action is 0 flat, 1 long or 2 short.
    """

    def __init__(
        self, info: BucketInfo, resources: Resources, market: Market, split: Split, hyper: Hyper, exploration: float
    ) -> None:
        settings = info.settings
        self.info, self.market, self.split = info, market, split
        self.episodes = resources.parallel_episodes
        self.length = min(settings[EPISODE_BARS], split.train.stop - split.train.start - 2)
        self.batch, self.updates = resources.batch_size, settings[UPDATES_PER_EPISODE]
        self.lessons_on, self.memory_on = settings[POST_TRADE_LESSONS], settings[CONTEXTUAL_MEMORY]
        self.generator = torch.Generator(device=market.device)
        self.generator.manual_seed(info.seed)
        dtype = precision(settings[PRECISION], market.device)
        self.critic = Critic(market, split.train, info.horizons, hyper, settings[LEARNING_RATE], self.generator, dtype)
        self.screened = market.once(("screened", str(split.train)), lambda: screened_importance(market, split.train))
        self.critic.set_prior(self.screened)
        count = len(market.returns)
        self.replay = Replay(settings[REPLAY_CAPACITY], market.device, settings[PRIORITISED_REPLAY], count)
        asked = settings[EXPLORATION]
        rate = exploration if asked is None else asked
        self.exploration = Exploration(market, split.train, rate, settings[ADAPTIVE_EXPLORATION])
        self.memory = ContextualMemory(market.features.shape[1], market.device, count)
        self.evaluator: MarketEvaluator = evaluator_on(market, split, info)
        self.shown = shown_bars(self.evaluator.validation)
        self.progress = TrainingProgress(self.critic.target, self.generator, fixed=settings[CHOOSE] == "fixed")
        self.shared = SharedInsight()
        self._measured: MeasurementCache[Measured] = MeasurementCache()
        self._policy: MeasurementCache[NetworkPolicy] = MeasurementCache()
        self._recalling: MeasurementCache[NetworkPolicy] = MeasurementCache()

    # ------------------------------------------------------------------ training

    def run_episode(self) -> EpisodeReport:
        """Walk parallel episodes, store the visited bars in the replay, update the critic, validate, and keep the best.

        The host waits for the device only once, at `to_host`, which fetches all statistics of the episode together.
        """
        if self.progress.adopted:  # a transfer has changed the weights: they may be the best so far
            self.consider()
        self.progress.episode += 1

        # Walk: plan the starts and exploration rates, act, analyse the trades, add the bars to the replay.
        plan = self.exploration.plan(self.episodes, self.length, self.generator)
        bars, visited, notes = self.walk(plan)
        notes["exploration"] |= plan.notes

        # Learn: gradient steps on bars from the replay, then store some situations in the contextual memory.
        loss = self.critic.learn(self.replay, self.updates, self.batch)
        if self.memory_on:
            self.memory.remember(bars, visited, self.critic)
            notes["recalls"] = self.memory.examples(self.critic, self.shown)
        notes["priorities"] = self.replay.statistics()

        # Validate, and keep the weights if none were better. Where nothing is chosen, they are the only ones considered.
        policy = self._policy.put(self.critic.target.state(), self._new_policy())
        if self.progress.fixed:
            self.evaluator.forget()
        notes["score"] = {"score": self.evaluator.measure(policy), "loss": loss}
        seen = to_host(notes)
        score = self.evaluator.keep(policy, seen["score"]["score"].tolist())
        score = self.keep(self.validate() if self.memory.weight else score)
        return report_of(self, score, seen)

    def consider(self) -> float:
        """Validate the current weights, and keep them if none were better (of equal ones, the latest), or none is chosen.
        Returns the score."""
        score = self.evaluator.consider(self.without_recall())
        return self.keep(self.validate() if self.memory.weight else score)

    def keep(self, score: float) -> float:
        """Keep the current weights if none had a better score; minus infinity where `score` is not a number."""
        return self.progress.keep(score, self.critic.target)

    def walk(self, plan: Plan) -> tuple[Tensor, Tensor, dict[str, Notes]]:
        """Act in the planned episodes, analyse the trades, and store the bars in the replay.

        :return: the bars [P x L]; which of them were visited [P x L], that is, may be decided on; and the statistics of
            exploration and lessons for the episode report.
        """
        critic, device = self.critic, self.market.device

        # Act: the best action from each position, or a random one; then follow the actions from flat.
        bars = plan.starts[:, None] + torch.arange(self.length, device=device)  # [P, L]
        inside = bars < self.split.train.stop - 1
        bars = bars.clamp(max=self.split.train.stop - 1)
        decidable = self.market.decidable[bars] & inside
        advantage = critic.valued(bars.flatten()).view(*bars.shape, 2)
        actions = best_actions(advantage, critic.costs)  # [P, L, 3], the action for each position held
        trial, explored = self.exploration.trials(bars, plan.rates, self.generator)  # [P, L] both
        actions = torch.where(explored[..., None], trial[..., None], actions)
        position = follow(as_maps(actions, decidable))  # [P, L]

        # Lessons: temporal-difference errors of long and short, and the completed trades they add up to.
        td_errors = critic.one_step(bars, advantage) - advantage  # [P, L, 2], in units
        errors = td_errors.abs().mean(dim=-1)  # [P, L]
        held = sides(device).take(position)  # [P, L], -1, 0 or 1
        trades = completed_trades(self.market, bars, held, explored, td_errors * critic.unit)
        notes = {
            "exploration": {"tried": explored.float().mean()},
            "lessons": summarise_trades(self.market, trades) if self.lessons_on else {"count": trades.entered.sum()},
        }

        # Store: a bar's replay priority follows from its error, plus the surprise of a trade that begins there.
        surprised = errors + surprise(trades).float() / critic.unit if self.lessons_on else errors
        walked, visited = bars.flatten(), decidable.flatten()
        self.replay.add(walked, surprised.flatten(), visited)
        self.exploration.update(walked, errors.flatten(), visited)
        return walked, visited, notes

    # ------------------------------------------------------------------ measuring

    def policy(self) -> NetworkPolicy:
        """The policy of the current weights, memory included; weights that were adopted are considered first."""
        if self.progress.adopted:
            self.consider()
        return self.acting()

    def acting(self) -> NetworkPolicy:
        """As `policy`, before validation has decided on what was adopted; the same object for the same weights."""
        if not self.memory.weight:
            return self.without_recall()
        state = torch.cat([self.critic.target.state(), self.market.features.new_tensor([self.memory.weight])])
        return self._recalling.get(state, lambda: self.without_recall().recalling(copy(self.memory)))

    def without_recall(self) -> NetworkPolicy:
        """The policy of the current weights alone; the same object for the same weights.

        The evaluator considers these, since `keep_best` chooses the weight of recall on all validation bars.
        """
        return self._policy.get(self.critic.target.state(), self._new_policy)

    def _new_policy(self) -> NetworkPolicy:
        memory = copy(self.memory)
        memory.weight = 0.0
        return NetworkPolicy(self.critic.target, memory, self.critic.costs)

    # ------------------------------------------------------------------ knowledge

    def knowledge(self) -> Knowledge:
        """Copies of the weights by name, importance of features, skill by horizon, t on bars that did not choose them; and why
        to distrust them, if the policy is degenerate."""
        measured = self.measured()
        self.shared.share(measured.importance, measured.horizons)
        return Knowledge(
            origin=self.info.name,
            weights=self.critic.target.knowledge(),
            feature_importance=measured.importance,
            horizons=measured.horizons,
            distrust=self.evaluator.degeneration(self.acting()),
            t=self.own_t(),
        )

    def measured(self) -> Measured:
        """Importance of features and skill by horizon, measured once for the same weights."""
        state = self.critic.target.state()
        return self._measured.get(state, lambda: judge_inputs(self.critic, self.evaluator.validation, self.screened))

    def adopt(self, knowledge: Knowledge) -> Adoption:
        """Copy fitting weights, and use importances and horizon skills; see `adopt_knowledge`."""
        return adopt_knowledge(self, knowledge)

    # ------------------------------------------------------------------ saving

    def parts(self) -> dict[str, Stateful]:
        """The parts with a state that training changes, by the prefix of their names in a snapshot."""
        return {
            "progress": self.progress,
            "critic": self.critic,
            "replay": self.replay,
            "exploration": self.exploration,
            "memory": self.memory,
            "evaluator": self.evaluator,
            "shared": self.shared,
        }

    def restore(self, state: State) -> None:
        """Return to a snapshot; training then goes on as it did from there, to the bit.

        :raise ModelError: it does not fit; the learner is then as it was.
        """
        super().restore(state)
        if len(self.memory.rows):
            self.memory.refresh(self.critic.target)

    def keep_best(self) -> None:
        """Return to the best weights, and choose the weight of recall that is best with them on validation.

        With CHOOSE "fixed" these are the latest weights, without recall.
        """
        for network in (self.critic.online, self.critic.target):
            network.load_state(self.progress.best)
        self.memory.weight = 0.0
        if self.memory_on and len(self.memory.bars) and not self.progress.fixed:
            self.memory.follow(self.critic)
            features = self.evaluator.scored.features
            own, recalled = self.critic.advantages(features), self.memory.recall(self.critic.target, features)
            self.memory.weight = max(WEIGHTS, key=lambda weight: self.score_of(torch.lerp(own, recalled, weight)))

    def score_of(self, advantages: Tensor) -> float:
        """Validation score of advantages [N, 2] on the scored bars."""
        scored = self.evaluator.scored
        held = positions_of(advantages, scored.decidable, self.critic.costs, scored.absent)
        return float(self.market.growth(held, scored).sum())

    def model(self) -> Model:
        """The current weights, contextual memory and ridge baseline, and the card that describes their use."""
        return model_of(self)

    def load(self, model: Model) -> None:
        """Continue from a saved model.

        :raise ModelError: it is damaged, or its features are not this market's, in the same order.
        """
        load_into(self, model)
