"""A measurement of the same weights is taken from the cache, without measuring again."""

import torch

from progressive_buckets.insight.measurement_cache import MeasurementCache


def test_only_new_weights_are_measured() -> None:
    cache, measured = MeasurementCache[float](), []

    def value_of(value: float) -> float:
        def measure() -> float:
            measured.append(value)
            return -value

        return cache.get(torch.tensor([value]), measure)

    assert [value_of(value) for value in (1.0, 2.0, 1.0, 2.0)] == [-1.0, -2.0, -1.0, -2.0]
    assert measured == [1.0, 2.0]
    assert value_of(3.0) == -3.0  # the oldest is forgotten for it
    assert (value_of(2.0), value_of(1.0)) == (-2.0, -1.0)
    assert measured == [1.0, 2.0, 3.0, 1.0]
