"""Trades the positions in bars.csv with backtesting.py: an order at a bar's close, filled at the next open. Needs `pip install backtesting`."""

import json
import sys
from pathlib import Path
from typing import Any

UNITS = 1e8
"""backtesting.py trades whole units: with so many, what is lost by rounding is nothing."""


def backtest_of(directory: Path) -> Any:
    """The backtest of the bars in a directory, ready to `run()`."""
    import pandas as pd
    from backtesting import Backtest, Strategy

    bars = pd.read_csv(directory / "bars.csv", index_col="time", parse_dates=True)
    costs = json.loads((directory / "costs.json").read_text("utf-8"))
    opens, positions = bars["Open"].to_numpy(), bars["position"].to_numpy()

    side, capital = costs["commission"], costs["capital"]
    # The model's account takes the fee of an entry from the whole stake, fee included; half of that on each side comes to the same.
    commission = side * (1 + side * capital / 2)

    class Exported(Strategy):  # type: ignore[misc]  # of a package that is not always there
        """Holds during each bar the position that bars.csv names."""

        def init(self) -> None:
            """Nothing is computed: the positions are those of the model."""

        def next(self) -> None:
            """Bring the account to the position of the next bar, at whose open the orders fill."""
            bar = len(self.data) - 1
            if bar + 1 == len(positions):
                return
            wanted, price = positions[bar + 1], opens[bar + 1]
            held = self.position.size
            if (held > 0) - (held < 0) == wanted:
                return
            equity = self.equity + held * (price - self.data.Close[-1]) - commission * abs(held) * price
            if held:
                self.position.close()
            units = int(capital * equity * (1 - side * capital) / price)
            if wanted > 0:
                self.buy(size=units)
            elif wanted < 0:
                self.sell(size=units)

    cash = UNITS * bars["High"].max()
    return Backtest(bars, Exported, cash=cash, commission=commission, finalize_trades=True)


def main(directory: Path) -> None:
    """Show what backtesting.py says, beside the model's own total, and draw it."""
    backtest = backtest_of(directory)
    found = backtest.run()
    print(found)
    own = json.loads((directory / "costs.json").read_text("utf-8"))["total"]
    print(f"\ntotal {found['Return [%]']:+.4f} %, and by the model's own account {100 * own:+.4f} %")
    backtest.plot(filename=str(directory / "backtest.html"), open_browser=False)


if __name__ == "__main__":
    try:
        main(Path(__file__).parent)
    except ModuleNotFoundError as error:
        sys.exit(f"needs {error.name}: pip install {error.name}")
