"""Makes tearsheet.html of returns.csv: the strategy beside buy and hold. Needs `pip install quantstats`."""

from pathlib import Path

import pandas as pd
import quantstats

here = Path(__file__).parent
returns = pd.read_csv(here / "returns.csv", index_col="date", parse_dates=True)
quantstats.reports.html(
    returns["strategy"],
    benchmark=returns["buy_and_hold"],
    output=str(here / "tearsheet.html"),
    title="Strategy",
    periods_per_year=365,  # this market trades on every day
)
