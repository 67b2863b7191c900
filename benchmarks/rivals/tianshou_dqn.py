"""tianshou's DQN, by its own trainer, on environments of gym-anytrading."""

from __future__ import annotations

from contextlib import redirect_stderr
from io import StringIO
from time import perf_counter

import torch
from tianshou.algorithm import DQN
from tianshou.algorithm.modelfree.dqn import DiscreteQLearningPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.trainer import OffPolicyTrainer, OffPolicyTrainerParams
from tianshou.utils.net.common import Net

from rivals.common import (
    BATCH,
    CAPACITY,
    DISCOUNT,
    ENVIRONMENTS,
    EXPLORATION,
    FEATURES,
    RATE,
    SAMPLES,
    TARGET_UPDATES,
    WIDTH,
    WINDOW,
    raw_table,
    throughput_bars,
)
from rivals.feature_env import makers


class Tianshou:
    """An algorithm of tianshou that trains when asked. `bars` is the length of the market.

    It collects 2,048 transitions before it takes the gradient steps due for them, tianshou's default: after each
    collection it searches the whole replay for missing values, which after every 32 would take nearly all of the time.
    """

    def __init__(self, bars: int) -> None:
        torch.manual_seed(0)
        steps = DummyVectorEnv(makers(raw_table(throughput_bars(bars))))
        space = steps.action_space[0]
        network = Net(state_shape=(WINDOW, FEATURES), action_shape=space.n, hidden_sizes=(WIDTH, WIDTH))
        self.algorithm = DQN(
            policy=DiscreteQLearningPolicy(model=network, action_space=space, eps_training=EXPLORATION),
            optim=AdamOptimizerFactory(lr=RATE),
            gamma=DISCOUNT,
            target_update_freq=TARGET_UPDATES,
            is_double=False,
        )
        replay = VectorReplayBuffer(CAPACITY, ENVIRONMENTS)
        self.collector = Collector(self.algorithm, steps, replay, exploration_noise=True)
        self.collector.reset()
        self.collector.collect(n_step=CAPACITY, random=True)  # a full replay: sampling costs what it does in a long run

    def train(self, transitions: int) -> tuple[int, float]:
        """Train for at least so many transitions; how many it were, and the seconds they took."""
        asked = OffPolicyTrainerParams(
            training_collector=self.collector,
            max_epochs=1,
            epoch_num_steps=transitions,
            batch_size=BATCH,
            update_step_num_gradient_steps_per_sample=SAMPLES / BATCH,
            verbose=False,
            show_progress=False,
        )
        before, start = self.collector.collect_step, perf_counter()
        with redirect_stderr(StringIO()):  # one of its progress bars shows all the same
            OffPolicyTrainer(self.algorithm, asked).run(reset_collectors=False)
        return self.collector.collect_step - before, perf_counter() - start
