"""ContextualMemory recalls what followed the most similar situations, and reports how similar they were."""

import pytest
import torch
from torch.nn.functional import normalize

from progressive_buckets.naturalistic.recall import keys_of, prepared, recalled

from .conftest import OpenLearner


def test_the_like_is_recalled() -> None:
    random = torch.Generator().manual_seed(0)
    keys = normalize(torch.randn(50, 16, generator=random), dim=1)
    followed = torch.randn(50, 2, generator=random)
    queries = normalize(keys[:5] + 0.01 * torch.randn(5, 16, generator=random), dim=1)
    assert torch.allclose(recalled(prepared(keys, followed, 1), queries[None]), followed[:5], atol=0.2)


@pytest.mark.parametrize("members", [1, 3])
def test_it_is_an_average_that_weighs_the_like_most(members: int) -> None:
    keys, followed = normalize(torch.randn(40, members * 8), dim=1), torch.randn(40, 2)
    hidden = 5 * torch.randn(members, 30, 8)
    hidden[:, 7] = 0  # nothing is active: like all of them
    expected = torch.softmax(20 * keys_of(hidden) @ keys.T, dim=1) @ followed
    assert torch.allclose(recalled(prepared(keys, followed, members), hidden), expected, atol=1e-5)


def test_a_bar_that_is_kept_recalls_itself(open_learner: OpenLearner) -> None:
    learner = open_learner()
    learner.run_episode()
    bars = learner.memory.bars[:3]
    notes = learner.memory.examples(learner.critic, bars)
    assert torch.allclose(notes["similarity"], torch.ones(3), atol=1e-5)
    assert torch.equal(learner.market.features[notes["recalls"]], learner.market.features[bars])


def test_recall_has_a_say_only_where_validation_likes_it(open_learner: OpenLearner) -> None:
    learner = open_learner()
    for _ in range(4):
        learner.run_episode()
    learner.keep_best()
    chosen = learner.validate()
    learner.memory.weight = 0.0
    assert chosen >= learner.validate()


def test_without_memory_nothing_is_recalled(open_learner: OpenLearner) -> None:
    learner = open_learner(CONTEXTUAL_MEMORY=False)
    learner.run_episode()
    learner.keep_best()
    assert learner.memory.weight == 0.0
    assert len(learner.model().tensors["memory.rows"]) == 0


def test_advantages_with_recall_are_those_of_network_and_memory_blended(open_learner: OpenLearner) -> None:
    learner = open_learner(MEMBERS=2)
    learner.run_episode()
    network, features, memory = learner.critic.target, learner.market.features, learner.memory
    memory.weight = 0.25
    expected = 0.75 * network.advantages(features) + 0.25 * memory.recall(network, features)
    assert torch.allclose(memory.advantages(network, features), expected, atol=1e-6)
    memory.weight = 0.0
    assert torch.equal(memory.advantages(network, features), network.advantages(features))
