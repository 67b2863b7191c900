"""Algorithms of stable-baselines3 as buckets: `SB3Bucket(name="Mine", horizons=(6, 24), algo="PPO")`. The extra `sb3` installs them.

Nothing of stable-baselines3 is imported before a bucket is used.
"""

from progressive_integrations.stable_baselines.sb3_bucket import SB3Bucket

__all__ = ["SB3Bucket"]
