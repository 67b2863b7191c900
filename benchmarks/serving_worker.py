"""Seconds of a decision from 2,000 bars, and of one on a bar more, with whichever version of the program PYTHONPATH names first.

    python serving_worker.py CALLS

Models of two versions differ in format, so it trains one of its own. Only names that earlier versions have as well are used.
"""

from __future__ import annotations

import inspect
import json
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from time import thread_time
from typing import Any

BARS = 2_000
FILLING = 8
"""Episodes after which the contextual memory is full."""


def main() -> None:
    """Print the CPU seconds of the fastest of so many calls of the model, and of so many of a live one with windows that move on."""
    warnings.simplefilter("ignore")
    import pandas as pd
    import torch

    from progressive_market.bars import synthetic_bars

    torch.set_num_threads(1)
    made = synthetic_bars(6_000, 3)
    columns = {name: getattr(made, name) for name in ("open", "high", "low", "close", "volume")}
    frame = pd.DataFrame({"time": pd.to_datetime(made.time, utc=True), **columns})
    with TemporaryDirectory() as folder:
        model = trained(made, Path(folder))
    held = ("flat",) if "position" in inspect.signature(type(model).__call__).parameters else ()
    live, calls = model.live(*held), int(sys.argv[1])
    live(frame.iloc[:BARS])
    taken: list[list[float]] = [[], []]
    for call in range(1, calls + 1):
        window = frame.iloc[call : call + BARS]
        for seconds, decide in zip(taken, (lambda bars: model(bars, *held), live), strict=True):
            begun = thread_time()
            decide(window)
            seconds.append(thread_time() - begun)
    print(json.dumps([min(seconds) for seconds in taken]))


def trained(bars: Any, folder: Path) -> Any:
    """A model with the default sizes and features, that recalls as many situations as one can."""
    from safetensors.torch import save_file

    from progressive_app.config.resolve import defaults
    from progressive_buckets.learner.opening import learner_on
    from progressive_training import BucketInfo, MarketBucket, Resources, load_model

    bucket = MarketBucket(name="Swing", horizons=(1, 6, 24, 72))
    settings = {**defaults(), "EPISODE_BARS": 64, "UPDATES_PER_EPISODE": 5}
    info = BucketInfo(
        name="Swing",
        horizons=bucket.horizons,
        sequence=("Swing",),
        episodes=1,
        seed=1,
        run_dir=folder,
        settings=settings,
    )
    learner = learner_on(bars, bucket, info, Resources(device="cpu", parallel_episodes=32, batch_size=256))
    for _ in range(FILLING):
        learner.run_episode()
    learner.memory.weight = 0.25
    learner.evaluator.evaluate(learner.policy())
    model = learner.model()
    save_file(dict(model.tensors), folder / "model.safetensors", metadata={"card": json.dumps(dict(model.card))})
    return load_model(folder)


if __name__ == "__main__":
    main()
