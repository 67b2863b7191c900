"""The environment of all libraries: gym-anytrading with our features in place of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from gym_anytrading.envs import StocksEnv

from rivals.common import ENVIRONMENTS, WINDOW, Table

if TYPE_CHECKING:
    from collections.abc import Callable


class FeatureEnv(StocksEnv):
    """gym-anytrading's environment of shares on our features, made as its documentation says: by `_process_data`.

    It does not show its position (an observation is 32 x 8), knows long and short only, and so has less to compute.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        frame = pd.DataFrame({"Close": table.prices})
        super().__init__(df=frame, window_size=WINDOW, frame_bound=(WINDOW, len(frame)))

    def _process_data(self) -> tuple[np.ndarray, np.ndarray]:
        return self.table.prices.astype(np.float32), self.table.rows


def makers(table: Table) -> list[Callable[[], FeatureEnv]]:
    """What makes `ENVIRONMENTS` of them, for a library to step in its own way."""
    return [lambda: FeatureEnv(table) for _ in range(ENVIRONMENTS)]
