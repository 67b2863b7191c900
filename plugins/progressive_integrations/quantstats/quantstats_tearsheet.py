"""Makes tearsheet.html of returns.csv: the strategy beside buy and hold. Needs `pip install quantstats`."""

import sys
from pathlib import Path


def tearsheet(directory: Path) -> None:
    """Write it into the directory that holds the returns."""
    import pandas as pd
    import quantstats

    returns = pd.read_csv(directory / "returns.csv", index_col="date", parse_dates=True)
    quantstats.reports.html(
        returns["strategy"],
        benchmark=returns["buy_and_hold"],
        output=str(directory / "tearsheet.html"),
        title="Strategy",
        periods_per_year=365,  # this market trades on every day
    )


if __name__ == "__main__":
    try:
        tearsheet(Path(__file__).parent)
    except ModuleNotFoundError as error:
        sys.exit(f"needs {error.name}: pip install {error.name}")
