"""Long: major trends, prediction 72 to 576 bars ahead, trading only where the move is well worth its cost."""

from progressive_training import MarketBucket

bucket = MarketBucket(
    name="Long",
    horizons=(72, 144, 288, 576),
    exploration=0.05,
    discount=0.998,
    reluctance=0.5,
)
