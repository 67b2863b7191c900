"""Scalping: moves of minutes to hours, prediction 1 to 72 bars ahead, trying much."""

from progressive_training import MarketBucket

bucket = MarketBucket(
    name="Scalping",
    horizons=(1, 3, 6, 12, 24, 72),
    exploration=0.3,
    discount=0.99,
    reluctance=0.0,
)
