"""Train the buckets in sequence with the live console, then ask a saved model what it would do.

python examples/sequence.py
python examples/sequence.py --data bars.csv --episodes 20 --sequence "Scalping,Short"
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from progressive_training import ProgressiveTrainer, ProgressiveTrainingError, resolve

HOW_TO_USE = """\
The models are saved. To ask one what it would do now, no trainer is needed:

    import pandas as pd
    from progressive_training import load_model

    model = load_model("{path}")
    bars = pd.read_csv("bars.csv")  # the newest bars, with the columns it was trained on
    print(model(bars, position="flat"))
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the example; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a file of bars; without it a synthetic market is used")
    parser.add_argument("--episodes", type=int, help="episodes for each bucket")
    parser.add_argument("--sequence", help='buckets in order, such as "Scalping,Medium,Long"')
    parser.add_argument("--run-dir", type=Path, help="where the run goes; default: a new directory below runs/")
    options = parser.parse_args(arguments)

    asked = {"DATA": options.data and str(options.data), "EPISODES": options.episodes}
    try:
        settings = resolve(flags={key: value for key, value in asked.items() if value is not None})
        trainer = ProgressiveTrainer(settings=settings, run_dir=options.run_dir, plugins=["console"])
        sequence = [name.strip() for name in options.sequence.split(",")] if options.sequence else None
        models = trainer.train_progressively(custom_sequence=sequence)
    except ProgressiveTrainingError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"stopped; go on with: progressive-training --resume --run-dir {trainer.run_dir}\n")
    print(HOW_TO_USE.format(path=list(models.values())[-1]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
