"""ContextualMemory recalls what followed the most similar situations, and says how similar they were."""

import torch
from torch.nn.functional import normalize

from progressive_buckets.learner.recall import recalled

from .conftest import OpenLearner


def test_the_like_is_recalled() -> None:
    random = torch.Generator().manual_seed(0)
    keys = normalize(torch.randn(50, 16, generator=random), dim=1)
    followed = torch.randn(50, 2, generator=random)
    queries = normalize(keys[:5] + 0.01 * torch.randn(5, 16, generator=random), dim=1)
    average, nearest, similarity = recalled(keys, followed, queries)
    assert nearest.tolist() == [0, 1, 2, 3, 4]
    assert bool((similarity > 0.99).all())
    assert torch.allclose(average, followed[:5], atol=0.2)


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
