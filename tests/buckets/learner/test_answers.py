"""What was asked of the same weights is answered without measuring again."""

import torch

from progressive_buckets.insight.measurement_cache import Answers


def test_only_new_weights_are_measured() -> None:
    answers, asked = Answers[float](), []

    def answer(value: float) -> float:
        def measure() -> float:
            asked.append(value)
            return -value

        return answers.of(torch.tensor([value]), measure)

    assert [answer(value) for value in (1.0, 2.0, 1.0, 2.0)] == [-1.0, -2.0, -1.0, -2.0]
    assert asked == [1.0, 2.0]
    assert answer(3.0) == -3.0  # the oldest is forgotten for it
    assert (answer(2.0), answer(1.0)) == (-2.0, -1.0)
    assert asked == [1.0, 2.0, 3.0, 1.0]
