"""Short: moves of hours to a few days, prediction 6 to 144 bars ahead, balanced between trying and trading."""

from progressive_training import MarketBucket

bucket = MarketBucket(
    name="Short",
    horizons=(6, 12, 24, 48, 144),
    exploration=0.2,
    discount=0.99,
    reluctance=0.0,
)
