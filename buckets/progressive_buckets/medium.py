"""Medium: moves of days, prediction 24 to 288 bars ahead, trying little."""

from progressive_training import MarketBucket

bucket = MarketBucket(
    name="Medium",
    horizons=(24, 48, 96, 288),
    exploration=0.1,
    discount=0.995,
    reluctance=0.25,
)
