"""Swing: between Short and Medium."""

from progressive_training import MarketBucket

bucket = MarketBucket(name="Swing", horizons=(12, 24, 48, 96), exploration=0.2)
