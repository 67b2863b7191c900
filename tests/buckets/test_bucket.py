"""The four buckets differ as the specification says, and a stranger's takes a few lines."""

import subprocess
import sys
from importlib import import_module

import pytest

from progressive_training import Bucket, MarketBucket

RANGES = {"Scalping": (1, 72), "Short": (6, 144), "Medium": (24, 288), "Long": (72, 576)}


def built_in(name: str) -> MarketBucket:
    bucket: MarketBucket = import_module(f"progressive_buckets.{name.lower()}").bucket
    return bucket


@pytest.mark.parametrize("name", RANGES)
def test_horizons_are_those_of_the_specification(name: str) -> None:
    bucket = built_in(name)
    assert isinstance(bucket, Bucket)
    assert bucket.name == name
    assert (bucket.horizons[0], bucket.horizons[-1]) == RANGES[name]


def test_exploration_falls_and_patience_grows_with_the_time_scale() -> None:
    buckets = [built_in(name) for name in RANGES]
    assert sorted(buckets, key=lambda bucket: -bucket.exploration) == buckets
    assert sorted(buckets, key=lambda bucket: bucket.reluctance) == buckets
    assert built_in("Long").reluctance > 0


def test_horizons_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="Swing: horizons must be ascending"):
        MarketBucket(name="Swing", horizons=(24, 12))


def test_declaring_buckets_imports_neither_torch_nor_pandas() -> None:
    code = (
        "import sys; from progressive_buckets import scalping, short, medium, long; "
        "assert not {'torch', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
