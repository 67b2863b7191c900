"""Use a trained model: one call on a frame of bars, with no trainer and no plugin involved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from progressive_training import DataError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from torch import Tensor

    from progressive_buckets.bars import Bars
    from progressive_buckets.learner.network import Network
    from progressive_buckets.learner.recall import Memory
    from progressive_buckets.market.market import Market
    from progressive_training import Performance

Action = Literal["long", "flat", "short"]
SIDES: dict[Action, int] = {"long": 1, "flat": 0, "short": -1}
FILE_NAME = "model.safetensors"


@frozen
class Decision:
    """What the model says about the last bar, to be done at the open of the next.

    `values` are expected log gains over staying flat for good, of each action, net of the cost of going there from the
    position held; `predictions` are by horizon in bars, in deviations of a return over so many bars; `time` is the open
    of the last bar (UTC, nanoseconds).
    """

    action: Action
    values: Mapping[Action, float]
    predictions: Mapping[int, float]
    time: int


class TradingModel:
    """A trained bucket. Call it with bars; `card` says what it was trained on."""

    def __init__(self, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
        from progressive_buckets.learner.network import Network, Shape
        from progressive_buckets.learner.recall import Memory

        self.card, self.tensors = card, tensors
        self.horizons = tuple(int(horizon) for horizon in card["horizons"])
        shape = Shape(len(card["features"]), len(card["scales"]), card["width"], card["members"], self.horizons)
        self.network: Network = Network(shape, "cpu")
        self.network.copy_from({name: tensors[name] for name in self.network.parameters})
        self.memory: Memory = Memory(shape.features * shape.scales, "cpu")
        self.memory.recollect(tensors["memory.rows"], tensors["memory.followed"])
        self.memory.refresh(self.network)
        self.memory.weight = float(card["recall_weight"])

    def __call__(self, frame: pd.DataFrame, position: Action = "flat") -> Decision:
        """Decide on the last bar of `frame`.

        :param frame: bars in any order of columns, as exchanges name them, with the extra columns trained on; the more
            history the better, up to about 2,000 bars.
        :param position: what is held now.
        :raise ModelError: a column is missing or unknown, or the bars are of another length than those trained on.
        """
        import torch

        from progressive_buckets.bars import bars_from_frame

        market = self.market(bars_from_frame(frame))
        row = market.features[-1:]
        with torch.no_grad():
            long, short = (self._advantages(row)[0] * self.card["unit"]).tolist()
            predicted = self.network.predictions(self.network.extract(row)[1]).mean(dim=0)[0].tolist()
        steps = market.costs.table()
        held = {"flat": 0, "long": 1, "short": -1}[position]
        gains: tuple[tuple[Action, float, int], ...] = (("long", long, 1), ("flat", 0.0, 0), ("short", short, -1))
        values = {name: gain - steps[abs(side - held)] for name, gain, side in gains}
        action: Action = "flat" if self.card["abstains"] else max((position, *values), key=lambda name: values[name])
        return Decision(action, values, dict(zip(self.horizons, predicted, strict=True)), int(market.times[-1]))

    def performance(self, bars: Bars) -> tuple[Performance, ...]:
        """How the model would have done on `bars`, and the baselines beside it, net of the costs it was trained for.

        :raise ModelError: as for a call. :raise DataError: nothing can be traded between the gaps.
        """
        from progressive_buckets.learner.critic import cost_units
        from progressive_buckets.market.baselines import Ridge, with_baselines
        from progressive_buckets.market.policy import positions_of

        market = self.market(bars)
        if not market.decidable.any():
            raise DataError(f"{len(bars.close)} bars: none can be traded on between two gaps. Give more bars.")
        part = market.part(slice(0, len(bars.close)))
        costs = cost_units(market.costs, self.card["unit"], self.card["patience"], market.device)
        held = positions_of(self._advantages(part.features), part.decidable, costs)
        ridge = Ridge(self.tensors["baseline.ridge"])
        return with_baselines(self.card["bucket"], held, self.card["abstains"], part, market, ridge)

    def market(self, bars: Bars) -> Market:
        """Match `bars` by column names and put them in order and scale.

        :raise ModelError: a column is missing or unknown, or the bars are of another length than those trained on.
        """
        import numpy as np
        from attrs import evolve

        from progressive_buckets.market.features import BUILT_IN
        from progressive_buckets.market.fills import Costs
        from progressive_buckets.market.market import open_market
        from progressive_buckets.market.scaler import Scaler

        wanted = [name for name in self.card["features"] if name not in BUILT_IN]
        missing = [name for name in wanted if name not in bars.extra]
        unknown = [name for name in bars.extra if name not in wanted]
        if missing or unknown:
            told = [f"missing {', '.join(missing)}"] * bool(missing) + [f"unknown {', '.join(unknown)}"] * bool(unknown)
            raise ModelError(
                f"{self.card['bucket']} model: the bars' extra columns do not fit: {'; '.join(told)}. It was trained "
                f"with {', '.join(wanted) or 'none'}; give exactly these beside time, prices and volume."
            )
        seconds = bars.interval / 1e9
        if seconds != self.card["interval_seconds"]:
            raise ModelError(
                f"{self.card['bucket']} model: trained on bars of {self.card['interval_seconds']:g} seconds, got bars "
                f"of {seconds:g} seconds. Resample the bars, or use a model trained on such bars."
            )
        scaler = Scaler(np.array(self.card["scaler"]["mean"]), np.array(self.card["scaler"]["deviation"]))
        ordered = evolve(bars, extra={name: bars.extra[name] for name in wanted})
        costs = Costs(self.card["costs"]["side"], self.card["costs"]["capital"])
        return open_market(ordered, scaler, costs, "cpu")

    def _advantages(self, features: Tensor) -> Tensor:
        from progressive_buckets.learner.critic import mean_advantages

        own = mean_advantages(self.network, features)
        return self.memory.blend(self.network, features, own, self.memory.weight)


def load_model(path: str | Path) -> TradingModel:
    """Read a trained model.

    :param path: a model file, or the directory that holds `model.safetensors`.
    :raise ModelError: there is no such file, or it is not one of our models.
    """
    from safetensors import SafetensorError, safe_open

    file = Path(path)
    file = file / FILE_NAME if file.is_dir() else file
    if not file.is_file():
        raise ModelError(f"{path}: no model there; expected a .safetensors file, or a directory with {FILE_NAME}.")
    try:
        with safe_open(file, framework="pt") as stored:
            card = json.loads((stored.metadata() or {})["card"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  (not a dict)
        return TradingModel(tensors, card)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{file}: not a model of progressive-training ({error}). Train one, or give its file."
        ) from error
